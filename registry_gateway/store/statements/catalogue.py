"""The catalogue's statements on the present: searches by status and content, in pages, and counts."""

from collections.abc import Collection, Sequence
from typing import Any

import msgspec
from sqlalchemy import (
    ColumnElement,
    Connection,
    Double,
    SmallInteger,
    and_,
    case,
    func,
    literal,
    or_,
    select,
    true,
    tuple_,
    type_coerce,
)

from registry_gateway.core.lease import KEEP, REVOKED, LeasePolicy, Policies
from registry_gateway.core.model import Event, EventKind, Registration, Subscription, Version
from registry_gateway.core.status import REGISTERED, UNWELL, Status, silences
from registry_gateway.store.statements import events as log
from registry_gateway.store.statements import registrations, subscriptions, tools
from registry_gateway.store.statements.events import event_of
from registry_gateway.store.statements.key_batch import Key
from registry_gateway.store.statements.registrations import COLUMNS, Found, registration_of
from registry_gateway.store.statements.search import Column, Page, Searched, Wanted, both, matching, paged
from registry_gateway.store.statements.versions import history
from registry_gateway.store.tables import DocumentRow, EventRow, RegistrationRow

R = RegistrationRow
E = EventRow
D = DocumentRow

RANKS = {status: rank for rank, status in enumerate(Status)}
"""The sort order of statuses, and their numbers in statements."""

LAST_SEEN = case((R.heartbeat_at > R.granted_at, R.heartbeat_at), else_=R.granted_at)
"""`Lease.last_seen` as SQL."""

_SEARCHED = Searched(R.dialect, R.key, R.name, R.version, R.address)


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """Everything known about a service. `found` is None if it is no longer registered; `last` is then its last event.
    `ended` is the last recorded lapse or deregistration, in any case. `recent` are its last events, oldest first.
    """

    found: Found | None
    versions: Sequence[Version]
    subscriptions: Sequence[Subscription]
    tools: Sequence[str]
    last: Event | None
    ended: Event | None
    recent: Sequence[Event]


# --- status as SQL


def _rank_under(policy: LeasePolicy, now: float) -> ColumnElement[int]:
    """Return the rank of `status.status(row, policy, now)`; it must match that function."""
    alive = _alive(now)
    first, *later = silences(policy)
    steps = [(R.expires_at <= now - after, _rank(found)) for after, found in reversed(later)]
    return case(
        (R.stage == REVOKED, _rank(Status.GONE)),
        *([(~_kept(policy, now), _rank(Status.GONE))] if policy.lapse_frees_key else []),
        (R.approved_at.is_(None), _rank(Status.PENDING)),
        (and_(alive, R.reported.in_(UNWELL)), _rank(Status.DEGRADED)),
        (alive, _rank(Status.UP)),
        *steps,
        else_=_rank(first[1]),
    )


def _rank(status: Status) -> ColumnElement[int]:
    return literal(RANKS[status], SmallInteger)


def _alive(now: float) -> ColumnElement[bool]:
    return and_(R.stage == 0, R.expires_at > literal(now, Double))


def _kept(policy: LeasePolicy, now: float) -> ColumnElement[bool]:
    """Return `not lease.ended(policy, now)` under a policy whose lapse frees the key."""
    if policy.ends_at_lapse:
        return _alive(now)
    if policy.retention is None:
        return true()
    return or_(_alive(now), R.expires_at > literal(now - policy.retention, Double))


def rank(policies: Policies, now: float) -> ColumnElement[int]:
    """Return the rank of a row's status at `now`, by the policy of its dialect."""
    ranked = [(R.dialect == dialect, _rank_under(policy, now)) for dialect, policy in policies.known.items()]
    other = _rank_under(KEEP, now)
    return case(*ranked, else_=other) if ranked else other


def _registered(policies: Policies, now: float) -> ColumnElement[bool]:
    """Return whether a row is not gone: the most frequent condition, answered from an index."""
    freeing = {dialect: policy for dialect, policy in policies.known.items() if policy.lapse_frees_key}
    kept = (or_(R.dialect != dialect, _kept(policy, now)) for dialect, policy in freeing.items())
    return and_(R.stage != REVOKED, *kept)


def _conditions(wanted: Wanted, policies: Policies, now: float) -> list[ColumnElement[bool]]:
    conditions = matching(_SEARCHED, wanted)
    if set(wanted.statuses) == set(REGISTERED):
        conditions.append(_registered(policies, now))
    elif wanted.statuses:
        conditions.append(rank(policies, now).in_([RANKS[status] for status in wanted.statuses]))
    if wanted.tool is not None:
        having = select(D.dialect, D.key).where(tools.having(wanted.tool))
        conditions.append(tuple_(R.dialect, R.key).in_(having))  # the name is looked up first, not checked per service
    return conditions


# --- lists


