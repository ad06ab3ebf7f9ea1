"""The clock that leases are judged by: the database server's, the same for all its gateways; on SQLite the machine's.

A statement for PostgreSQL takes the time as the parameter `now`, and where that is None from the server, at the instant
the row is at hand: after the row was locked, not when the statement was sent.
"""

from sqlalchemy import ColumnElement, Connection, Double, bindparam, cast, extract, func, select

from registry_gateway.core.clock import Clock
from registry_gateway.store.database_sql import sql_of

_SERVER = cast(extract("epoch", func.clock_timestamp()), Double)


def moment() -> ColumnElement[float]:
    """Return the time as a part of a statement for PostgreSQL."""
    return func.coalesce(bindparam("now", type_=Double), _SERVER)


def given(connection: Connection, clock: Clock) -> float | None:
    """Return the parameter `now` of a statement. Ask inside the transaction, once it holds its locks."""
    return sql_of(connection).given(clock)


def read(connection: Connection, clock: Clock) -> float:
    """Return the time that leases are judged by, in epoch seconds."""
    known = given(connection, clock)
    return connection.execute(_NOW).scalar_one() if known is None else known


def now(connection: Connection) -> float | None:
    """Return the database server's time in epoch seconds; None for SQLite, which runs in this process."""
    return connection.execute(_NOW).scalar_one() if sql_of(connection).server else None


_NOW = select(_SERVER)
