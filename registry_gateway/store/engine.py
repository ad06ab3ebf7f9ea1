"""The database: connections, and running transactions."""

import asyncio
import contextlib
import functools
import logging
import sqlite3
from collections.abc import Awaitable, Callable
from time import perf_counter
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import create_async_engine

from registry_gateway.core.deadlines import (
    ANSWER_WITHIN,
    CLOSE_WITHIN,
    LONG_TRANSACTION_WITHIN,
    READY_WITHIN,
    TRANSACTION_WITHIN,
)
from registry_gateway.core.errors import (
    INTERRUPTED,
    SLOW,
    OutcomeUnknown,
    Overloaded,
    StoreRefuses,
    StoreUnavailable,
    Unstorable,
)
from registry_gateway.observability.metrics import Transactions
from registry_gateway.observability.shared_counters import SharedCounters
from registry_gateway.store.database_url import async_url
from registry_gateway.store.driver_errors import LostRace, translated
from registry_gateway.store.lanes import expensive_reads
from registry_gateway.store.lanes.connection_lane import ConnectionLane
from registry_gateway.store.lanes.lane import Lane
from registry_gateway.store.lanes.pool import Waits, pooled
from registry_gateway.store.lanes.thread_lane import ThreadLane
from registry_gateway.store.postgresql import connection_check, libpq
from registry_gateway.store.postgresql.connector import Connector
from registry_gateway.store.postgresql.errors import READ_ONLY
from registry_gateway.store.postgresql.limited_read import limited as postgresql_limited
from registry_gateway.store.sqlite import checkpoint, connections
from registry_gateway.store.sqlite.connections import BUSY_TIMEOUT
from registry_gateway.store.sqlite.file import FileLost, SqliteFile
from registry_gateway.store.sqlite.limited_read import limited as sqlite_limited

log = logging.getLogger("registry_gateway.store")

T = TypeVar("T")
Run = Callable[[Callable[[Connection], T]], Awaitable[T]]
"""One of the store's methods that run a transaction."""

_Run = Callable[[Callable[[Connection], T], float | None], Awaitable[T]]

ATTEMPTS = 5
"""Maximum number of runs of a transaction that loses races (unique key, deadlock, serialization)."""