def _place(order: str, policies: Policies, now: float) -> list[Column]:
    """Return the sort columns of a list. The order by key is by dialect and key, as in the table."""
    first: dict[str, list[Column]] = {
        "key": [],
        "name": [R.name],
        "status": [rank(policies, now)],
        "registered_at": [R.registered_at],
        "last_seen": [type_coerce(LAST_SEEN, Double)],
    }
    return [*first[order], R.dialect, R.key]


def search(
    connection: Connection, wanted: Wanted, page: Page, policies: Policies, now: float
) -> tuple[list[Registration], tuple[str | float, ...] | None]:
    """Return a page of the registrations that match, and the place of the last one if another page follows."""
    place = _place(page.order, policies, now)
    statement = select(*COLUMNS, *place[:-2]).where(both(_conditions(wanted, policies, now)))
    rows = connection.execute(paged(statement, place, page)).all()
    found = [registration_of(row) for row in rows[: page.limit]]
    if len(rows) <= page.limit:
        return found, None
    last = rows[page.limit - 1]
    return found, (*last[len(COLUMNS) :], last[0], last[1])


def count(connection: Connection, wanted: Wanted, policies: Policies, now: float) -> int:
    """Return the number of registrations that match, on all pages."""
    statement = select(func.count()).select_from(R).where(both(_conditions(wanted, policies, now)))
    return connection.execute(statement).scalar_one()


def registered(connection: Connection, keys: Collection[Key]) -> dict[Key, Registration]:
    """Return the registrations under `keys`; missing ones are left out."""
    by_dialect: dict[str, list[str]] = {}
    for dialect, key in keys:
        by_dialect.setdefault(dialect, []).append(key)
    found: dict[Key, Registration] = {}
    for dialect, of_it in by_dialect.items():
        rows = connection.execute(select(*COLUMNS).where(R.dialect == dialect, R.key.in_(of_it)))
        found |= {(dialect, registration.key): registration for registration in map(registration_of, rows)}
    return found


# --- one service


def dossier(connection: Connection, dialect: str, key: str, recent: int) -> Known:
    """Return what is known about a service, registered or not, with up to `recent` of its events."""
    found = registrations.find(connection, [(dialect, key)], 0.0)[0].get((dialect, key))
    return Known(
        found=found,
        versions=history(connection, dialect, key),
        subscriptions=subscriptions.read(connection, dialect, key),
        tools=tools.of(connection, [(dialect, key)]).get((dialect, key), []),
        last=_last(connection, dialect, key) if found is None else None,
        ended=_last(connection, dialect, key, EventKind.EXPIRED, EventKind.DEREGISTERED),
        recent=log.read(connection, dialect=dialect, key=key, limit=recent),
    )


def _last(connection: Connection, dialect: str, key: str, *kinds: EventKind) -> Event | None:
    statement = select(*E.__table__.c).where(E.dialect == dialect, E.key == key)
    if kinds:
        statement = statement.where(E.kind.in_(kinds))
    row = connection.execute(statement.order_by(E.id.desc()).limit(1)).one_or_none()
    return None if row is None else event_of(row)


def events(connection: Connection, dialect: str, key: str, page: Page) -> tuple[list[Event], int | None]:
    """Return a page of a service's events by id, and the id of the last one if another page follows."""
    statement = select(*E.__table__.c).where(E.dialect == dialect, E.key == key)
    rows = connection.execute(paged(statement, [E.id], page)).all()
    return [event_of(row) for row in rows[: page.limit]], rows[page.limit - 1].id if len(rows) > page.limit else None


def known(connection: Connection, dialect: str, key: str) -> bool:
    """Tell whether a service is registered or has events in the log."""
    registered = select(R.key).where(R.dialect == dialect, R.key == key)
    logged = select(E.id).where(E.dialect == dialect, E.key == key)
    return connection.execute(select(or_(registered.exists(), logged.exists()))).scalar_one()


# --- figures


class Count(msgspec.Struct, frozen=True):
    """The number of services of a dialect with a status, and the first and last time one of them was last seen."""

    dialect: str
    status: Status
    services: int
    oldest: float
    newest: float


def counts(connection: Connection, policies: Policies, now: float) -> list[Count]:
    """Return the number of services by dialect and status; zeros are left out."""
    ranked = rank(policies, now).label("rank")
    inner = select(R.dialect, ranked, type_coerce(LAST_SEEN, Double).label("last_seen")).subquery()
    seen: Any = inner.c.last_seen
    statement = select(inner.c.dialect, inner.c.rank, func.count(), func.min(seen), func.max(seen))
    rows = connection.execute(statement.group_by(inner.c.dialect, inner.c.rank))
    statuses = list(Status)
    return [Count(row[0], statuses[row[1]], row[2], row[3], row[4]) for row in rows]


def happenings(connection: Connection, since: float) -> dict[str, int]:
    """Return the number of events of services after `since`, by kind."""
    rows = connection.execute(select(E.kind, func.count()).where(E.at > since, E.dialect != "").group_by(E.kind))
    return {row[0]: row[1] for row in rows}
