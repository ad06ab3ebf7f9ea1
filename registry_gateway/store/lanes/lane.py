"""A lane: one connection kept for one kind of work, a whole transaction in one step.

SQLAlchemy's asyncio drivers cross between the event loop and the driver for every call: with aiosqlite nine
times for a transaction of one statement, each time through a thread. A heartbeat can't afford that. On SQLite a
lane is a thread that runs the whole transaction with the standard library's driver (`thread_lane`); on PostgreSQL it
is a connection that stays checked out (`connection_lane`). See docs/decisions/0003-lanes.md for the figures.
"""

from collections.abc import Callable
from typing import Protocol, TypeVar

from sqlalchemy import Connection

T = TypeVar("T")


class Lane(Protocol):
    """Runs transactions one after the other."""

    async def run(self, work: Callable[[Connection], T], limit: float | None) -> T:
        """Run `work` in a transaction and commit it; roll back whatever it raises.

        Args:
            work: What to do.
            limit: Seconds in which the statements must be done, the wait for the lane included; None: no limit.

        Raises:
            TimeoutError: It took longer. Nothing was changed.
            OutcomeUnknown: The database was asked to commit, and what became of that can't be told.
        """
        ...

    def retire(self) -> None:
        """Have the next transaction use a new connection."""
        ...

    def cut(self) -> None:
        """Give up the transaction that may be running."""
        ...

    async def close(self) -> None:
        """Close the connection, after the transaction that may be running."""
        ...
