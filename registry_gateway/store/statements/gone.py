"""Statements on the last states of services that are gone. They are for reading, and hold nothing: no key, owner,
approval, subscription or place in a limit.

The row of a service that registers again stays until its next end or the end of the retention, so that a registration
need not look for it; each read leaves out keys that are registered.
"""

from collections.abc import Collection
from typing import Any, NamedTuple

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    Delete,
    Double,
    Insert,
    Integer,
    Select,
    and_,
    bindparam,
    case,
    delete,
    false,
    func,
    insert,
    literal,
    null,
    select,
    tuple_,
)
from sqlalchemy.orm import aliased

from registry_gateway.core.lease import REVOKED
from registry_gateway.core.model import Registration, Version
from registry_gateway.store.statements import events
from registry_gateway.store.statements.key_batch import POSTGRESQL, SQLITE, Batch, Key, batch_values
from registry_gateway.store.statements.prepared import Prepared
from registry_gateway.store.statements.registrations import COLUMNS, Found, registration_of, remove
from registry_gateway.store.statements.search import EVERYTHING, Column, Searched, Wanted, matching
from registry_gateway.store.statements.tools import having_text, having_tool, names
from registry_gateway.store.statements.versions import parsed
from registry_gateway.store.tables import DocumentRow, GoneRow, RegistrationRow

G = GoneRow
R = RegistrationRow
D = DocumentRow

MOST_STATES = 10_000
"""Maximum number of last states kept per dialect: those that ended last. It bounds the disk that removed services take.
"""


# --- writing


def _copying(batch: Batch) -> Insert:
    """Return the statement that copies the registrations of a batch, with their documents."""
    ended_at: BindParameter[Any] = bindparam("ended_at", type_=Double)
    end = func.coalesce(ended_at, R.expires_at)
    values: dict[str, Any] = {c.name: getattr(R, c.name) for c in G.__table__.c if hasattr(R, c.name)}
    values |= {c.name: getattr(D, c.name) for c in G.__table__.c if not hasattr(R, c.name) and hasattr(D, c.name)}
    values |= {"ended_at": end, "expires_at": case((R.expires_at > end, end), else_=R.expires_at)}
    copied = (
        select(*(values[c.name].label(c.name) for c in G.__table__.c))
        .join(D, and_(D.dialect == R.dialect, D.key == R.key))
        .join(batch, and_(R.dialect == batch.c.dialect, R.key == batch.c.key))
    )
    return insert(G).inline().from_select([c.name for c in G.__table__.c], copied)


def _removing(batch: Batch) -> Delete:
    return delete(G).where(tuple_(G.dialect, G.key).in_(select(batch.c.dialect, batch.c.key)))


_COPY = Prepared(_copying(SQLITE), postgresql=_copying(POSTGRESQL))
_REMOVE = Prepared(_removing(SQLITE), postgresql=_removing(POSTGRESQL))


def archive(connection: Connection, keys: Collection[Key], ended_at: float | None) -> None:
    """Remove registrations, which the transaction has locked, and keep their last states.

    `ended_at` is the time of their end in epoch seconds; None: the end of their leases.
    """
    if not keys:
        return
    values = batch_values(connection, [(dialect, key, None) for dialect, key in keys])
    _REMOVE.run(connection, values)
    _COPY.run(connection, values | {"ended_at": ended_at})
    remove(connection, keys)


