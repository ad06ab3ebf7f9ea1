"""Reading the whole database, row by row, from one snapshot and with few rows in memory."""

import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from sqlalchemy import Connection, Select, and_, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from registry_gateway.core.model import Event
from registry_gateway.store.driver_errors import translated
from registry_gateway.store.engine import Store
from registry_gateway.store.statements.events import event_of
from registry_gateway.store.statements.registrations import COLUMNS, Found, registration_of
from registry_gateway.store.statements.tools import names
from registry_gateway.store.tables import DocumentRow, EventRow, RegistrationRow

T = TypeVar("T")
R = RegistrationRow
D = DocumentRow

CHUNK = 500
"""Rows read at a time."""


@asynccontextmanager
async def snapshot(store: Store) -> AsyncIterator[AsyncConnection]:
    """Open a connection whose reads all see one snapshot.

    Raises:
        StoreUnavailable: The database cannot be reached.
    """
    connection = store.snapshots.connect()
    try:
        await connection.start()
    except (SQLAlchemyError, OSError) as error:
        raise translated(error) from error
    try:
        yield connection
    finally:
        await connection.close()


async def read(connection: AsyncConnection, work: Callable[[Connection], T]) -> T:
    """Return the result of `work` on the connection.

    Raises:
        StoreUnavailable: The connection is lost.
    """
    try:
        return await connection.run_sync(work)
    except (SQLAlchemyError, sqlite3.Error, OSError) as error:
        raise translated(error) from error


async def registrations(connection: AsyncConnection, dialect: str | None) -> AsyncIterator[tuple[Found, list[str]]]:
    """Yield the registrations of a dialect (None: all), each with its tool names, by key, including ended ones that are
    kept.

    Raises:
        StoreUnavailable: The connection is lost.
    """
    of_it = and_(D.dialect == R.dialect, D.key == R.key)
    statement = select(*COLUMNS, D.document, D.tools_document, D.tools).join(D, of_it).order_by(R.dialect, R.key)
    if dialect is not None:
        statement = statement.where(R.dialect == dialect)
    async for row in _rows(connection, statement):
        yield (registration_of(row), row[-3], row[-2]), names(row[-1])


async def events(connection: AsyncConnection, dialect: str | None) -> AsyncIterator[Event]:
    """Yield the events of a dialect (None: all), oldest first.

    Raises:
        StoreUnavailable: The connection is lost.
    """
    statement = select(*EventRow.__table__.c).order_by(EventRow.id)
    if dialect is not None:
        statement = statement.where(EventRow.dialect == dialect)
    async for row in _rows(connection, statement):
        yield event_of(row)


async def _rows(connection: AsyncConnection, statement: Select[Any]) -> AsyncIterator[Any]:
    try:
        result = await connection.stream(statement.execution_options(yield_per=CHUNK))
        async for row in result:
            yield row
    except (SQLAlchemyError, OSError) as error:
        raise translated(error) from error
