"""The differences in SQL between SQLite and PostgreSQL, as one object per database."""

from collections.abc import Sequence
from typing import Any, Protocol

from sqlalchemy import ColumnElement, Connection, Select, Table

from registry_gateway.core.clock import Clock
from registry_gateway.store.postgresql.sql import PostgresqlSql
from registry_gateway.store.sqlite.sql import SqliteSql


class DatabaseSql(Protocol):
    """The SQL that depends on the database."""

    @property
    def server(self) -> bool:
        """Whether the database is a server, with a clock and sessions of its own."""
        ...

    def given(self, clock: Clock, /) -> float | None:
        """Return the parameter `now` of a statement, in epoch seconds; None if the database uses its own clock."""
        ...

    def time(self, given: float | None, rows: Sequence[Sequence[Any]], /) -> float:
        """Return the time of a statement: `given`, or the last column of its rows."""
        ...

    def batch(self, rows: Sequence[tuple[str, str, str | None]]) -> dict[str, Any]:
        """Return the parameters for a batch of (dialect, key, owner); see `key_batch`."""
        ...

    def text_member(self, document: Any, name: str) -> ColumnElement[Any]:
        """Return a member of a JSON object in a column, as text."""
        ...

    def number_member(self, document: Any, name: str) -> ColumnElement[float]:
        """Return a member of a JSON object in a column, as a number."""
        ...

    def lock(self, connection: Connection, rows: Select[Any], /) -> None:
        """Lock rows in their order until the transaction ends."""
        ...

    def take_turn(self, connection: Connection, /) -> None:
        """Wait for all other transactions that record events, and block them until this one ends."""
        ...

    def note_transaction(self, connection: Connection, identity: int, /) -> None:
        """Store the transaction's id, for finding out its outcome if its COMMIT is not answered."""
        ...

    def number_on(self, table: Table, /) -> ColumnElement[Any] | None:
        """Return the statement part that makes new row numbers follow copied ones; None if nothing is needed."""
        ...

    def lacking(self, connection: Connection, tables: Sequence[str], /) -> str | None:
        """Return the missing privileges on the tables, with the command that grants them; None if none is missing."""
        ...

    def run(self, connection: Connection, statement: str, values: Sequence[Any]) -> Sequence[Sequence[Any]]:
        """Run a statement, given as text, on the driver's cursor; return its rows."""
        ...


_BY_NAME: dict[str, DatabaseSql] = {"sqlite": SqliteSql(), "postgresql": PostgresqlSql()}


def sql_of(connection: Connection) -> DatabaseSql:
    """Return the `DatabaseSql` of a connection's database."""
    return _BY_NAME[connection.dialect.name]
