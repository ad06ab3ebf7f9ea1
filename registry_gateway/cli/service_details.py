"""All details of one service, registered or gone, for `services show`."""

from collections.abc import Sequence

import msgspec

from registry_gateway.adapter import Core
from registry_gateway.cli.events import print_events
from registry_gateway.cli.finding_lines import print_findings
from registry_gateway.cli.key_lookup import NoSuchService, find_service
from registry_gateway.cli.output import age, indented, moment, print_table, say
from registry_gateway.cli.subscriptions import print_subscriptions
from registry_gateway.core.lease import Health
from registry_gateway.core.model import Event, Registration, Subscription, Version
from registry_gateway.core.status import Status, status
from registry_gateway.doctor.rules.finding import Finding
from registry_gateway.doctor.rules.service import RECENT, diagnose

EVENTS = 20
"""Number of the last events that are shown."""

TOOLS = 20
"""Most tools that are named in the text output."""


class Dossier(msgspec.Struct, kw_only=True):
    """A service with its history; without a registration, the history of one that is gone."""

    key: str
    registered: bool
    now: float
    status: Status = Status.GONE
    health: Health = Health.GONE
    approved: bool | None = None
    registration: Registration | None = None
    versions: list[Version] = []
    subscriptions: list[Subscription] = []
    findings: list[Finding] = []
    tools: list[str] = []
    document: msgspec.Raw | None = None
    tools_document: msgspec.Raw | None = None
    events: list[Event] = []


async def compile_dossier(core: Core, key: str, dialect: str | None) -> Dossier:
    """Return all details of the service `key`.

    Raises:
        NoSuchService: Nothing is: it isn't registered, and there are no events of it.
        click.ClickException: It is registered in several dialects.
    """
    now = (await core.registry.moment()).now
    try:
        entry = await find_service(core, key, dialect)
    except NoSuchService:
        past = await core.registry.events(dialect=dialect, key=key, limit=RECENT)
        if not past:
            raise NoSuchService(
                f"{key} is not registered, and there are no events of it (registry-gateway services list shows "
                "what is registered)"
            ) from None
        findings = diagnose(None, past, now)
        return Dossier(key=key, registered=False, now=now, findings=findings, events=list(past[-EVENTS:]))
    found = entry.registration
    stands = status(found, core.registry.policies.of(found.dialect), now)
    recent = await core.registry.events(dialect=found.dialect, key=key, limit=RECENT)
    return Dossier(
        key=key,
        registered=True,
        now=now,
        status=stands,
        health=entry.health,
        approved=found.approved,
        registration=found,
        versions=list(await core.registry.versions(found.dialect, key)),
        subscriptions=list(await core.registry.subscriptions(found.dialect, key)),
        tools=list(await core.registry.tools(found.dialect, key)),
        document=msgspec.Raw(entry.document),
        tools_document=None if entry.tools_document is None else msgspec.Raw(entry.tools_document),
        findings=diagnose(None if stands is Status.GONE else entry, recent, now, core.findings),
        events=list(recent[-EVENTS:]),
    )


def print_dossier(dossier: Dossier) -> None:
    """Print the details as text."""
    if dossier.registration is None:
        say(f"{dossier.key} is no longer registered. Last events:")
        say()
        print_events(dossier.events)
        _print_findings(dossier)
        return
    for name, value in _facts(dossier, dossier.registration):
        say(f"{name:<14}{value}")
    _print_findings(dossier)
    _heading("Versions")
    print_table(("VERSION", "SINCE"), [(v.version, moment(v.since)) for v in dossier.versions])
    if dossier.subscriptions:
        _heading("Subscriptions")
        print_subscriptions(dossier.subscriptions)
    for heading, raw in (("Document", dossier.document), ("Tools document", dossier.tools_document)):
        if raw is not None:
            _heading(heading)
            for line in indented(bytes(raw)).split("\n"):
                say(line)
    _heading(f"Last events (registry-gateway events --service {dossier.key} has all)")
    print_events(dossier.events, whose=False)


def _print_findings(dossier: Dossier) -> None:
    if dossier.findings:
        _heading("Findings")
        print_findings(dossier.findings)


def _heading(text: str) -> None:
    say()
    say(text)


def _tools(names: Sequence[str]) -> str:
    more = f", and {len(names) - TOOLS} more" if len(names) > TOOLS else ""
    return ", ".join(names[:TOOLS]) + more or "-"


def _facts(dossier: Dossier, registration: Registration) -> list[tuple[str, str]]:
    lease, now = registration.lease, dossier.now
    if lease.alive(now):
        ends = f"ends in {age(lease.expires_at - now)} unless renewed"
    else:
        ends = f"ended {age(now - lease.expires_at)} ago"
    reported = "" if registration.reported is None else f" (self-reported: {registration.reported})"
    return [
        ("Key", registration.key),
        ("Dialect", registration.dialect),
        ("Name", registration.name),
        ("Version", registration.version),
        ("Address", registration.address or "-"),
        ("Tools", _tools(dossier.tools)),
        ("Account", registration.owner or "-"),
        ("Status", dossier.status.value),
        ("Health", f"{dossier.health.value}{reported}"),
        ("Approved", moment(registration.approved_at) if registration.approved_at is not None else "no"),
        ("Lease", f"{lease.ttl:g} s, {ends} ({moment(lease.expires_at)})"),
        ("Last seen", f"{age(now - lease.last_seen)} ago ({moment(lease.last_seen)})"),
        ("Registered", moment(registration.registered_at)),
        ("Updated", moment(registration.updated_at)),
    ]
