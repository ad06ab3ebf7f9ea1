"""Frequent statements: compiled once per database, then run as text on the driver's cursor.

For each run SQLAlchemy looks the statement up in its cache, checks and converts each value of each row, and describes
each column of the result. That takes twice as long as SQLite needs to renew the leases of a batch, and a tenth of the
time of a look-up on PostgreSQL.
"""

from collections.abc import Callable, Iterable, Sequence
from operator import itemgetter
from typing import Any

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Connection,
    TableValuedAlias,
    bindparam,
    delete,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.elements import ClauseElement, KeyedColumnElement

from registry_gateway.store.database_sql import sql_of

Values = dict[str, Any]
"""The values of a statement's bound parameters by name, in the driver's types."""


Row = Sequence[Any]
"""The values of a row, in the order of the statement's columns."""

FromBatch = TableValuedAlias | None
"""The source of the values of a statement for many rows: a batch of rows, or (None) parameters for one of them."""


class Prepared:
    """A statement of SQLAlchemy Core. Results are in the driver's types: SQLite's booleans are integers.

    On SQLite it raises the driver's own errors (`sqlite3.Error`).
    """

    def __init__(self, statement: ClauseElement, *, postgresql: ClauseElement | None = None) -> None:
        """All values of `statement` are bound by name. `postgresql` replaces it on PostgreSQL."""
        self._statements = {"sqlite": statement, "postgresql": statement if postgresql is None else postgresql}
        self._compiled: dict[str, tuple[str, Callable[[Values], tuple[Any, ...]]]] = {}

    def run(self, connection: Connection, values: Values) -> Sequence[Sequence[Any]]:
        """Run the statement once; return its rows."""
        text, order = self._of(connection)
        return sql_of(connection).run(connection, text, order(values))

    def _of(self, connection: Connection) -> tuple[str, Callable[[Values], tuple[Any, ...]]]:
        name = connection.dialect.name
        found = self._compiled.get(name)
        if found is None:
            compiled = _compiled(self._statements[name], connection)
            found = self._compiled[name] = compiled.string, _in_order(compiled)
        return found


def _compiled(statement: ClauseElement, connection: Connection) -> SQLCompiler:
    compiled = statement.compile(dialect=connection.dialect)
    if not isinstance(compiled, SQLCompiler):
        raise TypeError("a statement with bound values is required")
    return compiled


def _in_order(compiled: SQLCompiler) -> Callable[[Values], tuple[Any, ...]]:
    """Return a function that makes the tuple of a row's parameters, including the statement's constants."""
    names = compiled.positiontup or []
    constants = {name: value for name, value in compiled.params.items() if value is not None}
    getter: Callable[[Values], tuple[Any, ...]]
    getter = itemgetter(*names) if len(names) > 1 else lambda values: tuple(values[name] for name in names)
    if constants:
        return lambda values: getter(constants | values)
    return getter


class ForEach:
    """A statement for many rows: run for each row on SQLite, and once with arrays of columns on PostgreSQL.

    SQLite's driver is as fast with single rows. With a server each run costs a round trip.
    """

    def __init__(self, columns: Iterable[KeyedColumnElement[Any]], build: Callable[[FromBatch], ClauseElement]) -> None:
        """`columns` are those of a row of values, in order. `build` returns the statement for a source of values."""
        types = {column.key: column.type for column in columns}
        self._names = list(types)
        arrays = [bindparam(name, type_=ARRAY(type_)) for name, type_ in types.items()]
        batch = func.unnest(*arrays).table_valued(*self._names).render_derived(name="batch")
        self._one = build(None)
        self._each: tuple[str, Callable[[Row], Row]] | None = None
        self._all = Prepared(build(batch))

    def run(self, connection: Connection, rows: Iterable[Row]) -> None:
        """Run the statement for each row of values; do nothing if there are none."""
        listed = list(rows)
        if not listed:
            return
        if not sql_of(connection).server:
            if self._each is None:
                compiled = _compiled(self._one, connection)
                places = [self._names.index(name) for name in compiled.positiontup or ()]
                self._each = compiled.string, itemgetter(*places)
            text, order = self._each
            connection.connection.cursor().executemany(text, [order(row) for row in listed])
        else:
            columns = zip(*listed, strict=True)
            self._all.run(connection, dict(zip(self._names, columns, strict=True)))


def inserting(table: type[DeclarativeBase]) -> ForEach:
    """Return the statement that inserts rows, with values for all columns in order except generated ids."""
    columns = [column for column in table.__table__.c if column.identity is None]

    def build(batch: FromBatch) -> ClauseElement:
        if batch is None:
            return insert(table).inline().values({column: bindparam(column.name) for column in columns})
        return insert(table).inline().from_select([column.name for column in columns], select(*batch.c))

    return ForEach(columns, build)


def changing(table: type[DeclarativeBase], *replaced: str) -> ForEach:
    """Return the statement that replaces columns of rows. A row of values is the primary key, then the new values."""
    columns = table.__table__.c
    key = list(table.__table__.primary_key)

    def build(batch: FromBatch) -> ClauseElement:
        def given(name: str) -> ColumnElement[Any]:
            return bindparam(name) if batch is None else batch.c[name]

        changes = {name: given(name) for name in replaced}
        return update(table).where(*(column == given(column.name) for column in key)).values(changes)

    return ForEach([*key, *(columns[name] for name in replaced)], build)


def removing(table: type[DeclarativeBase]) -> ForEach:
    """Return the statement that removes rows by primary key."""
    key = list(table.__table__.primary_key)

    def build(batch: FromBatch) -> ClauseElement:
        return delete(table).where(*(c == (bindparam(c.name) if batch is None else batch.c[c.name]) for c in key))

    return ForEach(key, build)
