"""Statements on the event log."""

from collections.abc import Collection, Sequence
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, Select, and_, delete, func, or_, select

from registry_gateway.core.errors import NotInLog
from registry_gateway.core.model import Event, EventKind
from registry_gateway.store.database_sql import sql_of
from registry_gateway.store.statements import lease_clock
from registry_gateway.store.statements.key_batch import POSTGRESQL, SQLITE, Batch, Key, batch_values
from registry_gateway.store.statements.prepared import Prepared, Row, inserting
from registry_gateway.store.tables import EventRow, PresenceRow


def _row(event: Event) -> Row:
    _id, at, kind, *middle, detail, name, version, service_address = msgspec.structs.astuple(event)
    return (at, kind._value_, *middle, msgspec.json.encode(detail).decode(), name, version, service_address)


def event_of(row: Any) -> Event:
    """Return the event in a row."""
    return Event(
        id=row.id,
        at=row.at,
        kind=EventKind(row.kind),
        dialect=row.dialect,
        key=row.key,
        actor=row.actor,
        client_address=row.client_address,
        request_id=row.request_id,
        reason=row.reason,
        detail=msgspec.json.decode(row.detail),
        name=row.name,
        version=row.version,
        service_address=row.service_address,
    )


def record(connection: Connection, events: Sequence[Event]) -> None:
    """Append `events` to the log in their order. Call this last in a transaction: see `postgresql.sql.TURN`."""
    if not events:
        return
    sql_of(connection).take_turn(connection)
    _INSERT.run(connection, map(_row, events))


_INSERT = inserting(EventRow)


def read(
    connection: Connection,
    *,
    after: int | None = None,
    dialect: str | None = None,
    key: str | None = None,
    limit: int,
) -> list[Event]:
    """Return `limit` events, oldest first: those after id `after`, or without it the newest."""
    statement = select(*EventRow.__table__.c)
    if dialect is not None:
        statement = statement.where(EventRow.dialect == dialect)
    if key is not None:
        statement = statement.where(EventRow.key == key)
    if after is not None:
        statement = statement.where(EventRow.id > after).order_by(EventRow.id)
        return [event_of(row) for row in connection.execute(statement.limit(limit))]
    rows = connection.execute(statement.order_by(EventRow.id.desc()).limit(limit)).all()
    return [event_of(row) for row in reversed(rows)]


def follow(
    connection: Connection, *, after: int, dialect: str | None = None, key: str | None = None, limit: int
) -> list[Event]:
    """Return the next `limit` events after id `after`, oldest first.

    Raises:
        NotInLog: Some of them have been removed, or the log has no such id.
    """
    found = read(connection, after=after, dialect=dialect, key=key, limit=limit)
    first, last = span(connection)  # read afterwards, to detect removals in between
    if not first - 1 <= after <= last:
        raise NotInLog(after, first, last)
    return found


def ends(connection: Connection, keys: Collection[Key]) -> dict[Key, Event]:
    """Return the last recorded lapse or deregistration of each of the services under `keys`, if there is one."""
    if not keys:
        return {}
    values = batch_values(connection, [(dialect, key, None) for dialect, key in keys])
    ids = [row[0] for row in _ENDS.run(connection, values) if row[0] is not None]
    rows = connection.execute(select(*EventRow.__table__.c).where(EventRow.id.in_(ids)))
    return {(row.dialect, row.key): event_of(row) for row in rows}


def _last_end(batch: Batch) -> Select[Any]:
    end = select(EventRow.id).where(EventRow.dialect == batch.c.dialect, EventRow.key == batch.c.key, _ENDING)
    return select(end.order_by(EventRow.id.desc()).limit(1).scalar_subquery()).select_from(batch)


_ENDING = or_(EventRow.kind == EventKind.EXPIRED.value, EventRow.kind == EventKind.DEREGISTERED.value)
_ENDS = Prepared(_last_end(SQLITE), postgresql=_last_end(POSTGRESQL))


