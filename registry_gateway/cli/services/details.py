"""All details of one service, registered or gone, for `services show`."""

from collections.abc import Mapping, Sequence

import click
import msgspec

from registry_gateway.cli.events import print_events
from registry_gateway.cli.finding_lines import print_findings
from registry_gateway.cli.key_lookup import NoSuchService, suggestion
from registry_gateway.cli.output import age, indented, moment, print_table, say
from registry_gateway.cli.registry_access.access import RegistryAccess
from registry_gateway.cli.subscriptions import print_subscriptions
from registry_gateway.core.lease import Health
from registry_gateway.core.model import Event, Subscription, Version
from registry_gateway.core.status import Status
from registry_gateway.doctor.rules.finding import Finding
from registry_gateway.wire.catalogue import Ending, ServiceDetail
from registry_gateway.wire.lease import LeaseView

EVENTS = 20
"""Number of the last events that are shown."""

TOOLS = 20
"""Most tools that are named in the text output."""


class RegistrationView(msgspec.Struct, frozen=True, kw_only=True):
    """A registration, or what the registration of a service that is gone last was."""

    dialect: str
    key: str
    name: str | None
    version: str | None
    address: str | None
    owner: str | None
    reported: str | None
    approved_at: float | None
    registered_at: float
    updated_at: float | None
    lease: LeaseView


class Details(msgspec.Struct, kw_only=True):
    """A service with its history. Of one that is gone, `registration` is its last state, if that is kept, without owner
    and approval; `registered` is then false, as for one that is known from the log alone.
    """

    key: str
    dialect: str
    registered: bool
    now: float
    status: Status
    health: Health
    approved: bool | None
    registration: RegistrationView | None
    ended: Ending | None
    versions: list[Version]
    subscriptions: list[Subscription]
    findings: list[Finding]
    notes: Mapping[str, str]
    tools: list[str]
    document: msgspec.Raw | None
    tools_document: msgspec.Raw | None
    events: list[Event]


async def read_details(registry: RegistryAccess, key: str, dialect: str | None) -> Details:
    """Return all details of the service `key`.

    Raises:
        NoSuchService: Nothing is: it isn't registered, and there are no events of it.
        click.ClickException: It is registered in several dialects.
    """
    asked = [dialect] if dialect is not None else await registry.dialects()
    known = [found for name in asked if (found := await registry.service(name, key)) is not None]
    if not known:
        raise NoSuchService(
            f"{key} is not registered, and there are no events of it{await suggestion(registry, key)} "
            "(registry-gateway services list shows what is registered)"
        )
    registered = [found for found in known if found.status is not Status.GONE]
    if len(registered) > 1:
        names = " and ".join(found.dialect for found in registered)
        raise click.ClickException(f"{key} is registered in {names}; say which with --dialect")
    service = registered[0] if registered else max(known, key=lambda gone: 0 if gone.ended is None else gone.ended.at)
    events = await registry.last_events(service.dialect, key, EVENTS)
    return _details(service, list(events), await registry.now())


def _details(service: ServiceDetail, events: list[Event], now: float) -> Details:
    registered = service.status is not Status.GONE
    return Details(
        key=service.key,
        dialect=service.dialect,
        registered=registered,
        now=now,
        status=service.status,
        health=service.health,
        approved=service.approved_at is not None if registered else None,
        registration=_registration(service),
        ended=service.ended,
        versions=service.versions,
        subscriptions=service.subscriptions,
        findings=service.findings,
        notes=service.notes,
        tools=service.tools,
        document=_unless_null(service.document),
        tools_document=_unless_null(service.tools_document),
        events=events,
    )


def _registration(service: ServiceDetail) -> RegistrationView | None:
    if service.registered_at is None or service.lease is None:
        return None
    return RegistrationView(
        dialect=service.dialect,
        key=service.key,
        name=service.name,
        version=service.version,
        address=service.address,
        owner=service.owner,
        reported=service.reported,
        approved_at=service.approved_at,
        registered_at=service.registered_at,
        updated_at=service.updated_at,
        lease=service.lease,
    )


def _unless_null(document: msgspec.Raw) -> msgspec.Raw | None:
    return None if bytes(document) == b"null" else document


def print_details(details: Details) -> None:
    """Print the details as text."""
    if details.registration is None:
        say(f"{details.key} is no longer registered. Last events:")
        say()
        print_events(details.events)
        _print_findings(details)
        return
    if not details.registered:
        say(f"{details.key} is no longer registered. As it was:")
        say()
    for name, value in _facts(details, details.registration):
        say(f"{name:<14}{value}")
    _print_findings(details)
    _heading("Versions")
    print_table(("VERSION", "SINCE"), [(v.version, moment(v.since)) for v in details.versions])
    if details.subscriptions:
        _heading("Subscriptions")
        print_subscriptions(details.subscriptions)
    for heading, raw in (("Document", details.document), ("Tools document", details.tools_document)):
        if raw is not None:
            _heading(heading)
            for line in indented(bytes(raw)).split("\n"):
                say(line)
    _heading(f"Last events (registry-gateway events --service {details.key} has all)")
    print_events(details.events, whose=False)


def _print_findings(details: Details) -> None:
    if details.findings:
        _heading("Findings")
        print_findings(details.findings)


def _heading(text: str) -> None:
    say()
    say(text)


def _tools(names: Sequence[str]) -> str:
    more = f", and {len(names) - TOOLS} more" if len(names) > TOOLS else ""
    return ", ".join(names[:TOOLS]) + more or "-"


def _facts(details: Details, registration: RegistrationView) -> list[tuple[str, str]]:
    lease, now = registration.lease, details.now
    if lease.alive:
        ends = f"ends in {age(lease.expires_at - now)} unless renewed"
    else:
        ends = f"ended {age(now - lease.expires_at)} ago"
    reported = "" if registration.reported is None else f" (self-reported: {registration.reported})"
    facts = [
        ("Key", registration.key),
        ("Dialect", registration.dialect),
        ("Name", registration.name or "-"),
        ("Version", registration.version or "-"),
        ("Address", registration.address or "-"),
        ("Tools", _tools(details.tools)),
        ("Account", registration.owner or "-"),
        ("Status", details.status.value),
        ("Health", f"{details.health.value}{reported}"),
        ("Approved", moment(registration.approved_at) if registration.approved_at is not None else "no"),
        ("Lease", f"{lease.ttl:g} s, {ends} ({moment(lease.expires_at)})"),
        ("Last seen", f"{age(now - lease.last_seen)} ago ({moment(lease.last_seen)})"),
        ("Registered", moment(registration.registered_at)),
        ("Updated", "-" if registration.updated_at is None else moment(registration.updated_at)),
        *details.notes.items(),
    ]
    return facts if details.registered else [fact for fact in facts if fact[0] not in ("Account", "Approved")]
