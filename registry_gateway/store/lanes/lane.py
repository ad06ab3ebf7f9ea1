"""A lane: one connection reserved for one kind of work, which runs a whole transaction in one step.

SQLAlchemy's asyncio drivers cross between the event loop and the driver for every call: with aiosqlite nine times for a
transaction of one statement, each time through a thread. That is too slow for heartbeats. On SQLite a lane is a thread
that runs the whole transaction with the standard library's driver (`thread_lane`); on PostgreSQL it is a connection
that stays checked out (`connection_lane`). docs/decisions/0003-lanes.md has the measurements.
"""

from collections.abc import Callable
from typing import Protocol, TypeVar

from sqlalchemy import Connection

T = TypeVar("T")


class Lane(Protocol):
    """Runs transactions one after the other."""

    async def run(self, work: Callable[[Connection], T], limit: float | None) -> T:
        """Run `work` in a transaction and commit it; roll back on any exception.

        Args:
            work: The statements of the transaction.
            limit: Seconds for the statements, including the wait for the lane; None: no limit.

        Raises:
            TimeoutError: It took longer. Nothing was changed.
            OutcomeUnknown: The COMMIT was sent, and its outcome is unknown.
        """
        ...

    def retire(self) -> None:
        """Use a new connection for the next transaction."""
        ...

    def cut(self) -> None:
        """Abort a running transaction."""
        ...

    async def close(self) -> None:
        """Close the connection, after any running transaction."""
        ...
