"""The statements on registrations and their documents: functions of a connection, inside a transaction.

Each statement locks its rows in the order of their keys, so that gateways that share a PostgreSQL hardly ever meet
in a deadlock; the transaction that loses one is run again. On SQLite a writing transaction holds the only write
lock from its start.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Connection,
    String,
    Subquery,
    TableValuedAlias,
    Text,
    and_,
    bindparam,
    delete,
    false,
    func,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.sql.dml import ReturningUpdate

from registry_gateway.decide import Documents
from registry_gateway.lease import Lease
from registry_gateway.model import Registration, Version
from registry_gateway.store.offers import written
from registry_gateway.store.tables import DocumentRow, RegistrationRow, VersionRow

Key = tuple[str, str]
"""Dialect and key."""

Found = tuple[Registration, bytes, bytes | None]
"""A registration, its document and its capabilities."""

R = RegistrationRow
COLUMNS = [column for column in RegistrationRow.__table__.c if column.name != "sweep_at"]
_OF_KEY = and_(R.dialect == bindparam("_dialect"), R.key == bindparam("_key"))


# --- a batch of keys as a table, in each database's words


def _batch_sqlite() -> Subquery:
    element = func.json_each(bindparam("batch", type_=String)).table_valued("value")
    members = [
        func.json_extract(element.c.value, f"$[{i}]").label(name) for i, name in enumerate(("dialect", "key", "owner"))
    ]
    return select(*members).subquery("batch")


def _batch_postgresql() -> TableValuedAlias:
    arrays = [bindparam(name, type_=ARRAY(Text)) for name in ("dialects", "keys", "owners")]
    return func.unnest(*arrays).table_valued("dialect", "key", "owner").render_derived(name="batch")


def _batch_values(connection: Connection, batch: Collection[tuple[str, str, str | None]]) -> dict[str, Any]:
    if connection.dialect.name == "sqlite":
        return {"batch": msgspec.json.encode(batch).decode()}
    dialects, keys, owners = zip(*batch, strict=True)
    return {"dialects": dialects, "keys": keys, "owners": owners}


def _renewal(batch: Subquery | TableValuedAlias, *, locking: bool) -> ReturningUpdate[Any]:
    guard = and_(
        R.dialect == batch.c.dialect,
        R.key == batch.c.key,
        or_(R.owner.is_(None), R.owner == batch.c.owner),
    )
    now = bindparam("now", type_=R.expires_at.type)
    change = update(R).values(heartbeat_at=now, expires_at=now + R.ttl)
    if locking:
        due = select(R.dialect, R.key).join(batch, guard).order_by(R.dialect, R.key).with_for_update(of=R).cte("due")
        guard = and_(R.dialect == due.c.dialect, R.key == due.c.key)
    # The coalesce changes nothing but hides the columns: as long as PostgreSQL has no statistics of a new or just
    # copied table, it would take the sweep's index for them and read half the table for each heartbeat.
    alive = func.coalesce(and_(R.stage == 0, R.expires_at > now), false())
    return change.where(guard, alive).returning(*COLUMNS)


def _of_batch(batch: Subquery | TableValuedAlias) -> ColumnElement[bool]:
    return and_(R.dialect == batch.c.dialect, R.key == batch.c.key)


def _locked(batch: Subquery | TableValuedAlias) -> Any:
    return (
        select(*COLUMNS)
        .join(batch, _of_batch(batch))
        .order_by(R.dialect, R.key)
        .with_for_update(of=R)  # SQLite has no such clause and leaves it out; its whole transaction is the lock
    )


_RENEWAL = {
    "sqlite": _renewal(_batch_sqlite(), locking=False),
    "postgresql": _renewal(_batch_postgresql(), locking=True),
}
_LOCKED = {"sqlite": _locked(_batch_sqlite()), "postgresql": _locked(_batch_postgresql())}


# --- rows and structs


def registration_of(row: Sequence[Any]) -> Registration:
    """Return the registration in a row that starts with `COLUMNS`. By position: by name costs ten times that."""
    (
        dialect,
        key,
        name,
        version,
        address,
        owner,
        approved_at,
        reported,
        advertised,
        registered_at,
        updated_at,
        *lease,
    ) = row
    return Registration(
        dialect=dialect,
        key=key,
        name=name,
        version=version,
        address=address,
        owner=owner,
        approved_at=approved_at,
        reported=reported,
        advertised=advertised,
        registered_at=registered_at,
        updated_at=updated_at,
        lease=Lease(*lease[:5]),
    )


def _row(registration: Registration) -> dict[str, Any]:
    fields = msgspec.structs.asdict(registration)
    return fields | msgspec.structs.asdict(fields.pop("lease")) | {"sweep_at": registration.lease.expires_at}


# --- writing


def renew(
    connection: Connection, batch: Collection[tuple[str, str, str | None]], now: float
) -> dict[Key, Registration]:
    """Renew the leases of `batch` (dialect, key, owner) that are alive at `now`, in one guarded statement.

    Returns those renewed, by dialect and key. One that is missing is lapsed, unknown or another account's.
    """
    values = _batch_values(connection, batch)
    rows = connection.execute(_RENEWAL[connection.dialect.name], values | {"now": now})
    return {(row[0], row[1]): registration_of(row) for row in rows}


def lock(connection: Connection, keys: Collection[Key]) -> dict[Key, Registration]:
    """Return the registrations under `keys`, locked until the transaction ends."""
    values = _batch_values(connection, [(dialect, key, None) for dialect, key in sorted(keys)])
    rows = connection.execute(_LOCKED[connection.dialect.name], values)
    return {(row[0], row[1]): registration_of(row) for row in rows}


def count(connection: Connection, dialect: str, owner: str | None = None) -> int:
    """Return how many registrations a dialect has, or of them an account. Walks through all those of the dialect."""
    if owner is None:
        return connection.execute(_COUNT, {"_dialect": dialect}).scalar_one()
    return connection.execute(_COUNT_OWNED, {"_dialect": dialect, "_owner": owner}).scalar_one()


def remove(connection: Connection, keys: Collection[Key]) -> None:
    """Remove registrations, with all that hangs on them."""
    if keys:
        connection.execute(_REMOVE, [_of(key) for key in keys])


def save(
    connection: Connection,
    before: Mapping[Key, Registration],
    after: Mapping[Key, Registration | None],
    documents: Mapping[Key, Documents],
    versions: Mapping[Key, Sequence[Version]],
) -> None:
    """Write the difference between `before` and `after`, with the documents that changed and the new versions.

    New rows go in by the order of their keys, too: two transactions that insert the same keys wait for each other.
    """
    new = [r for key, r in sorted(after.items()) if r is not None and key not in before]
    changed = [r for key, r in after.items() if r is not None and key in before and r != before[key]]
    if new:
        connection.execute(_INSERT, [_row(r) for r in new])
    if changed:
        connection.execute(_REPLACE, [_of((r.dialect, r.key)) | _row(r) for r in changed])
    _save_documents(connection, {key: d for key, d in documents.items() if after[key] is not None}, new)
    rows = [
        {"dialect": dialect, "key": key, "version": v.version, "since": v.since}
        for (dialect, key), history in versions.items()
        for v in history
    ]
    if rows:
        connection.execute(_INSERT_VERSION, rows)


_REPLACE = (
    update(R).where(_OF_KEY).values({c: bindparam(c.name) for c in RegistrationRow.__table__.c if not c.primary_key})
)


def _of(key: Key) -> dict[str, Any]:
    return {"_dialect": key[0], "_key": key[1]}


def _save_documents(connection: Connection, documents: Mapping[Key, Documents], new: Collection[Registration]) -> None:
    fresh = {(r.dialect, r.key) for r in new}
    inserted, replaced, advertised = [], [], []
    for key, d in documents.items():
        values = {"capabilities": d.capabilities, "offers": written(d.offers or ())}
        if d.document is None:
            advertised.append(_of(key) | values)
        elif key in fresh:
            inserted.append({"dialect": key[0], "key": key[1], "document": d.document} | values)
        else:
            replaced.append(_of(key) | {"document": d.document} | values)
    for statement, rows in ((_INSERT_DOCUMENT, inserted), (_REPLACE_DOCUMENT, replaced), (_ADVERTISE, advertised)):
        if rows:
            connection.execute(statement, rows)


# Statements are built once: to build one costs more than to run it.
_INSERT, _INSERT_DOCUMENT, _INSERT_VERSION = insert(R), insert(DocumentRow), insert(VersionRow)
_REMOVE = delete(R).where(_OF_KEY)
_COUNT = select(func.count()).where(R.dialect == bindparam("_dialect"))
_COUNT_OWNED = _COUNT.where(R.owner == bindparam("_owner"))
_ADVERTISE = (
    update(DocumentRow)
    .where(DocumentRow.dialect == bindparam("_dialect"), DocumentRow.key == bindparam("_key"))
    .values(capabilities=bindparam("capabilities"), offers=bindparam("offers"))
)
_REPLACE_DOCUMENT = _ADVERTISE.values(document=bindparam("document"))


# --- reading


def find(connection: Connection, keys: Collection[Key]) -> dict[Key, Found]:
    """Return the registrations under `keys` with their documents, alive or not; those there are."""
    values = _batch_values(connection, [(dialect, key, None) for dialect, key in set(keys)])
    rows = connection.execute(_FIND[connection.dialect.name], values)
    return {(row[0], row[1]): (registration_of(row), row[-2], row[-1]) for row in rows}


def find_all(connection: Connection, dialect: str | None, alive_at: float | None) -> list[Found]:
    """Return the registrations of a dialect (None: of all) in the order of their keys.

    With `alive_at`, only those whose lease runs at that time.
    """
    statement = _ENTRIES.order_by(R.dialect, R.key)
    if dialect is not None:
        statement = statement.where(R.dialect == dialect)
    if alive_at is not None:
        statement = statement.where(R.stage == 0, R.expires_at > alive_at)
    return [(registration_of(row), row[-2], row[-1]) for row in connection.execute(statement)]


_ENTRIES = select(*COLUMNS, DocumentRow.document, DocumentRow.capabilities).join(
    DocumentRow, and_(DocumentRow.dialect == R.dialect, DocumentRow.key == R.key)
)
_FIND = {
    name: _ENTRIES.join(batch, _of_batch(batch))
    for name, batch in (("sqlite", _batch_sqlite()), ("postgresql", _batch_postgresql()))
}


def versions(connection: Connection, dialect: str, key: str) -> list[Version]:
    """Return the versions a registration has had, oldest first."""
    rows = connection.execute(
        select(VersionRow.version, VersionRow.since)
        .where(VersionRow.dialect == dialect, VersionRow.key == key)
        .order_by(VersionRow.id)
    )
    return [Version(row.version, row.since) for row in rows]
