"""Statements on registrations and their documents: functions of a connection, inside a transaction.

Each statement locks its rows in the order of their keys, so that gateways on one PostgreSQL rarely deadlock; a
transaction that does is repeated. On SQLite a writing transaction holds the only write lock from its start.
"""

from collections.abc import Collection, Container, Mapping, Sequence
from operator import attrgetter
from typing import Any

import msgspec
from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    and_,
    bindparam,
    false,
    func,
    literal_column,
    or_,
    select,
    update,
)
from sqlalchemy.sql.dml import ReturningUpdate

from registry_gateway.core.lease import Lease
from registry_gateway.core.model import Registration, Version
from registry_gateway.core.transitions import Documents
from registry_gateway.store.database_sql import sql_of
from registry_gateway.store.statements.key_batch import POSTGRESQL, SQLITE, Batch, Key, batch_values, each
from registry_gateway.store.statements.lease_clock import moment
from registry_gateway.store.statements.prepared import ForEach, Prepared, Row, changing, inserting, removing
from registry_gateway.store.statements.presence import last_column, seen
from registry_gateway.store.statements.tools import written
from registry_gateway.store.statements.versions import lines
from registry_gateway.store.tables import DocumentRow, RegistrationRow

Found = tuple[Registration, bytes, bytes | None]
"""A registration, its document and its tools document."""

Seen = tuple[float, float | None]
"""The time and the last sign of a gateway; see `presence.seen`."""

R = RegistrationRow
COLUMNS = [column for column in RegistrationRow.__table__.c if column.name != "sweep_at"]


def _of_batch(batch: Batch) -> ColumnElement[bool]:
    return and_(R.dialect == batch.c.dialect, R.key == batch.c.key)


def _now() -> BindParameter[Any]:
    return bindparam("now", type_=R.expires_at.type)


def _renewing(now: ColumnElement[float], *guards: ColumnElement[bool]) -> ReturningUpdate[Any]:
    # The coalesce keeps the planner from using the sweep's index for these columns.
    alive = func.coalesce(and_(R.stage == 0, R.expires_at > now), false())
    change = update(R).values(heartbeat_at=now, expires_at=now + R.ttl)
    return change.where(*guards, alive).returning(*COLUMNS)


def _renewal_sqlite(batch: Batch) -> ReturningUpdate[Any]:
    return _renewing(_now(), _of_batch(batch), _owned(batch))


def _renewal_postgresql(batch: Batch) -> ReturningUpdate[Any]:
    """Lock the rows in the order of their keys, then find them by their physical position.

    The time is taken once, after the last lock. The statement also returns the id of the transaction, because a
    transaction that only renews records no event.
    """
    place: ColumnElement[Any] = literal_column("registrations.ctid").label("place")
    locking = select(place).where(_of_batch(batch), _owned(batch)).with_for_update()
    due = each(batch, locking).cte("due")
    all_locked = func.count().label("locked")
    at = select(moment().label("now"), func.pg_current_xact_id().label("xid"), all_locked).select_from(due).cte("at")
    renewing = _renewing(at.c.now, literal_column("registrations.ctid") == due.c.place)
    return renewing.returning(at.c.xid)


def _owned(batch: Batch) -> ColumnElement[bool]:
    return or_(R.owner.is_(None), R.owner == batch.c.owner)


_RENEWAL = Prepared(_renewal_sqlite(SQLITE), postgresql=_renewal_postgresql(POSTGRESQL))
_LOCKED = Prepared(
    select(*COLUMNS).join(SQLITE, _of_batch(SQLITE)),  # the transaction holds the write lock
    postgresql=each(POSTGRESQL, select(*COLUMNS).where(_of_batch(POSTGRESQL)).with_for_update(), moment(), outer=True),
)


# --- rows and structs


def registration_of(row: Sequence[Any]) -> Registration:
    """Return the registration in a row that starts with `COLUMNS`.

    By position and one by one, which takes half the time of slices, and a twentieth of that of access to the row by
    name. A list has a row for each service, and a batch of heartbeats for each heartbeat.
    """
    lease = Lease(row[17], row[18], row[19], row[20], row[21])
    # fmt: off
    return Registration(
        row[0], row[1], row[2], row[3], row[4], row[5], row[6], row[7], bool(row[8]), row[9], row[10],
        lease, row[11], row[12], row[13], row[14], row[15], row[16],
    )
    # fmt: on


def _row(registration: Registration) -> Row:
    fields, lease = msgspec.structs.astuple(registration), registration.lease
    return (*fields[:11], *fields[12:], *msgspec.structs.astuple(lease), lease.expires_at)


# --- writing


def renew(
    connection: Connection, batch: Collection[tuple[str, str, str | None]], now: float | None
) -> dict[Key, Registration]:
    """Renew the leases of `batch` (dialect, key, owner) that are alive at `now`, in one guarded statement.

    `now` is None for the time of the database server once all rows are locked. Returns the renewed registrations by
    dialect and key. The missing ones are lapsed, unknown or another account's.
    """
    values = batch_values(connection, batch)
    rows = _RENEWAL.run(connection, values | {"now": now})
    if rows:
        sql_of(connection).note_transaction(connection, rows[0][-1])
    return {(row[0], row[1]): registration_of(row) for row in rows}


