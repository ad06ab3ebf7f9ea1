"""A lane for SQLite: a thread with a connection."""

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from registry_gateway.core.errors import OutcomeUnknown

T = TypeVar("T")

_UNCERTAIN = "SQLite could not say whether a transaction was committed"


class _Attempt:
    """A transaction that can be abandoned until its COMMIT starts."""

    __slots__ = ("_committing", "_given_up", "_lock", "future", "work")

    def __init__(self, work: Callable[[Connection], Any], future: asyncio.Future[Any]) -> None:
        self.work = work
        self.future = future
        self._lock = threading.Lock()
        self._committing = False
        self._given_up = False

    @property
    def given_up(self) -> bool:
        return self._given_up

    @property
    def committing(self) -> bool:
        return self._committing

    def begin_commit(self) -> None:
        """Start the COMMIT; raise TimeoutError if the caller has abandoned the transaction."""
        with self._lock:
            if self._given_up:
                raise TimeoutError(_given_up())
            self._committing = True

    def give_up(self) -> bool:
        """Abandon the transaction; return True if its COMMIT had not started, so that it will not be committed."""
        with self._lock:
            self._given_up = not self._committing
            return self._given_up


class ThreadLane:
    """A lane for SQLite: a thread with a connection.

    A thread that hangs in the kernel cannot be stopped. Its caller and those queued behind stop waiting for it. The
    thread is a daemon, so that the process can exit nevertheless.
    """

    def __init__(self, engine: Engine, name: str) -> None:
        """`engine` is synchronous and may be shared; the thread starts with the first transaction."""
        self._engine = engine
        self._name = name
        self._writing: bool = engine.get_execution_options().get("writing", False)
        self._attempts: SimpleQueue[_Attempt | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._connection: Connection | None = None
        self._running: _Attempt | None = None
        self._closed: asyncio.Future[None] | None = None

    async def run(self, work: Callable[[Connection], T], limit: float | None) -> T:
        """Run `work` in a transaction on the lane's thread. See `Lane.run`."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        attempt = _Attempt(work, future)
        if self._thread is None:
            self._thread = threading.Thread(target=self._serve, name=self._name, daemon=True)
            self._thread.start()
        self._attempts.put(attempt)
        timer = None if limit is None else loop.call_later(limit, self._give_up, attempt)
        try:
            return await future
        except asyncio.CancelledError:
            self._give_up(attempt)
            raise
        finally:
            if timer is not None:
                timer.cancel()

    def _give_up(self, attempt: _Attempt) -> None:
        nothing_changed = attempt.give_up()
        if nothing_changed and attempt is self._running:
            self.cut()
        if not attempt.future.done():
            certain = nothing_changed or not self._writing
            attempt.future.set_exception(TimeoutError(_given_up()) if certain else OutcomeUnknown(_UNCERTAIN))

    def retire(self) -> None:
        """Do nothing: a file has no other server."""

    def cut(self) -> None:
        """Interrupt a running statement."""
        if self._connection is not None:
            with suppress(sqlite3.Error, SQLAlchemyError):  # the connection may be closed
                driver: Any = self._connection.connection.driver_connection
                driver.interrupt()

    # --- in the thread

    def _serve(self) -> None:
        while (attempt := self._attempts.get()) is not None:
            if attempt.given_up:
                continue
            self._running = attempt
            try:
                answer = self._transact(attempt)
            except BaseException as error:
                outcome: Callable[[], None] = _failing(attempt.future, error)
            else:
                outcome = _answering(attempt.future, answer)
            self._running = None
            _tell(attempt.future, outcome)
            del attempt, outcome
        if self._connection is not None:
            self._connection.close()
        if self._closed is not None:
            _tell(self._closed, _answering(self._closed, None))

    def _transact(self, attempt: _Attempt) -> Any:
        connection = self._connection
        if connection is None:
            connection = self._connection = self._engine.connect()
        try:
            with connection.begin():
                answer = attempt.work(connection)
                attempt.begin_commit()
            return answer
        except (SQLAlchemyError, sqlite3.Error) as error:  # anything else was rolled back and leaves a good connection
            self._connection = None
            connection.close()
            if self._writing and attempt.committing and _may_be_committed(error):
                raise OutcomeUnknown(f"{_UNCERTAIN}: {error}") from error
            raise

    async def close(self) -> None:
        """Close the connection and end the thread, after any running transaction."""
        if self._thread is None:
            return
        self._closed = asyncio.get_running_loop().create_future()
        self._attempts.put(None)
        await self._closed
        self._thread = None


def _given_up() -> str:
    return "the database took too long; nothing was changed"


def _tell(future: asyncio.Future[Any], outcome: Callable[[], None]) -> None:
    with suppress(RuntimeError):  # the loop is closed, and no caller is waiting
        future.get_loop().call_soon_threadsafe(outcome)


def _failing(future: asyncio.Future[Any], error: BaseException) -> Callable[[], None]:
    def fail() -> None:
        if not future.done():
            future.set_exception(error)

    return fail


def _answering(future: asyncio.Future[Any], answer: Any) -> Callable[[], None]:
    def reply() -> None:
        if not future.done():
            future.set_result(answer)

    return reply


def _may_be_committed(error: Exception) -> bool:
    """Tell whether a COMMIT that failed with `error` may have succeeded nevertheless.

    If a COMMIT fails because the disk is full or a lock is held, SQLite rolls the transaction back, or leaves it open
    and the driver rolls it back. After an I/O error, however, the WAL may contain the whole transaction, and the next
    connection after a crash will find it there.
    """
    driver = getattr(error, "orig", None) or error
    code: int = getattr(driver, "sqlite_errorcode", None) or 0
    return code & 0xFF == sqlite3.SQLITE_IOERR
