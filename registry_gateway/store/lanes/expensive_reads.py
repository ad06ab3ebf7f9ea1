"""Expensive reads: few run at once, each with a time limit, and none waits long for its turn."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from registry_gateway.core.deadlines import ANSWER_WITHIN
from registry_gateway.core.errors import Overloaded

MOST_AT_ONCE = 4
"""Maximum number that run at once. With a database on this machine each occupies a core that heartbeats need as well,
so there are fewer than cores: on SQLite, with two on two cores half of all heartbeats took 11 ms, with one 5 ms, and
without any 2 ms.
"""

MOST_WAITING = 1_000
"""Maximum number that wait for their turn. Waiting is cheap, and a refused client retries sooner."""

WAIT_SECONDS = 1.0
"""Seconds that a read waits for its turn."""

READ_SECONDS = ANSWER_WITHIN - WAIT_SECONDS
"""Seconds that a read may take: on SQLite in total, on PostgreSQL per statement. It may go on that long after the
client has disconnected.
"""


def at_once(*, here: bool) -> int:
    """Return the maximum number of concurrent expensive reads; `here` is whether the database is on this machine."""
    return min(MOST_AT_ONCE, max(1, (os.cpu_count() or 1) - 1)) if here else MOST_AT_ONCE


class Gate:
    """Limits concurrency. Further callers wait if there is room in the queue; otherwise they are refused."""

    def __init__(
        self, running: int, *, waiting: int = MOST_WAITING, wait_seconds: float = WAIT_SECONDS, pausing: bool = False
    ) -> None:
        """Limits: callers that are `running` and `waiting`, and the seconds that one waits.

        With `pausing`, the slot of a caller is passed to a waiting one after a pause as long as its use. It is for a
        database on this machine: reads and heartbeats share its cores, and this leaves half of one free.
        """
        self._pausing = pausing
        self._slots = asyncio.Semaphore(running)
        self._most_waiting = waiting
        self._wait_seconds = wait_seconds
        self.waiting = 0

    @asynccontextmanager
    async def passed(self) -> AsyncIterator[None]:
        """Wait for a slot, and hold it while the context is open.

        Raises:
            Overloaded: The queue is full, or no slot became free in time.
        """
        await self._enter()
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            yield
        finally:
            if self._pausing and self.waiting:
                loop.call_later(loop.time() - began, self._slots.release)
            else:
                self._slots.release()

    async def _enter(self) -> None:
        if self.waiting >= self._most_waiting:
            raise Overloaded("Too many expensive reads are waiting; try again shortly")
        self.waiting += 1
        try:
            async with asyncio.timeout(self._wait_seconds):
                await self._slots.acquire()
        except TimeoutError:
            raise Overloaded("Too many expensive reads are running; try again shortly") from None
        finally:
            self.waiting -= 1
