"""Statements that run all the time: compiled once for each database, then run as text.

SQLAlchemy looks a statement up in its cache whenever it runs, and checks and converts each value of each row. For the
rows of a registration that costs as much as the database does.
"""

from collections.abc import Callable, Iterable
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, CursorResult, bindparam, insert
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.elements import ClauseElement

Values = dict[str, Any]
"""The values of a statement's bound parameters by name, as the driver takes them."""


class Prepared:
    """A statement of SQLAlchemy Core. What it returns comes as the driver gives it: SQLite's booleans are integers."""

    def __init__(self, statement: ClauseElement, *, postgresql: ClauseElement | None = None) -> None:
        """Take the statement, all its values bound by name, and the one for PostgreSQL if that is another."""
        self._statements = {"sqlite": statement, "postgresql": statement if postgresql is None else postgresql}
        self._compiled: dict[str, tuple[str, Callable[[Values], tuple[Any, ...]]]] = {}

    def run(self, connection: Connection, values: Values) -> CursorResult[*tuple[Any, ...]]:
        """Run it once."""
        text, order = self._of(connection)
        return connection.exec_driver_sql(text, order(values))

    def run_each(self, connection: Connection, rows: Iterable[Values]) -> None:
        """Run it for each row of values; not at all if there are none."""
        text, order = self._of(connection)
        ordered = [order(values) for values in rows]
        if ordered:
            connection.exec_driver_sql(text, ordered)

    def _of(self, connection: Connection) -> tuple[str, Callable[[Values], tuple[Any, ...]]]:
        name = connection.dialect.name
        found = self._compiled.get(name)
        if found is None:
            compiled = self._statements[name].compile(dialect=connection.dialect)
            if not isinstance(compiled, SQLCompiler):
                raise TypeError("a statement with values is needed")
            found = self._compiled[name] = compiled.string, _in_order(compiled)
        return found


def _in_order(compiled: SQLCompiler) -> Callable[[Values], tuple[Any, ...]]:
    """Return what makes a row of values a tuple, together with the constants that are part of the statement."""
    names = compiled.positiontup or []
    constants = {name: value for name, value in compiled.params.items() if value is not None}
    getter: Callable[[Values], tuple[Any, ...]]
    getter = itemgetter(*names) if len(names) > 1 else lambda values: tuple(values[name] for name in names)
    if constants:
        return lambda values: getter(constants | values)
    return getter


def inserting(table: type[DeclarativeBase]) -> Prepared:
    """Return the statement that inserts a row, all its columns given but those the database numbers."""
    columns = [column for column in table.__table__.c if column.identity is None]
    return Prepared(insert(table).inline().values({column: bindparam(column.name) for column in columns}))
