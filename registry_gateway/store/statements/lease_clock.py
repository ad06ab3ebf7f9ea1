"""The clock by which leases are judged: on PostgreSQL the server's, shared by all gateways; on SQLite the machine's.

A statement for PostgreSQL takes the time from the parameter `now`, or if that is None from the server's clock after the
row is locked, not when the statement is sent.
"""

from sqlalchemy import ColumnElement, Connection, Double, bindparam, cast, extract, func, select

from registry_gateway.core.clock import Clock
from registry_gateway.store.database_sql import sql_of

_SERVER = cast(extract("epoch", func.clock_timestamp()), Double)


def moment() -> ColumnElement[float]:
    """Return the time as a part of a statement for PostgreSQL."""
    return func.coalesce(bindparam("now", type_=Double), _SERVER)


def given(connection: Connection, clock: Clock) -> float | None:
    """Return the parameter `now` of a statement. Call this inside the transaction, once it holds its locks."""
    return sql_of(connection).given(clock)


def read(connection: Connection, clock: Clock) -> float:
    """Return the time by which leases are judged, in epoch seconds."""
    known = given(connection, clock)
    return connection.execute(_NOW).scalar_one() if known is None else known


def now(connection: Connection) -> float | None:
    """Return the database server's time in epoch seconds; None on SQLite."""
    return connection.execute(_NOW).scalar_one() if sql_of(connection).server else None


_NOW = select(_SERVER)
