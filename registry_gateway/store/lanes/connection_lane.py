"""A lane for PostgreSQL: a connection of the pool that stays checked out."""

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncTransaction

from registry_gateway.core.deadlines import COMMIT_WITHIN
from registry_gateway.core.errors import OutcomeUnknown, RegistryError
from registry_gateway.store.postgresql.commit_outcome import XID, Outcome, Session, session, settled
from registry_gateway.store.postgresql.connection_check import answers

T = TypeVar("T")

IDLE_SECONDS = 5.0
"""Seconds after which an idle connection is checked before use."""

SETTLE_WITHIN = COMMIT_WITHIN - 0.2
"""Seconds for finding out the outcome of a COMMIT, so that waiting callers still receive it."""


class ConnectionLane:
    """A lane for PostgreSQL: a connection of the pool that stays checked out."""

    def __init__(
        self,
        engine: AsyncEngine,
        *,
        by_key: bool,
        writing: bool = False,
        connected: Callable[[], None] | None = None,
    ) -> None:
        """The connection is opened with the first transaction.

        Args:
            engine: The source of connections.
            by_key: Whether the lane only looks up rows by key. PostgreSQL keeps a plan it made for a small table, and
                scans a large one completely until statistics are updated; so plans that are never right for look-ups
                are disabled.
            writing: Whether its transactions write, so that the outcome of a COMMIT matters.
            connected: Called after each new connection.
        """
        self._engine = engine
        self._by_key = by_key
        self._writing = writing
        self._connected = connected
        self._connection: AsyncConnection | None = None
        self._driver: Any = None
        self._session: Session | None = None
        self._unsettled: tuple[Session, int | None] | None = None
        self._turn = asyncio.Lock()
        self._used_at = 0.0
        self._retired = False

    async def run(self, work: Callable[[Connection], T], limit: float | None) -> T:
        """Run `work` in a transaction on the lane's connection. See `Lane.run`.

        A connection that died while idle (a restarted server, a failover) is replaced, and `work` is run on the new
        one. That is safe if the failure precedes the COMMIT, because nothing was committed.
        """
        deadline = None if limit is None else asyncio.get_running_loop().time() + limit
        if self._turn.locked():
            async with asyncio.timeout_at(deadline):
                await self._turn.acquire()
        else:
            await self._turn.acquire()
        try:
            return await self._transact(work, deadline)
        finally:
            self._turn.release()

    async def _transact(self, work: Callable[[Connection], T], deadline: float | None) -> T:
        if self._unsettled is not None:
            await self._wait_for_earlier(deadline)
        if self._retired or self._idle():
            await self._look_at_connection()
        kept = self._connection
        try:
            transaction, answer = await self._begin(work, deadline)
        except DBAPIError as error:
            if kept is None or not error.connection_invalidated or self._late(deadline):
                raise
            transaction, answer = await self._begin(work, deadline)
        await self._commit(transaction)
        self._used_at = asyncio.get_running_loop().time()
        return answer

    async def _begin(self, work: Callable[[Connection], T], deadline: float | None) -> tuple[AsyncTransaction, T]:
        """Run `work` in a transaction and leave it open."""
        if self._connection is None:
            async with asyncio.timeout_at(deadline):
                self._connection = await self._connect()
        timer = None if deadline is None else asyncio.get_running_loop().call_at(deadline, self.cut)
        try:
            transaction = await self._connection.begin()
            if self._writing:
                self._connection.info.pop(XID, None)
            try:
                return transaction, await self._connection.run_sync(work)
            except RegistryError:
                await transaction.rollback()
                raise
        except RegistryError:
            raise
        except BaseException as error:
            await self._drop(error)
            if isinstance(error, DBAPIError) and self._late(deadline):
                raise TimeoutError("the database took too long; nothing was changed") from error
            raise
        finally:
            if timer is not None:
                timer.cancel()

    async def _commit(self, transaction: AsyncTransaction) -> None:
        loop = asyncio.get_running_loop()
        xid = self._connection.info.get(XID) if self._writing and self._connection is not None else None
        timer = loop.call_later(COMMIT_WITHIN, self.cut)
        try:
            await transaction.commit()
        except BaseException as error:
            timer.cancel()
            refused = isinstance(error, DBAPIError) and not error.connection_invalidated
            await self._drop(error)
            if refused or self._session is None:  # rolled back, or nothing to commit
                raise
            self._unsettled = self._session, xid
            if isinstance(error, asyncio.CancelledError):
                raise
            await self._settle(loop.time() + SETTLE_WITHIN, error)
        finally:
            timer.cancel()

    # --- the outcome of a COMMIT

    async def _settle(self, deadline: float, error: BaseException) -> None:
        """Return if the transaction was committed; else raise."""
        outcome = await self._look(deadline)
        if outcome is Outcome.COMMITTED:
            return
        if outcome is Outcome.ABORTED:
            raise error
        raise OutcomeUnknown("the database did not say whether a transaction was committed") from error

    async def _wait_for_earlier(self, deadline: float | None) -> None:
        """Return when the previous transaction has ended.

        Until then another one would wait in the same way, and each would occupy a connection of the server.
        """
        loop = asyncio.get_running_loop()
        if await self._look(loop.time() + COMMIT_WITHIN if deadline is None else deadline) is Outcome.OPEN:
            raise TimeoutError("an earlier transaction has not ended; nothing was changed")

    async def _look(self, deadline: float) -> Outcome:
        if self._unsettled is None:
            return Outcome.UNKNOWN
        outcome = await settled(self._engine, *self._unsettled, deadline)
        if outcome is not Outcome.OPEN:
            self._unsettled = None
        return outcome

    # --- the connection

    def retire(self) -> None:
        """Use a new connection for the next transaction, because another server may take writes by now."""
        self._retired = True

    def _idle(self) -> bool:
        return self._connection is not None and asyncio.get_running_loop().time() - self._used_at > IDLE_SECONDS

    async def _look_at_connection(self) -> None:
        """Drop the connection if it is retired, or if the server does not answer over it.

        A firewall or a load balancer may have dropped an idle connection without notice.
        """
        if self._retired or not await answers(self._driver):
            self._retired = False
            self.cut()
            await self._drop()

    async def _connect(self) -> AsyncConnection:
        connection = await self._engine.connect()
        if self._connected is not None:
            self._connected()
        self._driver = (await connection.get_raw_connection()).driver_connection
        if self._by_key:
            async with connection.begin():
                for method in ("seqscan", "hashjoin", "mergejoin"):
                    await connection.exec_driver_sql(f"SET enable_{method} = off")
                if self._writing:
                    self._session = await connection.run_sync(session)
        return connection

    def cut(self) -> None:
        """Abort the connection without telling the server; a running transaction fails."""
        if self._driver is not None:
            self._driver.terminate()

    @staticmethod
    def _late(deadline: float | None) -> bool:
        return deadline is not None and asyncio.get_running_loop().time() >= deadline

    async def _drop(self, error: BaseException | None = None) -> None:
        if isinstance(error, asyncio.CancelledError):
            self.cut()
        connection, self._connection, self._driver = self._connection, None, None
        if connection is not None:
            if self._by_key:
                await connection.invalidate()  # its settings must not reach other users of the pool
            await connection.close()

    async def close(self) -> None:
        """Return the connection to the pool, after any running transaction."""
        async with self._turn:
            self.cut()
            await self._drop()
