"""Reads on SQLite with a time limit."""

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncEngine

T = TypeVar("T")

_AGAIN_SECONDS = 0.1
"""Seconds between two attempts to interrupt a read: an interruption affects only the statement that is running."""


async def limited(engine: AsyncEngine, work: Callable[[Connection], T], seconds: float) -> T:
    """Run `work` in a transaction that may take `seconds` in total. Raises the driver's error after that."""
    async with engine.begin() as connection:
        raw = await connection.get_raw_connection()
        return await _until_stopped(raw.driver_connection, asyncio.ensure_future(connection.run_sync(work)), seconds)


async def _until_stopped(driver: Any, running: asyncio.Future[T], seconds: float) -> T:
    """Return the result of `running`. After `seconds`, or if the caller is cancelled, the statement is interrupted."""
    try:
        await asyncio.wait([running], timeout=seconds)
    finally:
        while not running.done():
            await driver.interrupt()
            await asyncio.wait([running], timeout=_AGAIN_SECONDS)
        if not running.cancelled():
            running.exception()  # retrieved, also if the caller was cancelled
    return running.result()
