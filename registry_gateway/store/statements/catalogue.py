"""The catalogue's statements on the present: searches by status and content, in pages, and counts."""

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import (
    ColumnElement,
    Connection,
    Double,
    case,
    func,
    or_,
    select,
    tuple_,
    type_coerce,
    union_all,
)
from sqlalchemy.orm import aliased

from registry_gateway.core.lease import Policies
from registry_gateway.core.model import Event, Registration, Subscription, Version
from registry_gateway.core.status import REGISTERED, Status
from registry_gateway.store.statements import events as log
from registry_gateway.store.statements import gone, registrations, subscriptions, tools
from registry_gateway.store.statements.events import event_of
from registry_gateway.store.statements.key_batch import Key
from registry_gateway.store.statements.registrations import COLUMNS, Found, registration_of
from registry_gateway.store.statements.search import EVERYTHING, Column, Page, Searched, Wanted, both, matching, paged
from registry_gateway.store.statements.statuses import RANKS, URGENCY, Row, rank
from registry_gateway.store.statements.statuses import registered as registered_rows
from registry_gateway.store.statements.versions import history
from registry_gateway.store.tables import DocumentRow, EventRow, GoneRow, RegistrationRow

R = RegistrationRow
E = EventRow
D = DocumentRow


class KnownService(msgspec.Struct, frozen=True, kw_only=True):
    """Everything known about a service.

    Attributes:
        found: Its registration, or its last state with a revoked lease if it is gone; None if neither is known.
        last: Its last event if `found` is None.
        ended: Its last recorded lapse or deregistration, in any case.
        recent: Its last events, oldest first.
    """

    found: Found | None
    versions: Sequence[Version]
    subscriptions: Sequence[Subscription]
    tools: Sequence[str]
    last: Event | None
    ended: Event | None
    recent: Sequence[Event]


def _last_seen(row: Row) -> ColumnElement[float]:
    """Return `Lease.last_seen` as SQL."""
    return case((row.heartbeat_at > row.granted_at, row.heartbeat_at), else_=row.granted_at)


def _content(wanted: Wanted) -> list[ColumnElement[bool]]:
    """Return the conditions on registrations, except that on the status."""
    text, tool = tools.having_text(wanted), tools.having_tool(wanted)
    conditions = matching(_SEARCHED, wanted, None if text is None else _having(text))
    return conditions if tool is None else [*conditions, _having(tool)]


def _having(of_document: ColumnElement[bool]) -> ColumnElement[bool]:
    """Return the condition that a registration's document matches: looked up first, not checked for each service."""
    return tuple_(R.dialect, R.key).in_(select(D.dialect, D.key).where(of_document))


# --- lists


class _Source(NamedTuple):
    """The rows of a list, the condition on them, and the column with the time of their end; None without gone ones."""

    row: Row
    condition: ColumnElement[bool]
    ended_at: Column | None


def _source(wanted: Wanted, policies: Policies, now: float) -> _Source:
    """Return the rows that match. Services that are gone are looked for only if they are wanted."""
    conditions = _content(wanted)
    if Status.GONE not in wanted.statuses:
        if set(wanted.statuses) == set(REGISTERED):
            conditions.append(registered_rows(policies, now))
        elif wanted.statuses:
            conditions.append(rank(policies, now).in_([RANKS[status] for status in wanted.statuses]))
        return _Source(R, both(conditions), None)
    registered = select(*COLUMNS, R.expires_at.label("ended_at")).where(both(conditions))
    left = gone.registrations(GoneRow.ended_at).where(both(gone.content(wanted)))
    all_of_them = union_all(registered, left).subquery("services")
    row = aliased(R, all_of_them)
    ranks = [RANKS[status] for status in wanted.statuses]
    return _Source(row, rank(policies, now, row).in_(ranks), all_of_them.c.ended_at)


_SEARCHED = Searched(R.dialect, R.key, R.name, R.version, R.address)


def _place(order: str, source: _Source, policies: Policies, now: float) -> list[Column]:
    """Return the sort columns of a list. The order by key is by dialect and key, as in the table."""
    return [*_first(order, source, policies, now), source.row.dialect, source.row.key]