def lock(connection: Connection, keys: Collection[Key], now: float | None) -> tuple[dict[Key, Registration], float]:
    """Lock the registrations under `keys` until the transaction ends; return them and the time.

    The time is `now`, or if it is None, the database server's once all rows are locked.
    """
    values = batch_values(connection, [(dialect, key, None) for dialect, key in keys])
    rows = _LOCKED.run(connection, values | {"now": now})
    at = rows[-1][-1] if now is None else now
    return {(row[0], row[1]): registration_of(row) for row in rows if row[0] is not None}, at


def remove(connection: Connection, keys: Collection[Key]) -> None:
    """Remove registrations with everything that refers to them. `gone.archive` does it for services that are gone."""
    _REMOVE.run(connection, keys)


def save(
    connection: Connection,
    before: Mapping[Key, Registration],
    after: Mapping[Key, Registration | None],
    documents: Mapping[Key, Documents],
    versions: Mapping[Key, Sequence[Version]],
) -> None:
    """Write the differences between `before` and `after`, and the documents and version histories that changed.

    New rows are inserted in the order of their keys, because transactions that insert the same keys wait for each
    other.
    """
    new = [r for key, r in sorted(after.items()) if r is not None and key not in before]
    changed = [r for key, r in after.items() if r is not None and key in before and r != before[key]]
    prolonged: list[Registration] = []
    others: list[Registration] = []
    for r in changed:
        (prolonged if _is_prolonged(r, before[r.dialect, r.key]) else others).append(r)
    _INSERT.run(connection, map(_row, new))
    _PROLONG.run(connection, map(_times, prolonged))
    _REPLACE.run(connection, map(_row, others))
    kept = {key: d for key, d in documents.items() if after[key] is not None}
    _save_documents(connection, kept, {key: lines(had) for key, had in versions.items()}, before)


def _save_documents(
    connection: Connection, documents: Mapping[Key, Documents], versions: Mapping[Key, str], before: Container[Key]
) -> None:
    rows: dict[ForEach, list[Row]] = {s: [] for s in (_INSERT_DOCUMENT, _REPLACE_DOCUMENT, _ADVERTISE, _SET_VERSIONS)}
    for key, d in documents.items():
        names = written(d.tools or ())
        if d.document is None:
            rows[_ADVERTISE].append((*key, d.tools_document, names))
        elif key in before:
            rows[_REPLACE_DOCUMENT].append((*key, d.document, d.tools_document, names))
        else:
            rows[_INSERT_DOCUMENT].append((*key, d.document, d.tools_document, names, versions[key]))
    rows[_SET_VERSIONS] = [(*key, history) for key, history in versions.items() if key in before]
    for statement, of_it in rows.items():
        statement.run(connection, of_it)


_INSERT, _INSERT_DOCUMENT = inserting(R), inserting(DocumentRow)


def _is_prolonged(after: Registration, before: Registration) -> bool:
    """Tell whether only columns of `_TIMES` change: a registration again with the same content, before the deadline.

    The time to sweep may then stay, so its index is not written.
    """
    was, now = before.lease, after.lease
    return was.stage == now.stage == 0 and was.expires_at <= now.expires_at and _content(after) == _content(before)


_TIMES = (
    *("updated_at", "client_address", "replaced_client_address", "replaced_at"),
    *("ttl", "granted_at", "heartbeat_at", "expires_at"),
)
_times = attrgetter("dialect", "key", *_TIMES[:4], *(f"lease.{name}" for name in _TIMES[4:]))
_content = attrgetter(*(name for name in Registration.__struct_fields__ if name != "lease" and name not in _TIMES))
_REPLACE = changing(R, *(c.name for c in R.__table__.c if not c.primary_key))
_PROLONG = changing(R, *_TIMES)
_REMOVE = removing(R)
_ADVERTISE = changing(DocumentRow, "tools_document", "tools")
_REPLACE_DOCUMENT = changing(DocumentRow, "document", "tools_document", "tools")
_SET_VERSIONS = changing(DocumentRow, "versions")


# --- reading


def find(connection: Connection, keys: Collection[Key], now: float | None) -> tuple[dict[Key, Found], Seen]:
    """Return the registrations under `keys` with their documents, alive or not, and the result of `presence.seen`.

    All of it is read at one instant, on PostgreSQL in one statement.
    """
    values = batch_values(connection, [(dialect, key, None) for dialect, key in set(keys)]) | {"now": now}
    if sql_of(connection).server:
        rows = _FIND.run(connection, values)
        present_at, at = rows[0][-2:]
    else:
        at, present_at = seen(connection, now)
        rows = _FIND.run(connection, values)
    there = (row for row in rows if row[0] is not None)
    return {(row[0], row[1]): (registration_of(row), row[_DOCUMENT], row[_DOCUMENT + 1]) for row in there}, (
        at,
        present_at,
    )


_DOCUMENT = len(COLUMNS)
"""The position of the document in a row; the tools document is the next column."""


WITH_DOCUMENTS = select(*COLUMNS, DocumentRow.document, DocumentRow.tools_document).join(
    DocumentRow, and_(DocumentRow.dialect == R.dialect, DocumentRow.key == R.key)
)
_FIND = Prepared(
    WITH_DOCUMENTS.join(SQLITE, _of_batch(SQLITE)),
    postgresql=each(
        POSTGRESQL, WITH_DOCUMENTS.where(_of_batch(POSTGRESQL)).limit(1), last_column(), moment(), outer=True
    ),
)