def since(connection: Connection, at: float, limit: int) -> list[Event]:
    """Return the newest `limit` events of services from `at` (epoch seconds) on, oldest first."""
    statement = select(*EventRow.__table__.c).where(EventRow.at >= at, EventRow.dialect != "")
    rows = connection.execute(statement.order_by(EventRow.id.desc()).limit(limit)).all()
    return [event_of(row) for row in reversed(rows)]


def of_services(connection: Connection, keys: Collection[Key], at: float, limit: int) -> list[Event]:
    """Return the newest `limit` events of the services under `keys` from `at` (epoch seconds) on, oldest first."""
    by_dialect: dict[str, list[str]] = {}
    for dialect, key in keys:
        by_dialect.setdefault(dialect, []).append(key)
    if not by_dialect:
        return []
    these = (and_(EventRow.dialect == dialect, EventRow.key.in_(of_it)) for dialect, of_it in by_dialect.items())
    statement = select(*EventRow.__table__.c).where(EventRow.at >= at, or_(*these))
    rows = connection.execute(statement.order_by(EventRow.id.desc()).limit(limit)).all()
    return [event_of(row) for row in reversed(rows)]


def moment(connection: Connection, now: float | None) -> tuple[int, tuple[float, float | None]]:
    """Return the id of the last event, 0 if there is none, and the result of `presence.seen` at the same instant."""
    [row] = _MOMENT.run(connection, {"now": now})
    at = row[-1] if now is None else now
    return row[0] or 0, (at, row[1])


_LAST = select(func.max(EventRow.id))
_PRESENT = select(PresenceRow.present_at).scalar_subquery()
_MOMENT = Prepared(
    select(_LAST.scalar_subquery(), _PRESENT),
    postgresql=select(_LAST.scalar_subquery(), _PRESENT, lease_clock.moment()),
)


def clock_steps(connection: Connection) -> list[tuple[float, float]]:
    """Return the times and seconds of the steps of the lease clock, oldest first, from the gateway's last events."""
    recorded = read(connection, dialect="", key="", limit=_RECENT)
    return [(e.at, float(step)) for e in recorded if (step := e.detail.get("clock_step")) is not None]


_RECENT = 100


def span(connection: Connection) -> tuple[int, int]:
    """Return the ids of the first and the last event in the log; (1, 0) if it is empty."""
    first, last = connection.execute(_SPAN).one()
    return (1, 0) if first is None else (first, last)


_SPAN = select(select(func.min(EventRow.id)).scalar_subquery(), select(func.max(EventRow.id)).scalar_subquery())
# two subqueries with one index step each; SQLite would scan the table for both at once


def began(connection: Connection) -> tuple[int, float] | None:
    """Return the id and the time (epoch seconds) of the first event in the log; None if it is empty."""
    row = connection.execute(select(EventRow.id, EventRow.at).order_by(EventRow.id).limit(1)).one_or_none()
    return None if row is None else (row.id, row.at)


def prune(connection: Connection, before: float, limit: int) -> int:
    """Delete up to `limit` of the oldest events before `before`; return how many.

    The newest event always stays, because it marks the end of the log.
    """
    newest = _LAST.scalar_subquery()
    return _delete_oldest(connection, limit, EventRow.at < before, EventRow.id < newest)


def prune_beyond(connection: Connection, most: int, limit: int) -> int:
    """Delete up to `limit` of the oldest events that are followed by `most` later ids; return how many.

    Ids have few gaps (transactions rolled back on PostgreSQL), and counting rows would read them all.
    """
    return _delete_oldest(connection, limit, EventRow.id <= _LAST.scalar_subquery() - most)


def _delete_oldest(connection: Connection, limit: int, *conditions: ColumnElement[bool]) -> int:
    """Delete up to `limit` of the oldest events; return how many.

    Concurrent gateways wait for each other, row by row in one order, and the later one finds nothing left. Locked rows
    are not skipped, because later events would then be removed before earlier ones.
    """
    oldest = select(EventRow.id).where(*conditions).order_by(EventRow.id).limit(limit).with_for_update().cte("oldest")
    removed = delete(EventRow).where(EventRow.id.in_(select(oldest.c.id))).returning(EventRow.id)
    return len(
        connection.execute(removed).all()
    )  # SQLite's driver has no row count for statements that begin with WITH