def prune(connection: Connection, before: float, limit: int) -> int:
    """Delete up to `limit` last states of services that ended before `before` (epoch seconds) or before the first event
    of a log that is not complete, and those beyond `MOST_STATES`; return how many.
    """
    began = events.began(connection)
    if began is not None and began[0] > 1:
        before = max(before, began[1])
    removed = 0
    for (dialect,) in connection.execute(select(G.dialect).distinct()).all():
        newest = (
            select(G.ended_at).where(G.dialect == dialect).order_by(G.ended_at.desc()).offset(MOST_STATES - 1).limit(1)
        )
        oldest_kept = connection.execute(newest).scalar()
        bound = before if oldest_kept is None else max(before, oldest_kept)
        old = (
            select(G.dialect, G.key)
            .where(G.dialect == dialect, G.ended_at < bound)
            .limit(limit - removed)
            .with_for_update(skip_locked=True)
            .cte("old")
        )
        statement = delete(G).where(tuple_(G.dialect, G.key).in_(select(old))).returning(G.key)
        removed += len(connection.execute(statement).all())
    return removed


# --- reading


class LastState(NamedTuple):
    """The last state of a service: as it was registered, the names of its tools, and its versions, oldest first."""

    found: Found
    tools: list[str]
    versions: list[Version]


def _left(row: Any = G) -> ColumnElement[bool]:
    """Return whether a service has not registered again."""
    again = aliased(R)
    return ~select(again.key).where(again.dialect == row.dialect, again.key == row.key).exists()


_NOTHING: dict[str, ColumnElement[Any]] = {"advertised": false(), "stage": literal(REVOKED, Integer)}
"""The columns of a registration that a last state lacks, and that are not null."""


def registrations(*more: Column) -> Select[Any]:
    """Return the last states as registrations whose lease is revoked: `COLUMNS`, then `more`."""
    columns = [
        (getattr(G, c.name) if hasattr(G, c.name) else _NOTHING.get(c.name, null())).label(c.name) for c in COLUMNS
    ]
    return select(*columns, *more).where(_left())


def find(connection: Connection, dialect: str, key: str) -> LastState | None:
    """Return the last state of a service; None if it is registered or unknown."""
    more = (G.document, G.tools_document, G.tools, G.versions)
    row = connection.execute(registrations(*more).where(G.dialect == dialect, G.key == key)).one_or_none()
    if row is None:
        return None
    found = registration_of(row), row.document, row.tools_document
    return LastState(found, names(row.tools), parsed(row.versions))


def find_registrations(connection: Connection, keys: Collection[Key]) -> dict[Key, Registration]:
    """Return what `registrations` has of the services under `keys`; those that are registered or unknown are left
    out.
    """
    found: dict[Key, Registration] = {}
    for dialect, of_it in _by_dialect(keys).items():
        rows = connection.execute(registrations().where(G.dialect == dialect, G.key.in_(of_it)))
        found |= {(dialect, registration.key): registration for registration in map(registration_of, rows)}
    return found


def tools(connection: Connection, keys: Collection[Key]) -> dict[Key, list[str]]:
    """Return the tool names in the last states under `keys`; services without tools are left out."""
    found: dict[Key, list[str]] = {}
    for dialect, of_it in _by_dialect(keys).items():
        conditions = G.dialect == dialect, G.key.in_(of_it), G.tools.is_not(None)
        rows = connection.execute(select(G.key, G.tools).where(*conditions))
        found |= {(dialect, key): names(column) for key, column in rows}
    return found


def _by_dialect(keys: Collection[Key]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for dialect, key in keys:
        found.setdefault(dialect, []).append(key)
    return found


def content(wanted: Wanted) -> list[ColumnElement[bool]]:
    """Return the conditions of a search on last states, except that on the status."""
    conditions = matching(_SEARCHED, wanted, having_text(wanted, G.tools))
    tool = having_tool(wanted, G.tools)
    return conditions if tool is None else [*conditions, tool]


_SEARCHED = Searched(G.dialect, G.key, G.name, G.version, G.address)


def count(connection: Connection, wanted: Wanted = EVERYTHING) -> dict[str, int]:
    """Return the number of last states that match by dialect."""
    conditions = [_left(), *content(wanted)]
    rows = connection.execute(select(G.dialect, func.count()).where(*conditions).group_by(G.dialect))
    return {row[0]: row[1] for row in rows}
