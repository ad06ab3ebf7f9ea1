"""SQL variants of SQLite, and running statements on its driver."""

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, Double, Select, Table, Text, func

from registry_gateway.core.clock import Clock


class SqliteSql:
    """The SQLite variant of `DatabaseSql`."""

    server = False

    def given(self, clock: Clock) -> float | None:
        """Return this machine's time."""
        return clock.now()

    def time(self, given: float | None, _rows: Sequence[Sequence[Any]]) -> float:
        """Return `given`."""
        if given is None:
            raise TypeError("SQLite has no clock of its own")
        return given

    def batch(self, rows: Sequence[tuple[str, str, str | None]]) -> dict[str, Any]:
        """Return the batch as a JSON array of arrays."""
        return {"batch": msgspec.json.encode(rows).decode()}

    def text_member(self, document: Any, name: str) -> ColumnElement[Any]:
        """Return a member of a JSON object that is stored as text, as text."""
        return func.json_extract(document, f"$.{name}", type_=Text)

    def number_member(self, document: Any, name: str) -> ColumnElement[float]:
        """Return a member of a JSON object that is stored as text, as a number."""
        return func.json_extract(document, f"$.{name}", type_=Double)

    def lock(self, _connection: Connection, _rows: Select[Any]) -> None:
        """Do nothing: a writing transaction holds the only write lock from its start."""

    def take_turn(self, _connection: Connection) -> None:
        """Do nothing: there is only one writer."""

    def note_transaction(self, _connection: Connection, _identity: int) -> None:
        """Do nothing: the outcome of a COMMIT is always known."""

    def number_on(self, _table: Table) -> ColumnElement[Any] | None:
        """Return None: SQLite continues from the greatest number."""
        return None

    def lacking(self, _connection: Connection, _tables: Sequence[str]) -> str | None:
        """Return None: SQLite has no privileges."""
        return None

    def run(self, connection: Connection, statement: str, values: Sequence[Any]) -> Sequence[Sequence[Any]]:
        """Run a statement on the driver's cursor."""
        cursor = connection.connection.cursor()
        cursor.execute(statement, values)
        return cursor.fetchall()
