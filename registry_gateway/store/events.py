"""The statements on the log of changes."""

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, delete, insert, select

from registry_gateway.model import Event, EventKind
from registry_gateway.store.tables import EventRow


def _event_row(event: Event) -> dict[str, Any]:
    return {
        "at": event.at,
        "kind": event.kind.value,
        "dialect": event.dialect,
        "key": event.key,
        "actor": event.actor,
        "address": event.address,
        "request_id": event.request_id,
        "reason": event.reason,
        "detail": msgspec.json.encode(event.detail).decode(),
    }


def _event(row: Any) -> Event:
    return Event(
        id=row.id,
        at=row.at,
        kind=EventKind(row.kind),
        dialect=row.dialect,
        key=row.key,
        actor=row.actor,
        address=row.address,
        request_id=row.request_id,
        reason=row.reason,
        detail=msgspec.json.decode(row.detail),
    )


def record(connection: Connection, events: Sequence[Event]) -> None:
    """Append `events` to the log, in their order."""
    if events:
        connection.execute(insert(EventRow), [_event_row(event) for event in events])


def read(
    connection: Connection, *, after: int = 0, dialect: str | None = None, key: str | None = None, limit: int
) -> list[Event]:
    """Return the events after id `after`, oldest first; the newest `limit` of them when there are more."""
    statement = select(*EventRow.__table__.c).where(EventRow.id > after)
    if dialect is not None:
        statement = statement.where(EventRow.dialect == dialect)
    if key is not None:
        statement = statement.where(EventRow.key == key)
    rows = connection.execute(statement.order_by(EventRow.id.desc()).limit(limit)).all()
    return [_event(row) for row in reversed(rows)]


def prune(connection: Connection, before: float, limit: int) -> int:
    """Delete up to `limit` of the oldest events from before `before`; return how many."""
    oldest = select(EventRow.id).where(EventRow.at < before).order_by(EventRow.id).limit(limit)
    return connection.execute(delete(EventRow).where(EventRow.id.in_(oldest))).rowcount
