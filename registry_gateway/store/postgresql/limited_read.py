"""Reads on PostgreSQL with a time limit per statement."""

from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncEngine

T = TypeVar("T")

_LIMITS = "SELECT set_config('statement_timeout', $1, true), set_config('max_parallel_workers_per_gather', '0', true)"
"""Sets both for the transaction (`true`)."""


async def limited(engine: AsyncEngine, work: Callable[[Connection], T], seconds: float) -> T:
    """Run `work` in a transaction whose statements may take `seconds` each. Raises the driver's error after that.

    They run without parallel workers, so that each occupies one core of the server, and the others serve heartbeats.
    """
    async with engine.begin() as connection:
        await connection.exec_driver_sql(_LIMITS, (f"{seconds * 1000:.0f}",))
        return await connection.run_sync(work)
