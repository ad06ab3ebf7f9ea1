"""SQL variants of PostgreSQL, and running statements on its driver."""

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
"""The channel of notifications about committed events. Their payload is empty."""

LOCK = 0x52474556  # "RGEV"; sent as decimal, since PostgreSQL reads hexadecimal only from 16 on

TURN = text(f"SELECT pg_current_xact_id(), pg_advisory_xact_lock({LOCK}), pg_notify('{CHANNEL}', '')")
"""Makes transactions that record events commit one after the other, notifies listeners, and returns the transaction's
id.

Without the lock event 8 could appear after event 9, and a reader that continues from 9 would miss it. The lock is taken
at the end of a transaction, so it is held for little longer than the commit. The notification is sent at the commit.
The id is for finding out the outcome of the COMMIT if it is not answered. SQLite has only one writer anyway.
"""


class PostgresqlSql:
    """The PostgreSQL variant of `DatabaseSql`."""

    server = True

    def given(self, clock: Clock) -> float | None:
        """Return None, unless the clock replaces the server's."""
        return clock.server()

    def time(self, _given: float | None, rows: Sequence[Sequence[Any]]) -> float:
        """Return the last column of the last row, which is the statement's time."""
        at: float = rows[-1][-1]
        return at

    def batch(self, rows: Sequence[tuple[str, str, str | None]]) -> dict[str, Any]:
        """Return the batch as parallel arrays."""
        dialects, keys, owners = zip(*rows, strict=True)
        return {"dialects": dialects, "keys": keys, "owners": owners}

    def text_member(self, document: Any, name: str) -> ColumnElement[Any]:
        """Return a member of a JSON object that is stored as text, as text."""
        return type_coerce(cast(document, JSON)[name].as_string(), Text)

    def number_member(self, document: Any, name: str) -> ColumnElement[float]:
        """Return a member of a JSON object that is stored as text, as a number."""
        return cast(cast(document, JSON)[name].as_string(), Double)

    def lock(self, connection: Connection, rows: Select[Any]) -> None:
        """Lock the rows in their order."""
        connection.execute(select(func.count()).select_from(rows.with_for_update().subquery()))

    def take_turn(self, connection: Connection) -> None:
        """Wait for the other writers of events, and store the transaction's id."""
        connection.info[XID] = connection.execute(TURN).scalar()

    def note_transaction(self, connection: Connection, identity: int) -> None:
        """Store the transaction's id."""
        connection.info[XID] = identity

    def number_on(self, table: Table) -> ColumnElement[Any] | None:
        """Return what makes new row numbers follow the existing ones; None if the table's rows are not numbered."""
        if "id" not in table.c or table.c.id.identity is None:
            return None
        greatest = func.greatest(select(func.max(table.c.id)).scalar_subquery(), 1)
        return func.setval(func.pg_get_serial_sequence(table.name, "id"), greatest)

    def lacking(self, connection: Connection, tables: Sequence[str]) -> str | None:
        """Return the privileges that the role lacks, with the command that grants them."""
        return lacking(connection, tables)

    def run(self, connection: Connection, statement: str, values: Sequence[Any]) -> Sequence[Sequence[Any]]:
        """Run a statement. Errors are handled as by SQLAlchemy, including their effect on the connection."""
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
