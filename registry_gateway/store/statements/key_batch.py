"""A batch of keys as a table that statements join, in SQLite's and PostgreSQL's form."""

from collections.abc import Iterable
from operator import itemgetter
from typing import Any

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Connection,
    Select,
    String,
    Subquery,
    TableValuedAlias,
    Text,
    bindparam,
    func,
    select,
    true,
)

from registry_gateway.store.database_sql import sql_of
from registry_gateway.store.statements.prepared import Values

Key = tuple[str, str]
"""Dialect and key."""


def _batch_sqlite() -> Subquery:
    element = func.json_each(bindparam("batch", type_=String)).table_valued("value")
    members = [
        func.json_extract(element.c.value, f"$[{i}]").label(name) for i, name in enumerate(("dialect", "key", "owner"))
    ]
    return select(*members).subquery("batch")


def _batch_postgresql() -> TableValuedAlias:
    arrays = [bindparam(name, type_=ARRAY(Text)) for name in ("dialects", "keys", "owners")]
    return func.unnest(*arrays).table_valued("dialect", "key", "owner").render_derived(name="batch")


def batch_values(connection: Connection, batch: Iterable[tuple[str, str, str | None]]) -> Values:
    """Return the parameters for a batch, sorted by key, which is the order of row locks."""
    ordered = sorted(batch, key=itemgetter(0, 1))
    return sql_of(connection).batch(ordered)


Batch = Subquery | TableValuedAlias


def each(batch: Batch, inner: Select[Any], *more: ColumnElement[Any], outer: bool = False) -> Select[Any]:
    """Return the rows that `inner` finds for each row of the batch, one look-up after the other, on PostgreSQL.

    `more` are further columns, evaluated when the row is locked. With `outer` a missing row is a row of nulls. `inner`
    needs a lock or a limit, so that it is not flattened into a join: PostgreSQL keeps the plan it made for a small
    table, and for a join on a small table that is a full scan.
    """
    found = inner.lateral("found")
    return select(*found.c, *more).select_from(batch.join(found, true(), isouter=outer))


SQLITE, POSTGRESQL = _batch_sqlite(), _batch_postgresql()
"""The table: a subquery of a JSON parameter, and parallel arrays. `batch_values` makes the parameters for either."""
