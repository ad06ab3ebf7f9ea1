"""Statements that run all the time: compiled once for each database, then run as text.

SQLAlchemy looks a statement up in its cache whenever it runs, checks and converts each value of each row, and makes a
result of what comes back. That takes twice as long as SQLite does to renew the leases of a batch, so there the
driver's cursor is asked itself. On PostgreSQL it is little beside the way to the server, and SQLAlchemy notices when
that is gone.
"""

from collections.abc import Callable, Iterable, Sequence
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, bindparam, insert
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.elements import ClauseElement

Values = dict[str, Any]
"""The values of a statement's bound parameters by name, as the driver takes them."""


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
        if connection.dialect.name == "sqlite":
            cursor = connection.connection.cursor()
            cursor.execute(text, order(values))
            return cursor.fetchall()
        return connection.exec_driver_sql(text, order(values)).all()

    def run_each(self, connection: Connection, rows: Iterable[Values]) -> None:
        """Run it for each row of values; not at all if there are none."""
        text, order = self._of(connection)
        ordered = [order(values) for values in rows]
        if not ordered:
            return
        if connection.dialect.name == "sqlite":
            connection.connection.cursor().executemany(text, ordered)
        else:
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
