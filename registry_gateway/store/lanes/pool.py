"""Reads on the pool of asyncio connections, with a limit on the wait."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncEngine

T = TypeVar("T")


async def pooled(engine: AsyncEngine, work: Callable[[Connection], T]) -> T:
    """Run `work` in a transaction on a connection of the pool."""
    async with engine.begin() as connection:
        return await connection.run_sync(work)


class Waits:
    """Reads with a time limit. A read whose caller has left still has to return its connection."""

    def __init__(self) -> None:
        self._running: set[asyncio.Future[Any]] = set()

    async def within(
        self,
        run: Callable[[AsyncEngine, Callable[[Connection], T]], Awaitable[T]],
        engine: AsyncEngine,
        work: Callable[[Connection], T],
        limit: float | None,
    ) -> T:
        """Run `work` and wait for it at most `limit` seconds.

        Raises:
            TimeoutError: It took longer. It is cancelled, without waiting for its end.
        """
        task = asyncio.ensure_future(run(engine, work))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        try:
            done, _ = await asyncio.wait([task], timeout=limit)
        finally:
            task.cancel()
        if not done:
            raise TimeoutError("the database took too long to read")
        return task.result()

    async def end(self) -> None:
        """Return when all reads have returned their connections."""
        if self._running:
            await asyncio.wait(self._running)
