"""Reads over the pool of asyncio connections, and how long a caller waits for one."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncEngine

T = TypeVar("T")


async def pooled(engine: AsyncEngine, work: Callable[[Connection], T]) -> T:
    """Run `work` in a transaction on a connection of the pool."""
    async with engine.begin() as connection:
        return await connection.run_sync(work)


async def within(
    run: Callable[[AsyncEngine, Callable[[Connection], T]], Awaitable[T]],
    engine: AsyncEngine,
    work: Callable[[Connection], T],
    limit: float | None,
) -> T:
    """Run `work`, and wait for it until the limit; its end is not waited for when it is given up."""
    task = asyncio.ensure_future(run(engine, work))
    try:
        done, _ = await asyncio.wait([task], timeout=limit)
    finally:
        if not task.done():
            task.cancel()
    if not done:
        raise TimeoutError("the database took too long to read")
    return task.result()
