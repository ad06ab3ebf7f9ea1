"""What differs between SQLite and PostgreSQL in statements, as one value for each database."""

from collections.abc import Sequence
from typing import Any, Protocol

from sqlalchemy import ColumnElement, Connection, Select, Table

from registry_gateway.core.clock import Clock
from registry_gateway.store.postgresql.sql import PostgresqlSql
from registry_gateway.store.sqlite.sql import SqliteSql


class DatabaseSql(Protocol):
    """The differences. `server` tells whether the database is a server, with a clock and sessions of its own."""

    @property
    def server(self) -> bool:
        """Whether the database is a server."""
        ...

    def given(self, clock: Clock, /) -> float | None:
        """Return the parameter `now` of a statement, in epoch seconds; None if the database takes its own time."""
        ...

    def time(self, given: float | None, rows: Sequence[Sequence[Any]], /) -> float:
        """Return the time a statement was run at: `given`, or the last column of its rows where they have it."""
        ...

    def batch(self, rows: Sequence[tuple[str, str, str | None]]) -> dict[str, Any]:
        """Return the parameters for a batch of (dialect, key, owner): see `key_batch`."""
        ...

    def text_member(self, document: Any, name: str) -> ColumnElement[Any]:
        """Return a member of a JSON object in a column, as text."""
        ...

    def number_member(self, document: Any, name: str) -> ColumnElement[float]:
        """Return a member of a JSON object in a column, as a number."""
        ...

    def lock(self, connection: Connection, rows: Select[Any], /) -> None:
        """Lock rows in their order, until the transaction ends."""
        ...

    def take_turn(self, connection: Connection, /) -> None:
        """Wait for all other transactions that record events, until this one ends."""
        ...

    def note_transaction(self, connection: Connection, identity: int, /) -> None:
        """Note the id of the transaction, for finding out what became of it if its COMMIT is not answered."""
        ...

    def number_on(self, table: Table, /) -> ColumnElement[Any] | None:
        """Return what makes the numbers of new rows follow those of copied ones; None if nothing has to."""
        ...

    def lacking(self, connection: Connection, tables: Sequence[str], /) -> str | None:
        """Return which privileges on the tables are missing, with the command that grants them; None: none."""
        ...

    def run(self, connection: Connection, statement: str, values: Sequence[Any]) -> Sequence[Sequence[Any]]:
        """Run a statement, in text, on the driver's cursor; return its rows."""
        ...


_BY_NAME: dict[str, DatabaseSql] = {"sqlite": SqliteSql(), "postgresql": PostgresqlSql()}


def sql_of(connection: Connection) -> DatabaseSql:
    """Return what is particular to the database of a connection."""
    return _BY_NAME[connection.dialect.name]