class Store:
    """A database and transactions on it. The work is done by functions of a `Connection`, which are independent of
    drivers.

    Writes, look-ups and lists each have a lane (`write`, `find`, `scan`). `read` is for rare or cheap reads, `search`
    for expensive reads that any client may cause. Both use a pool of asyncio connections, of which `search` takes only
    a few, so that one always remains for `read`. `snapshots` is the engine of that pool for transactions that read one
    snapshot.
    """

    def __init__(
        self,
        url: str,
        *,
        synchronous: str = "NORMAL",
        pool_size: int = 5,
        transactions: Transactions | None = None,
        reading: bool = False,
    ) -> None:
        """Prepare the engines and open nothing.

        Args:
            url: A SQLAlchemy URL; its driver is ignored.
            synchronous: SQLite's `synchronous` pragma: NORMAL survives a killed process, FULL a power failure.
            pool_size: Connections of the pool.
            transactions: The metrics of transactions; None: separate ones.
            reading: Whether the store only reads, so that a read-only SQLite file is sufficient.
        """
        self._transactions = transactions or Transactions(SharedCounters())
        self.url = async_url(url)
        self.file = SqliteFile.of_url(self.url)
        self.sqlite = self.file is not None
        pool: dict[str, Any] = {"pool_size": pool_size, "pool_timeout": BUSY_TIMEOUT}
        self._finder: Lane
        self._scanner: Lane
        self._looker: Lane
        self._writer: Lane
        if self.file is not None:
            driver = {"timeout": BUSY_TIMEOUT, "isolation_level": None, "check_same_thread": False}
            uri = self.file.read_only_uri() if reading else None
            opened = self.url if uri is None else self.url.set(database=uri, query={"uri": "true"})
            self.engine = create_async_engine(opened, connect_args=driver, **pool)
            plain = create_engine(opened.set(drivername="sqlite"), connect_args=driver)
            for engine in (self.engine.sync_engine, plain):
                connections.prepare(engine, self.file, None if uri is not None else synchronous)
            self._finder, self._scanner = ThreadLane(plain, "find"), ThreadLane(plain, "scan")
            self._looker = ThreadLane(plain, "look")
            self._writer = ThreadLane(plain.execution_options(writing=True), "write")
            self._plain: Engine | None = plain
            self.snapshots = self.engine  # each transaction is a snapshot
            here = True
        else:
            address = libpq.parse(url)
            connect = Connector(address)
            self.engine = create_async_engine(self.url, pool_pre_ping=True, async_creator=connect, **pool)
            self._finder = ConnectionLane(self.engine, by_key=True)
            self._scanner = ConnectionLane(self.engine, by_key=True)
            connection_check.ping_quickly(self.engine)
            self._generations = connection_check.Generations(self.engine)
            self._looker = ConnectionLane(self.engine, by_key=True)
            self._writer = ConnectionLane(self.engine, by_key=True, writing=True, connected=self._reconnect)
            self._plain = None
            self.snapshots = self.engine.execution_options(isolation_level="REPEATABLE READ")
            here = address.here
        self._lanes = (self._finder, self._scanner, self._looker, self._writer)
        self._gate = expensive_reads.Gate(expensive_reads.at_once(here=here), pausing=here)
        self._waits = Waits()
        self._commits = 0
        self._later: set[asyncio.Task[None]] = set()
        self.written_at: float | None = None
        """The time of the last successful write, by `time.perf_counter`; None: never."""
        self.unwritten: StoreUnavailable | None = None
        """The error of writes since then; None if none has failed."""

    async def read(self, work: Callable[[Connection], T], limit: float = ANSWER_WITHIN) -> T:
        """Run `work` in a transaction that only reads, from one snapshot.

        Raises:
            StoreUnavailable: The database is unreachable, refuses, or took longer than `limit` seconds.
        """
        return await self._attempt("read", functools.partial(self._waits.within, pooled, self.snapshots), work, limit)

    async def search(self, work: Callable[[Connection], T]) -> T:
        """Do what `read` does, for expensive reads: few at once, each for at most `expensive_reads.READ_SECONDS`.

        Raises:
            Overloaded: Too many are running, or this one took too long.
        """
        async with self._gate.passed():
            stopping = postgresql_limited if self.file is None else sqlite_limited
            limited = functools.partial(stopping, seconds=expensive_reads.READ_SECONDS)
            run: _Run[T] = functools.partial(self._waits.within, limited, self.snapshots)
            return await self._attempt("search", run, work, ANSWER_WITHIN)

    async def find(self, work: Callable[[Connection], T]) -> T:
        """Do what `read` does, on a lane for short reads: look-ups by key."""
        return await self._attempt("find", self._finder.run, work, ANSWER_WITHIN)

    async def scan(self, work: Callable[[Connection], T]) -> T:
        """Do what `read` does, on a lane for long reads: whole lists."""
        return await self._attempt("scan", self._scanner.run, work, ANSWER_WITHIN)

    async def look(self, work: Callable[[Connection], T]) -> T:
        """Do what `read` does within `READY_WITHIN`, on a separate lane that no other work occupies."""
        return await self._attempt("look", self._looker.run, work, READY_WITHIN)

    async def write(self, work: Callable[[Connection], T], limit: float | None = TRANSACTION_WITHIN) -> T:
        """Run `work` in one transaction and commit it; repeat it if it lost a race against another process.

        Writes run one after the other on a lane of their own, because SQLite permits only one writer.

        Args:
            work: The statements of the transaction.
            limit: Seconds for its statements; None: no limit.

        Raises:
            StoreUnavailable: The database is unreachable or refuses. Nothing was changed.
            OutcomeUnknown: The COMMIT was sent, and its outcome is unknown.
        """
        self._commits += 1
        try:
            answer = await self._write(work, limit)
        except StoreUnavailable as error:
            if self.unwritten is None or error.cause != SLOW:  # keep an error that names its cause
                self.unwritten = error
            raise
        except asyncio.CancelledError as cancelled:
            cancelled.add_note(INTERRUPTED)
            raise
        self.written_at, self.unwritten = perf_counter(), None
        return answer

    async def _write(self, work: Callable[[Connection], T], limit: float | None) -> T:
        for _ in range(ATTEMPTS - 1):
            try:
                return await self._attempt("write", self._writer.run, work, limit)
            except LostRace:
                continue
        return await self._attempt("write", self._writer.run, work, limit)

    def write_later(self, work: Callable[[Connection], object]) -> None:
        """Do what `write` does in the background. A failure is logged."""
        task = asyncio.create_task(self._write_quietly(work), name="write later")
        self._later.add(task)  # the event loop holds no reference to it
        task.add_done_callback(self._later.discard)

    async def _write_quietly(self, work: Callable[[Connection], object]) -> None:
        try:
            await self.write(work)
        except (StoreUnavailable, Unstorable) as error:
            log.warning("not written: %s", error)

    async def checkpoint(self) -> None:
        """Verify that SQLite's file is still in place, and checkpoint its WAL if it is large enough. Nothing on
        PostgreSQL.

        It is done beside the writer, which waits for nothing; see `checkpoint.checkpoint` for what is left of it.
        A commit that finds the log full would hold up all requests for as long as all of it takes.

        Raises:
            StoreUnavailable: The database is unreachable or refuses.
        """
        if self.file is None:
            return
        try:
            self.file.verify()
        except FileLost as error:
            raise translated(error, self.file) from error
        if self._commits >= checkpoint.COMMITS:
            self._commits = 0
            await self.read(checkpoint.checkpoint, LONG_TRANSACTION_WITHIN)

    def _reconnect(self) -> None:
        """Reopen all reading connections after the writing one was reopened, which may lead to another server."""
        for lane in (self._finder, self._scanner, self._looker):
            lane.retire()
        self._generations.begin()

    def cut(self) -> None:
        """Abort the transactions running on the lanes."""
        for lane in self._lanes:
            lane.cut()

    async def close(self) -> None:
        """Finish the writes of `write_later` and close the connections; abort them after `CLOSE_WITHIN`."""
        try:
            async with asyncio.timeout(CLOSE_WITHIN / 2):
                if self._later:
                    await asyncio.wait(self._later)
                await self._waits.end()
                await asyncio.gather(*(lane.close() for lane in self._lanes))
        except TimeoutError:
            log.warning("the database does not answer; its connections are cut off")
            self.cut()
        if self._plain is not None:
            self._plain.dispose()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_WITHIN / 2):
                await self.engine.dispose()

    async def _attempt(self, lane: str, run: _Run[T], work: Callable[[Connection], T], limit: float | None) -> T:
        began = perf_counter()
        try:
            answer = await (run(work, limit) if self.file is None else self._on_file(self.file, lane, run, work, limit))
        except (SQLAlchemyError, sqlite3.Error, OSError, StoreRefuses) as error:
            meaning = translated(error, self.file)
            if getattr(getattr(error, "orig", None), "sqlstate", None) == READ_ONLY:
                self._writer.retire()
            if isinstance(meaning, StoreUnavailable) and not isinstance(meaning, LostRace | Overloaded):
                self._transactions.failed(lane)
            if meaning is error:
                raise
            raise meaning from error
        except OutcomeUnknown:
            self._transactions.failed(lane)
            raise
        self._transactions.done(lane, perf_counter() - began)
        return answer

    async def _on_file(
        self, file: SqliteFile, lane: str, run: _Run[T], work: Callable[[Connection], T], limit: float | None
    ) -> T:
        """Run `work` if the open file is still in place; a write to another file is not acknowledged."""
        if lane != "write":
            if file.problem is not None:
                file.verify()
            return await run(work, limit)
        file.verify_still()
        answer = await run(work, limit)
        file.verify_still()
        return answer
