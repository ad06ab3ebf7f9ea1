"""Reads over the pool of asyncio connections, and how long a caller waits for one."""

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
    """Waits for reads that have an end. One that was given up still has a connection to give back."""

    def __init__(self) -> None:
        """Start without any."""
        self._given_up: set[asyncio.Future[Any]] = set()

    async def within(
        self,
        run: Callable[[AsyncEngine, Callable[[Connection], T]], Awaitable[T]],
        engine: AsyncEngine,
        work: Callable[[Connection], T],
        limit: float | None,
    ) -> T:
        """Run `work` and wait for it until the limit, in seconds.

        Raises:
            TimeoutError: It took longer. It is cancelled, and its end is not waited for.
        """
        task = asyncio.ensure_future(run(engine, work))
        try:
            done, _ = await asyncio.wait([task], timeout=limit)
        finally:
            if not task.done():
                task.cancel()
                self._given_up.add(task)
                task.add_done_callback(self._given_up.discard)
        if not done:
            raise TimeoutError("the database took too long to read")
        return task.result()

    async def end(self) -> None:
        """Return when the reads that were given up have given their connections back."""
        if self._given_up:
            await asyncio.wait(self._given_up)
