"""Statements that run all the time: compiled once for each database, then run as text.

SQLAlchemy looks a statement up in its cache whenever it runs, checks and converts each value of each row, and describes
each column of what comes back. That takes twice as long as SQLite does to renew the leases of a batch, and a tenth of
the time of a look-up on PostgreSQL. So the driver's cursor runs them.
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
"""The values of a statement's bound parameters by name, as the driver takes them."""


Row = Sequence[Any]
"""The values of one of many rows, in the order of the columns that they are for."""

FromBatch = TableValuedAlias | None
"""Where a statement for many rows finds their values: in a batch of rows, or (None) in parameters for one of them."""


class Prepared:
    """A statement of SQLAlchemy Core. What it returns comes as the driver gives it: SQLite's booleans are integers.

    On SQLite it raises the driver's own errors (`sqlite3.Error`).
    """

    def __init__(self, statement: ClauseElement, *, postgresql: ClauseElement | None = None) -> None:
        """Take the statement, all its values bound by name, and the one for PostgreSQL if that is another."""
        self._statements = {"sqlite": statement, "postgresql": statement if postgresql is None else postgresql}
        self._compiled: dict[str, tuple[str, Callable[[Values], tuple[Any, ...]]]] = {}

    def run(self, connection: Connection, values: Values) -> Sequence[Sequence[Any]]:
        """Run it once; return the rows."""
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
        raise TypeError("a statement with values is needed")
    return compiled


def _in_order(compiled: SQLCompiler) -> Callable[[Values], tuple[Any, ...]]:
    """Return what makes a row of values a tuple, together with the constants that are part of the statement."""
    names = compiled.positiontup or []
    constants = {name: value for name, value in compiled.params.items() if value is not None}
    getter: Callable[[Values], tuple[Any, ...]]
    getter = itemgetter(*names) if len(names) > 1 else lambda values: tuple(values[name] for name in names)
    if constants:
        return lambda values: getter(constants | values)
    return getter


class ForEach:
    """A statement for many rows: on SQLite one after the other, on PostgreSQL all at once, as arrays of their columns.

    SQLite's driver is as fast with one row as with many. A server must be sent each, and begin and end with it.
    """

    def __init__(self, columns: Iterable[KeyedColumnElement[Any]], build: Callable[[FromBatch], ClauseElement]) -> None:
        """Take the columns each row has values for, in order, and what builds the statement from where they are."""
        types = {column.key: column.type for column in columns}
        self._names = list(types)
        arrays = [bindparam(name, type_=ARRAY(type_)) for name, type_ in types.items()]
        batch = func.unnest(*arrays).table_valued(*self._names).render_derived(name="batch")
        self._one = build(None)
        self._each: tuple[str, Callable[[Row], Row]] | None = None
        self._all = Prepared(build(batch))

    def run(self, connection: Connection, rows: Iterable[Row]) -> None:
        """Run it for each row of values; not at all if there are none."""
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
    """Return the statement that inserts rows: all columns in their order, but those the database numbers."""
    columns = [column for column in table.__table__.c if column.identity is None]

    def build(batch: FromBatch) -> ClauseElement:
        if batch is None:
            return insert(table).inline().values({column: bindparam(column.name) for column in columns})
        return insert(table).inline().from_select([column.name for column in columns], select(*batch.c))

    return ForEach(columns, build)


def changing(table: type[DeclarativeBase], *replaced: str) -> ForEach:
    """Return the statement that replaces columns of rows. A row of values is the primary key and what is replaced."""
    columns = table.__table__.c
    key = list(table.__table__.primary_key)

    def build(batch: FromBatch) -> ClauseElement:
        def given(name: str) -> ColumnElement[Any]:
            return bindparam(name) if batch is None else batch.c[name]

        changes = {name: given(name) for name in replaced}
        return update(table).where(*(column == given(column.name) for column in key)).values(changes)

    return ForEach([*key, *(columns[name] for name in replaced)], build)


def removing(table: type[DeclarativeBase]) -> ForEach:
    """Return the statement that removes the rows of these primary keys."""
    key = list(table.__table__.primary_key)

    def build(batch: FromBatch) -> ClauseElement:
        return delete(table).where(*(c == (bindparam(c.name) if batch is None else batch.c[c.name]) for c in key))

    return ForEach(key, build)
