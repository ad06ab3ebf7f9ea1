"""Reads on PostgreSQL with a time limit per statement."""

from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncEngine

T = TypeVar("T")


async def limited(engine: AsyncEngine, work: Callable[[Connection], T], seconds: float) -> T:
    """Run `work` in a transaction whose statements may take `seconds` each. Raises the driver's error after that."""
    async with engine.begin() as connection:
        await connection.exec_driver_sql(f"SET LOCAL statement_timeout = {seconds * 1000:.0f}")
        return await connection.run_sync(work)