def _first(order: str, source: _Source, policies: Policies, now: float) -> list[Column]:
    row = source.row
    match order:
        case "name":
            return [row.name]
        case "status":
            return [rank(policies, now, row)]
        case "urgency":
            return [rank(policies, now, row, URGENCY)]
        case "registered_at":
            return [row.registered_at]
        case "last_seen":
            return [type_coerce(_last_seen(row), Double)]
        case "ended_at" if source.ended_at is not None:
            return [type_coerce(source.ended_at, Double)]
    return []


def search(
    connection: Connection, wanted: Wanted, page: Page, policies: Policies, now: float
) -> tuple[list[Registration], tuple[str | float, ...] | None]:
    """Return a page of the services that match, and the place of the last one if another page follows.

    Services that are gone, if they are wanted, are registrations with a revoked lease. Only then can the order be that
    by `ended_at`.
    """
    source = _source(wanted, policies, now)
    place = _place(page.order, source, policies, now)
    columns = [getattr(source.row, column.name) for column in COLUMNS]
    statement = select(*columns, *place[:-2]).where(source.condition)
    rows = connection.execute(paged(statement, place, page)).all()
    found = [registration_of(row) for row in rows[: page.limit]]
    if len(rows) <= page.limit:
        return found, None
    last = rows[page.limit - 1]
    return found, (*last[len(COLUMNS) :], last[0], last[1])


def count(connection: Connection, wanted: Wanted, policies: Policies, now: float) -> int:
    """Return the number of services that match, on all pages."""
    source = _source(wanted, policies, now)
    statement = select(func.count()).select_from(source.row).where(source.condition)
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


def find_known(connection: Connection, dialect: str, key: str, recent: int) -> KnownService:
    """Return what is known about a service, registered or not, with up to `recent` of its events."""
    found = registrations.find(connection, [(dialect, key)], 0.0)[0].get((dialect, key))
    left = None if found is not None else gone.find(connection, dialect, key)
    if left is not None:
        found = left.found
    return KnownService(
        found=found,
        versions=history(connection, dialect, key) if left is None else left.versions,
        subscriptions=subscriptions.read(connection, dialect, key),
        tools=tools.of(connection, [(dialect, key)]).get((dialect, key), []) if left is None else left.tools,
        last=_last(connection, dialect, key) if found is None else None,
        ended=log.ends(connection, [(dialect, key)]).get((dialect, key)),
        recent=log.read(connection, dialect=dialect, key=key, limit=recent),
    )


def _last(connection: Connection, dialect: str, key: str) -> Event | None:
    statement = select(*E.__table__.c).where(E.dialect == dialect, E.key == key)
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


# --- counts


class Count(msgspec.Struct, frozen=True):
    """The number of services of a dialect with a status, and the first and last time one of them was last seen."""

    dialect: str
    status: Status
    services: int
    oldest: float
    newest: float


def counts(connection: Connection, policies: Policies, now: float, wanted: Wanted = EVERYTHING) -> list[Count]:
    """Return the number of services that match by dialect and status; zeros are left out."""
    ranked = rank(policies, now).label("rank")
    columns = select(R.dialect, ranked, type_coerce(_last_seen(R), Double).label("last_seen"))
    inner = columns.where(both(_content(wanted))).subquery()
    seen: Any = inner.c.last_seen
    statement = select(inner.c.dialect, inner.c.rank, func.count(), func.min(seen), func.max(seen))
    rows = connection.execute(statement.group_by(inner.c.dialect, inner.c.rank))
    statuses = list(Status)
    return [Count(row[0], statuses[row[1]], row[2], row[3], row[4]) for row in rows]


def count_events(connection: Connection, since: float) -> dict[str, int]:
    """Return the number of events of services after `since`, by kind."""
    rows = connection.execute(select(E.kind, func.count()).where(E.at > since, E.dialect != "").group_by(E.kind))
    return {row[0]: row[1] for row in rows}
