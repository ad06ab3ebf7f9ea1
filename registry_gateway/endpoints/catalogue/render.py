"""Conversion of the core's objects to the catalogue's bodies. Pure."""

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from registry_gateway.core.lease import Health, LeasePolicy, Policies
from registry_gateway.core.model import Entry, Event, Registration
from registry_gateway.core.overview import Overview
from registry_gateway.core.registration_events import lapse
from registry_gateway.core.status import Status, status
from registry_gateway.doctor.rules.finding import Finding
from registry_gateway.doctor.rules.overview import of_overview
from registry_gateway.doctor.rules.service import OwnFindings, diagnose
from registry_gateway.http.representations import lease_view, spliced
from registry_gateway.store.statements import catalogue
from registry_gateway.store.statements.past import Past
from registry_gateway.store.statements.registrations import Found
from registry_gateway.wire.catalogue import (
    Ending,
    LogPage,
    OverviewBody,
    Service,
    ServiceDetail,
    ServiceList,
    Stats,
)

_NULL = msgspec.Raw(b"null")


def service(
    registration: Registration, tools: Sequence[str], end: Event | None, policies: Policies, now: float
) -> Service:
    """Return a registration as an element of a list. `end` is its last recorded end."""
    policy, lease = policies.of(registration.dialect), registration.lease
    stands = status(registration, policy, now)
    return Service(
        dialect=registration.dialect,
        key=registration.key,
        name=registration.name,
        version=registration.version,
        address=registration.address,
        status=stands,
        health=lease.health(policy, now),
        reported=registration.reported,
        registered_at=registration.registered_at,
        updated_at=registration.updated_at,
        last_seen=lease.last_seen,
        expires_at=lease.expires_at,
        ttl=lease.ttl,
        tools=list(tools),
        ended=_ended(registration, end, now) if stands is Status.GONE else None,
    )


def past_service(past: Past) -> Service:
    """Return a past service as an element of a list."""
    return Service(
        dialect=past.dialect,
        key=past.key,
        name=past.name,
        version=past.version,
        address=past.address,
        since=past.since,
    )


def listed(page: ServiceList) -> Iterator[bytes]:
    """Yield a page as JSON in parts, because its services may have many tools."""
    services = page.services
    yield msgspec.json.encode(msgspec.structs.replace(page, services=[]))[:-2]
    for number, service in enumerate(services):
        yield b"," + msgspec.json.encode(service) if number else msgspec.json.encode(service)
    yield b"]}"


def log_page(page: LogPage) -> Iterator[bytes]:
    """Yield a page of the log as JSON in parts."""
    yield msgspec.json.encode(msgspec.structs.replace(page, events=[]))[:-2]
    for number, event in enumerate(page.events):
        yield b"," + msgspec.json.encode(event) if number else msgspec.json.encode(event)
    yield b"]}"


def overview_body(overview: Overview) -> OverviewBody:
    """Return an overview with the findings about it."""
    return OverviewBody(**msgspec.structs.asdict(overview), findings=of_overview(overview))


def picked(service: Service, members: Sequence[str]) -> Service:
    """Return a service with the given members only; unchanged if `members` is empty."""
    return Service(**{name: getattr(service, name) for name in members}) if members else service


def service_detail(
    known: catalogue.KnownService, policy: LeasePolicy, now: float, own: OwnFindings
) -> ServiceDetail | None:
    """Return all details of a service; None if it is neither registered nor in the log.

    `own` returns what the dialect of an entry finds.
    """
    if known.found is None:
        return None if known.last is None else _of_the_log(known.last, known.ended, diagnose(None, known.recent, now))
    registration, document, tools_document = known.found
    lease, stands = registration.lease, status(registration, policy, now)
    described = entry(known.found, policy, now)
    return ServiceDetail(
        dialect=registration.dialect,
        key=registration.key,
        name=registration.name,
        version=registration.version,
        address=registration.address,
        status=stands,
        health=described.health,
        reported=registration.reported,
        owner=registration.owner,
        registered_at=registration.registered_at,
        updated_at=registration.updated_at,
        approved_at=registration.approved_at,
        lease=lease_view(lease, now),
        ended=_ended(registration, known.ended, now),
        tools=list(known.tools),
        versions=list(known.versions),
        subscriptions=list(known.subscriptions),
        findings=diagnose(None if stands is Status.GONE else described, known.recent, now, own),
        document=spliced(document),
        tools_document=_NULL if tools_document is None else spliced(tools_document),
    )


def entry(found: Found, policy: LeasePolicy, now: float) -> Entry:
    """Return a registration with its documents as an entry, judged at `now`."""
    registration, document, tools_document = found
    return Entry(registration, document, tools_document, registration.lease.health(policy, now), now)


def _of_the_log(last: Event, ended: Event | None, findings: list[Finding]) -> ServiceDetail:
    return ServiceDetail(
        dialect=last.dialect,
        key=last.key,
        name=last.name,
        version=last.version,
        address=last.service_address,
        status=Status.GONE,
        health=Health.GONE,
        ended=None if ended is None else _ending(ended),
        findings=findings,
        document=_NULL,
        tools_document=_NULL,
    )


def _ended(registration: Registration, recorded: Event | None, now: float) -> Ending | None:
    """Return how the lease of a registration ended, even if no gateway has recorded it yet; None if it is alive."""
    if registration.lease.alive(now):
        return None
    if registration.lease.stage == 0:
        return _ending(lapse(registration, now))
    return None if recorded is None else _ending(recorded)


def _ending(event: Event) -> Ending:
    return Ending(at=event.at, kind=event.kind.value, actor=event.actor, reason=event.reason)


def stats(
    counts: Sequence[catalogue.Count], left: Mapping[str, int], event_counts: dict[str, int], dialects: Sequence[str]
) -> Stats:
    """Return the statistics, with zeros for all statuses and for all of `dialects`.

    `left` is the number of services of each dialect that are gone and of which there is only the last state.
    """
    zeros = {status.value: 0 for status in Status}
    by_dialect = {dialect: dict(zeros) for dialect in dialects}
    for count in counts:
        by_dialect.setdefault(count.dialect, dict(zeros))[count.status.value] = count.services
    for dialect, number in left.items():
        by_dialect.setdefault(dialect, dict(zeros))[Status.GONE.value] += number
    there = [count for count in counts if count.status is not Status.GONE]
    return Stats(
        services=sum(count.services for count in there),
        by_status={name: sum(of[name] for of in by_dialect.values()) for name in zeros},
        by_dialect=by_dialect,
        events_last_hour=event_counts,
        oldest_heartbeat=min((count.oldest for count in there), default=None),
        newest_heartbeat=max((count.newest for count in there), default=None),
    )
