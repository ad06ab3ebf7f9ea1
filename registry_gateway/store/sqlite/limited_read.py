"""A read on SQLite that is stopped when its time is over."""

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncEngine

T = TypeVar("T")

_AGAIN_SECONDS = 0.1
"""Seconds between two attempts to stop one on SQLite: an interruption concerns what runs at that moment alone."""


async def limited(engine: AsyncEngine, work: Callable[[Connection], T], seconds: float) -> T:
    """Run `work` in a transaction, all of it for `seconds` at most. When they are over, the driver's error says so."""
    async with engine.begin() as connection:
        raw = await connection.get_raw_connection()
        return await _until_stopped(raw.driver_connection, asyncio.ensure_future(connection.run_sync(work)), seconds)


async def _until_stopped(driver: Any, running: asyncio.Future[T], seconds: float) -> T:
    """Return what `running` returns. After `seconds`, or when the caller is cancelled, SQLite is stopped."""
    try:
        await asyncio.wait([running], timeout=seconds)
    finally:
        while not running.done():
            await driver.interrupt()
            await asyncio.wait([running], timeout=_AGAIN_SECONDS)
        if not running.cancelled():
            running.exception()  # looked at, also where the caller has gone
    return running.result()
