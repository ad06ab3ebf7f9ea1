"""A lane: one connection kept for one kind of work, a whole transaction in one step.

SQLAlchemy's asyncio drivers cross between the event loop and the driver for every call: with aiosqlite nine
times for a transaction of one statement, each time through a thread. A heartbeat can't afford that. On SQLite a
lane is a thread that runs the whole transaction with the standard library's driver; on PostgreSQL it is a
connection that stays checked out. See docs/decisions/0003-lanes.md for the figures.
"""

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncTransaction

from registry_gateway.errors import RegistryError

T = TypeVar("T")


class Lane(Protocol):
    """Runs transactions one after the other."""

    async def run(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in a transaction and commit it; roll back whatever it raises."""
        ...

    async def close(self) -> None:
        """Close the connection."""
        ...


class ThreadLane:
    """A lane for SQLite: a thread with a connection."""

    def __init__(self, engine: Engine, name: str) -> None:
        """Take a synchronous engine, which others may use too; the thread starts with the first transaction."""
        self._engine = engine
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)
        self._connection: Connection | None = None

    async def run(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in a transaction on the lane's thread."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, self._transact, work)

    def _transact(self, work: Callable[[Connection], T]) -> T:
        connection = self._connection
        if connection is None:
            connection = self._connection = self._engine.connect()
        try:
            with connection.begin():
                return work(connection)
        except (SQLAlchemyError, sqlite3.Error):  # anything else was rolled back and leaves a connection that works
            self._connection = None
            connection.close()
            raise

    async def close(self) -> None:
        """Close the connection and end the thread."""
        await asyncio.get_running_loop().run_in_executor(self._executor, self._close)
        self._executor.shutdown()

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()


class ConnectionLane:
    """A lane for PostgreSQL: a connection of the pool that stays checked out."""

    def __init__(self, engine: AsyncEngine, *, by_key: bool) -> None:
        """Take the engine; the connection is made with the first transaction.

        Args:
            engine: Where connections come from.
            by_key: Whether all it does is look rows up by key. PostgreSQL keeps the plan it made when a table was
                small, and reads a large one from end to end until statistics tell it otherwise; so the plans that
                are never right here are switched off.
        """
        self._engine = engine
        self._by_key = by_key
        self._connection: AsyncConnection | None = None
        self._turn = asyncio.Lock()

    async def run(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in a transaction on the lane's connection.

        A connection that died while nobody used it (a restarted server, a failover) is replaced, and `work` run on
        the new one. That is safe where the failure comes before the commit was sent: the transaction is not in.
        """
        async with self._turn:
            kept = self._connection
            try:
                transaction, answer = await self._begin(work)
            except DBAPIError as error:
                if kept is None or not error.connection_invalidated:
                    raise
                transaction, answer = await self._begin(work)
            try:
                await transaction.commit()
            except BaseException:
                await self._drop()
                raise
            return answer

    async def _begin(self, work: Callable[[Connection], T]) -> tuple[AsyncTransaction, T]:
        """Run `work` in a transaction that is left open."""
        if self._connection is None:
            self._connection = await self._connect()
        try:
            transaction = await self._connection.begin()
            try:
                return transaction, await self._connection.run_sync(work)
            except RegistryError:
                await transaction.rollback()
                raise
        except RegistryError:
            raise
        except BaseException:
            await self._drop()
            raise

    async def _connect(self) -> AsyncConnection:
        connection = await self._engine.connect()
        if self._by_key:
            async with connection.begin():
                for method in ("seqscan", "hashjoin", "mergejoin"):
                    await connection.exec_driver_sql(f"SET enable_{method} = off")
        return connection

    async def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            if self._by_key:
                await connection.invalidate()  # its settings are not for others
            await connection.close()

    async def close(self) -> None:
        """Give the connection back, after the transaction that may be running."""
        async with self._turn:
            await self._drop()
