"""A read on PostgreSQL whose statements are cancelled when their time is over."""

from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncEngine

T = TypeVar("T")


async def limited(engine: AsyncEngine, work: Callable[[Connection], T], seconds: float) -> T:
    """Run `work` in a transaction, each statement for `seconds` at most. After them the driver's error says so."""
    async with engine.begin() as connection:
        await connection.exec_driver_sql(f"SET LOCAL statement_timeout = {seconds * 1000:.0f}")
        return await connection.run_sync(work)
