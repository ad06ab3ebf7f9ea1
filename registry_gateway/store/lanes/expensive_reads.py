"""Expensive reads: few run at once, each for a limited time, and none waits long for its turn."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from registry_gateway.core.deadlines import ANSWER_WITHIN
from registry_gateway.core.errors import Overloaded

MOST = 4
"""Most that run at once. On SQLite each keeps a core of this machine busy, so there are fewer than it has: with two on
two cores half of all heartbeats took 11 ms, with one 5, and without any 2.
"""

WAITING = 1_000
"""Most that wait for their turn. Waiting costs next to nothing, and a refusal at once brings the next one sooner."""

PATIENCE = 1.0
"""Seconds one waits for its turn."""

SECONDS = ANSWER_WITHIN - PATIENCE
"""Seconds one may take: on SQLite all of it, on PostgreSQL each of its statements. It may go on for as long when the
client has left.
"""


def at_once(*, sqlite: bool) -> int:
    """Return how many may run at once."""
    return min(MOST, max(1, (os.cpu_count() or 1) - 1)) if sqlite else MOST


class Gate:
    """Lets in so many at once. The others wait, if there is room for them, and are told to come back."""

    def __init__(
        self, inside: int, *, waiting: int = WAITING, patience: float = PATIENCE, pausing: bool = False
    ) -> None:
        """Take how many are let in at once, how many may wait, and how long, in seconds.

        With `pausing`, a turn that others wait for is given on after a pause as long as it took. On SQLite reads and
        heartbeats share the cores of this machine, and so half of one stays free.
        """
        self._pausing = pausing
        self._turns = asyncio.Semaphore(inside)
        self._room = waiting
        self._patience = patience
        self.waiting = 0

    @asynccontextmanager
    async def passed(self) -> AsyncIterator[None]:
        """Wait for a turn, and keep it while the context is open.

        Raises:
            Overloaded: Too many wait already, or the turn did not come in time.
        """
        await self._enter()
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            yield
        finally:
            if self._pausing and self.waiting:
                loop.call_later(loop.time() - began, self._turns.release)
            else:
                self._turns.release()

    async def _enter(self) -> None:
        if self.waiting >= self._room:
            raise Overloaded("Too many expensive reads are waiting; try again shortly")
        self.waiting += 1
        try:
            async with asyncio.timeout(self._patience):
                await self._turns.acquire()
        except TimeoutError:
            raise Overloaded("Too many expensive reads are running; try again shortly") from None
        finally:
            self.waiting -= 1
