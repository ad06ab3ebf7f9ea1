"""What PostgreSQL says differently in SQL, and how its driver runs statements."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    JSON,
    ColumnElement,
    Connection,
    Double,
    Select,
    Table,
    Text,
    cast,
    func,
    select,
    text,
    type_coerce,
)
from sqlalchemy.exc import DBAPIError

from registry_gateway.core.clock import Clock
from registry_gateway.store.postgresql.commit_outcome import XID
from registry_gateway.store.postgresql.privileges import lacking

CHANNEL = "registry_gateway_events"
"""What PostgreSQL notifies listeners on when events are committed. The message is empty: the log has it all."""

LOCK = 0x52474556  # "RGEV"; sent as decimal, since PostgreSQL reads hexadecimal only from 16 on

TURN = text(f"SELECT pg_current_xact_id(), pg_advisory_xact_lock({LOCK}), pg_notify('{CHANNEL}', '')")
"""Makes writers of events commit one after the other, on PostgreSQL; SQLite has one writer anyway.

Without it event 8 could appear after event 9, and who reads on from 9 would never see it. The lock is taken when
all else is done, so it is held for little more than the commit. The notification goes out with the commit. The id of
the transaction is for finding out what became of it, if its COMMIT is not answered.
"""


class PostgresqlSql:
    """See `DatabaseSql`."""

    server = True

    def given(self, clock: Clock) -> float | None:
        """Return None, unless the clock stands in for the server's."""
        return clock.server()

    def time(self, _given: float | None, rows: Sequence[Sequence[Any]]) -> float:
        """Return the last column of the last row, where the statement has put the time."""
        at: float = rows[-1][-1]
        return at

    def batch(self, rows: Sequence[tuple[str, str, str | None]]) -> dict[str, Any]:
        """Return parallel arrays."""
        dialects, keys, owners = zip(*rows, strict=True)
        return {"dialects": dialects, "keys": keys, "owners": owners}

    def text_member(self, document: Any, name: str) -> ColumnElement[Any]:
        """Return a member of a JSON object that is stored as text."""
        return type_coerce(cast(document, JSON)[name].as_string(), Text)

    def number_member(self, document: Any, name: str) -> ColumnElement[float]:
        """Return a member of a JSON object that is stored as text."""
        return cast(cast(document, JSON)[name].as_string(), Double)

    def lock(self, connection: Connection, rows: Select[Any]) -> None:
        """Lock the rows in their order."""
        connection.execute(select(func.count()).select_from(rows.with_for_update().subquery()))

    def take_turn(self, connection: Connection) -> None:
        """Wait for the other writers of events, and note the id of the transaction."""
        connection.info[XID] = connection.execute(TURN).scalar()

    def note_transaction(self, connection: Connection, identity: int) -> None:
        """Note the id of the transaction."""
        connection.info[XID] = identity

    def number_on(self, table: Table) -> ColumnElement[Any] | None:
        """Return what makes the numbers of new rows follow those that are there; None if the table has no numbers."""
        if "id" not in table.c or table.c.id.identity is None:
            return None
        greatest = func.greatest(select(func.max(table.c.id)).scalar_subquery(), 1)
        return func.setval(func.pg_get_serial_sequence(table.name, "id"), greatest)

    def lacking(self, connection: Connection, tables: Sequence[str]) -> str | None:
        """Return which privileges the role lacks, with the command that grants them."""
        return lacking(connection, tables)

    def run(self, connection: Connection, statement: str, values: Sequence[Any]) -> Sequence[Sequence[Any]]:
        """Run a statement. Errors, and what they do to the connection, are as with SQLAlchemy's own."""
        dialect, cursor = connection.dialect, connection.connection.cursor()
        driver: Any = dialect.loaded_dbapi
        try:
            cursor.execute(statement, values)
            return cursor.fetchall() if cursor.description else ()
        except driver.Error as error:
            gone = dialect.is_disconnect(error, connection.connection.dbapi_connection, cursor)
            if gone:
                connection.invalidate(error)
            raise DBAPIError.instance(
                statement,
                tuple(values),
                error,
                driver.Error,
                hide_parameters=connection.engine.hide_parameters,
                connection_invalidated=gone,
                dialect=dialect,
            ) from error
        except BaseException as error:
            if not isinstance(error, Exception):  # cancelled: the statement may still run
                connection.invalidate(error)
            raise
