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
    tuple_,
    update,
)
from sqlalchemy.sql.dml import ReturningUpdate

from registry_gateway.decide import Documents, happened, lapse
from registry_gateway.lease import REVOKED, Lease, LeasePolicy, Stage
from registry_gateway.model import GATEWAY, Event, EventKind, Registration, Version
from registry_gateway.store.events import record
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


def remove(connection: Connection, keys: Collection[Key]) -> None:
    """Remove registrations, with all that hangs on them."""
    if keys:
        connection.execute(delete(R).where(_OF_KEY), [_of(key) for key in keys])


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
        connection.execute(insert(R), [_row(r) for r in new])
    if changed:
        connection.execute(_REPLACE, [_of((r.dialect, r.key)) | _row(r) for r in changed])
    _save_documents(connection, {key: d for key, d in documents.items() if after[key] is not None}, new)
    rows = [
        {"dialect": dialect, "key": key, "version": v.version, "since": v.since}
        for (dialect, key), history in versions.items()
        for v in history
    ]
    if rows:
        connection.execute(insert(VersionRow), rows)


_REPLACE = (
    update(R).where(_OF_KEY).values({c: bindparam(c.name) for c in RegistrationRow.__table__.c if not c.primary_key})
)


def _of(key: Key) -> dict[str, Any]:
    return {"_dialect": key[0], "_key": key[1]}


def _save_documents(connection: Connection, documents: Mapping[Key, Documents], new: Collection[Registration]) -> None:
    fresh = {(r.dialect, r.key) for r in new}
    of_key = and_(DocumentRow.dialect == bindparam("_dialect"), DocumentRow.key == bindparam("_key"))
    rows = [(key, d) for key, d in documents.items() if d.document is not None]
    values = [(key, {"document": d.document, "capabilities": d.capabilities}) for key, d in rows]
    inserted = [{"dialect": key[0], "key": key[1], **v} for key, v in values if key in fresh]
    replaced = [_of(key) | v for key, v in values if key not in fresh]
    advertised = [_of(key) | {"capabilities": d.capabilities} for key, d in documents.items() if d.document is None]
    if inserted:
        connection.execute(insert(DocumentRow), inserted)
    for change in (replaced, advertised):
        if change:
            connection.execute(update(DocumentRow).where(of_key), change)


def rearm(connection: Connection, dialect: str, now: float, limit: int) -> int:
    """Put off the look at up to `limit` leases that have been renewed since the last one; return how many.

    So a lease that lives is looked at once a term, and its heartbeats need not touch the sweep's index.
    """
    due = _due(dialect, R.stage == 0, R.sweep_at <= now, R.expires_at > now, limit=limit)
    return connection.execute(update(R).where(due).values(sweep_at=R.expires_at)).rowcount


def expire(connection: Connection, dialect: str, policy: LeasePolicy, now: float, limit: int) -> list[Event]:
    """Record up to `limit` steps of silence that have come to pass in `dialect`, each once; return the events.

    Where the policy ends a registration at its lapse, the row goes with it. Safe to run on many gateways at
    once: a row another one is working on is left to it.
    """
    events: list[Event] = []
    for index, stage in enumerate(policy.stages, start=1):
        end = now - stage.after
        due = _due(dialect, R.stage == index - 1, R.sweep_at <= end, R.expires_at <= end, limit=limit)
        if policy.ends_at_lapse:
            rows = connection.execute(delete(R).where(due).returning(*COLUMNS))
        else:
            rows = connection.execute(update(R).where(due).values(stage=index).returning(*COLUMNS))
        events += [_silence(index, stage, registration, now) for registration in map(registration_of, rows)]
    record(connection, events)
    return events


def _due(dialect: str, *conditions: ColumnElement[bool], limit: int) -> ColumnElement[bool]:
    """Return the condition that a row is among `limit` of a dialect that fulfil `conditions` and nobody has locked."""
    due = (
        select(R.dialect, R.key)
        .where(R.dialect == dialect, *conditions)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .cte("due")  # run once; a plain subquery PostgreSQL may run again, and lock more than the limit
    )
    return tuple_(R.dialect, R.key).in_(select(due))


def _silence(index: int, stage: Stage, registration: Registration, now: float) -> Event:
    if index == 1:
        return lapse(registration, now)
    reason = f"silent for {now - registration.lease.last_seen:.1f} s"
    return happened(EventKind(stage.event), registration, GATEWAY, now, reason)


def purge(connection: Connection, dialect: str, policy: LeasePolicy, now: float, limit: int) -> list[Event]:
    """Remove up to `limit` registrations whose retention after lapse or deregistration is over."""
    if policy.retention is None:
        return []
    end = now - policy.retention
    ended = R.stage.in_([REVOKED, *range(1, len(policy.stages) + 1)])
    due = _due(dialect, ended, R.sweep_at <= end, R.expires_at <= end, limit=limit)
    rows = connection.execute(delete(R).where(due).returning(*COLUMNS))
    reason = f"kept for {policy.retention:g} s after it ended"
    events = [happened(EventKind.PURGED, registration_of(row), GATEWAY, now, reason) for row in rows]
    record(connection, events)
    return events


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
