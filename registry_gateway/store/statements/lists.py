"""Statements that read lists page by page, sorted by dialect and key."""

from itertools import product
from typing import NamedTuple

from sqlalchemy import Connection, Integer, Text, and_, bindparam, func, select, tuple_

from registry_gateway.core.model import Registration
from registry_gateway.store.statements import tools
from registry_gateway.store.statements.key_batch import Key
from registry_gateway.store.statements.prepared import Prepared
from registry_gateway.store.statements.registrations import COLUMNS, WITH_DOCUMENTS, Found, registration_of
from registry_gateway.store.tables import DocumentRow, EventRow, RegistrationRow

R = RegistrationRow


def find_next(
    connection: Connection,
    dialect: str | None,
    alive_at: float | None,
    after: Key,
    limit: int,
    *,
    documents: bool = True,
) -> list[Found]:
    """Return the next `limit` registrations of a dialect (None: all) after `after`, sorted by key.

    With `alive_at`, only those whose lease runs at that time. Without `documents`, these are empty.
    """
    statement = _FIND_NEXT[documents, dialect is not None, alive_at is not None]
    place = {"after_dialect": after[0], "after_key": after[1], "limit": limit}
    rows = statement.run(connection, {"dialect": dialect, "now": alive_at, **place})
    return [(registration_of(row), *((row[-2], row[-1]) if documents else (b"", None))) for row in rows]


_BEHIND = tuple_(R.dialect, R.key) > tuple_(bindparam("after_dialect", type_=Text), bindparam("after_key", type_=Text))
_ALIVE = and_(R.stage == 0, R.expires_at > bindparam("now", type_=R.expires_at.type))
_BEHIND_IN_DIALECT = and_(R.dialect == bindparam("dialect"), R.key > bindparam("after_key"))
_FIND_NEXT = {
    (documents, of_dialect, alive): Prepared(
        (WITH_DOCUMENTS if documents else select(*COLUMNS))
        .where(_BEHIND_IN_DIALECT if of_dialect else _BEHIND, *([_ALIVE] if alive else []))
        .order_by(R.dialect, R.key)
        .limit(bindparam("limit", type_=Integer))
    )
    for documents, of_dialect, alive in product((False, True), repeat=3)
}

_LAST_EVENT = (
    select(func.max(EventRow.id)).where(EventRow.dialect == R.dialect, EventRow.key == R.key).scalar_subquery()
)
_FIND_NEXT_LISTED = Prepared(
    select(*COLUMNS, DocumentRow.tools, _LAST_EVENT.label("last_event"))
    .join(DocumentRow, and_(DocumentRow.dialect == R.dialect, DocumentRow.key == R.key))
    .where(_BEHIND)
    .order_by(R.dialect, R.key)
    .limit(bindparam("limit", type_=Integer))
)


class Listed(NamedTuple):
    """A registration, its tool names, and the id of the last event about it; 0 if the log has none."""

    registration: Registration
    tools: list[str]
    last_event: int


def find_next_listed(connection: Connection, after: Key, limit: int) -> list[Listed]:
    """Return the next `limit` registrations of all dialects after `after`, sorted by key."""
    rows = _FIND_NEXT_LISTED.run(connection, {"after_dialect": after[0], "after_key": after[1], "limit": limit})
    return [Listed(registration_of(row), tools.names(row[-2]), row[-1] or 0) for row in rows]
