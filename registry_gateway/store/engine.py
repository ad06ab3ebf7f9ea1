"""The database: how it is reached, how a transaction runs, and which of its errors mean what."""

from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from registry_gateway.errors import StoreUnavailable

P = ParamSpec("P")
T = TypeVar("T")

ATTEMPTS = 5
"""How often a transaction that lost a race (unique key, deadlock, serialization) is run before giving up."""

BUSY_TIMEOUT = 5.0
"""Seconds a SQLite writer waits for another process's commit, and a caller for a pooled connection."""

_RACES = frozenset({"23505", "40001", "40P01"})  # unique violation, serialization failure, deadlock

_DRIVERS = {
    "sqlite": "sqlite+aiosqlite",
    "postgres": "postgresql+asyncpg",
    "postgresql": "postgresql+asyncpg",
}


def async_url(url: str) -> URL:
    """Return `url` with the driver this project uses.

    Raises:
        ValueError: With one line for the operator, if the URL can't be read or names another database.
    """
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise ValueError("not a database URL (expected sqlite:///FILE or postgresql://USER@HOST/NAME)") from None
    family = parsed.drivername.partition("+")[0]
    if family not in _DRIVERS:
        raise ValueError(f"database {family!r} is not supported (sqlite and postgresql are)")
    if family == "sqlite" and parsed.database in (None, "", ":memory:"):
        raise ValueError("an in-memory SQLite database forgets; name a file: sqlite:///registry.db")
    return parsed.set(drivername=_DRIVERS[family])


class Store:
    """A database and the transactions on it. Functions of a `Connection` do the work; see `statements`."""

    def __init__(self, url: str, *, synchronous: str = "NORMAL", pool_size: int = 5) -> None:
        """Prepare the engine; nothing is opened yet.

        Args:
            url: A SQLAlchemy URL; the driver in it is ignored.
            synchronous: SQLite's `synchronous` pragma: NORMAL survives a killed process, FULL a power cut.
            pool_size: Connections kept for reading and writing.
        """
        self.url = async_url(url)
        self.sqlite = self.url.get_backend_name() == "sqlite"
        options: dict[str, Any] = {"pool_size": pool_size, "max_overflow": 0, "pool_timeout": BUSY_TIMEOUT}
        if self.sqlite:
            options["connect_args"] = {"timeout": BUSY_TIMEOUT, "isolation_level": None}
        else:
            options |= {"pool_pre_ping": True, "connect_args": {"timeout": BUSY_TIMEOUT}}
        self.engine: AsyncEngine = create_async_engine(self.url, **options)
        self._writing = self.engine.execution_options(writing=True)
        if self.sqlite:
            _prepare_sqlite(self.engine, synchronous)

    async def read(self, work: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `work` in a transaction that only reads.

        Raises:
            StoreUnavailable: The database can't be reached or refuses.
        """
        return await self._transact(self.engine, work, *args, **kwargs)

    async def write(self, work: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `work` in one transaction and commit it; run it again if it lost a race against another process.

        Raises:
            StoreUnavailable: The database can't be reached or refuses. Nothing was changed.
        """
        for _ in range(ATTEMPTS - 1):
            try:
                return await self._transact(self._writing, work, *args, **kwargs)
            except LostRace:
                continue
        return await self._transact(self._writing, work, *args, **kwargs)

    async def _transact(
        self, engine: AsyncEngine, work: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        try:
            async with engine.begin() as connection:
                return await connection.run_sync(work, *args, **kwargs)
        except (SQLAlchemyError, OSError) as error:
            raise _translated(error) from error

    async def close(self) -> None:
        """Close the connections."""
        await self.engine.dispose()


class LostRace(StoreUnavailable):
    """Another process changed the same rows first; the transaction was rolled back and may be run again."""


def _translated(error: Exception) -> StoreUnavailable:
    state = getattr(getattr(error, "orig", None), "sqlstate", None)
    if isinstance(error, IntegrityError) or state in _RACES:
        return LostRace(f"lost a race in the database: {_first_line(error)}")
    return StoreUnavailable(f"the database is unavailable: {_first_line(error)}")


def _first_line(error: Exception) -> str:
    cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    return (str(cause).strip() or type(cause).__name__).splitlines()[0]


def _prepare_sqlite(engine: AsyncEngine, synchronous: str) -> None:
    @event.listens_for(engine.sync_engine, "connect")
    def pragmas(connection: Any, _record: Any) -> None:
        cursor = connection.cursor()
        for pragma in ("journal_mode=WAL", f"synchronous={synchronous}", "foreign_keys=ON"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def begin(connection: Connection) -> None:
        # The driver's own transaction control is off (isolation_level None): it would start a write
        # transaction only at the first INSERT, too late for reading and deciding under the lock.
        writing = connection.get_execution_options().get("writing", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")
