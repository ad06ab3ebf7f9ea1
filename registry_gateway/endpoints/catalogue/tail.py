"""The end of the log of events, read once for all who follow it.

Followers hold nothing but the id they have come to. What was read last stays here for a while; who is further back
reads from the database. So a slow follower costs no memory, and an idle one next to nothing.
"""

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from functools import partial

from registry_gateway.core.errors import StoreUnavailable
from registry_gateway.endpoints.catalogue.changes import Changes
from registry_gateway.endpoints.catalogue.reader import Reader
from registry_gateway.http.pacing import paced
from registry_gateway.http.problem_details import Refused
from registry_gateway.registry.group_commit import Shared
from registry_gateway.registry.registry import Registry
from registry_gateway.store.engine import Store
from registry_gateway.store.listening import Listener

POLL_SECONDS = 1.0
"""How late an event of another process may be noticed if nothing tells of it."""

PAUSE_SECONDS = 0.05
PAUSE_EACH = 0.0004
"""Seconds from one piece of news to the next, and more of them for each follower. Telling a thousand takes some 50 to
100 ms; what happens meanwhile goes out together, so that most of the time is left to heartbeats, however much happens.
"""

KEPT = 20_000
"""Weight of the events kept in memory for followers a little behind: up to 2,000, fewer of services with many tools."""

AT_ONCE = 5
"""Followers who are woken together: less than a millisecond's work, more if each has filters of its own."""

Behind = Callable[[int], Awaitable[Changes]]
"""Returns what comes next behind an id, when there is something. Raises `Refused` if that is not known any longer, and
`StoreUnavailable` if it has to be read and the database can't be reached.
"""

log = logging.getLogger("registry_gateway.catalogue")


class Tail:
    """What is new in the log. It is looked at only while somebody follows it."""

    def __init__(self, store: Store, registry: Registry, reader: Reader) -> None:
        """Take the database, the registry whose changes are noticed at once, and what reads events."""
        self._engine = None if store.sqlite else store.engine
        self._reader = reader
        self._behind = Shared(reader.missed)
        self._look = asyncio.Event()
        self._position = 0
        self._recent: deque[Changes] = deque()
        self._waiting: set[asyncio.Future[None]] = set()
        self._task: asyncio.Task[None] | None = None
        self.followers = 0
        self._breaks = 0
        registry.heed(self._look.set)

    @contextlib.contextmanager
    def followed(self, position: int) -> Iterator[Behind]:
        """Be followed, for as long as the context is open, by somebody who knows that the log reaches `position`.

        What it is given returns what comes next behind an id, and waits for it if there is nothing yet.
        """
        if not self.followers:
            self._position = position
            self._recent.clear()
            self._task = asyncio.create_task(self._follow(), name="tail")
        self.followers += 1
        try:
            yield partial(self._next, self._breaks)
        finally:
            self.followers -= 1
            if not self.followers and self._task is not None:
                self._task.cancel()

    async def close(self) -> None:
        """Stop looking."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _next(self, breaks: int, position: int) -> Changes:
        while position >= self._position and breaks == self._breaks:
            await self._news()
        if breaks != self._breaks:
            raise Refused(410, "Not in the log", f"The log does not go on behind event {position}")
        for changes in self._recent:
            if changes.after <= position < changes.last:
                return changes.behind(position)
        return await self._behind.submit(position)

    async def _news(self) -> None:
        waiting = asyncio.get_running_loop().create_future()
        self._waiting.add(waiting)
        try:
            await waiting
        finally:
            self._waiting.discard(waiting)

    # --- looking

    async def _follow(self) -> None:
        listener = None if self._engine is None else Listener(self._engine, self._look.set)
        try:
            while True:
                if listener is not None:
                    await listener.listen()
                if await self._advance():
                    await asyncio.sleep(PAUSE_SECONDS + PAUSE_EACH * self.followers)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(POLL_SECONDS):
                        await self._look.wait()
        finally:
            if listener is not None:
                await listener.close()

    async def _advance(self) -> bool:
        """Read on to the end of the log, and wake who waits for it; tell whether there was anything."""
        self._look.clear()
        before = self._position
        try:
            await self._read_on()
        except StoreUnavailable:
            pass  # whoever keeps house says so, and the next look is soon
        except Exception:
            log.exception("a defect; the next look is in %g s", POLL_SECONDS)
        return self._position != before

    async def _read_on(self) -> None:
        try:
            while changes := await self._reader.changes(self._position):
                self._keep(changes)
                await self._wake()
        except Refused:
            # It is another log: the end of ours was lost in a failover, or was removed while we were cut off.
            self._position = (await self._reader.log()).last
            self._recent.clear()
            self._breaks += 1
            await self._wake()

    def _keep(self, changes: Changes) -> None:
        self._recent.append(changes)
        self._position = changes.last
        while len(self._recent) > 1 and sum([kept.weight for kept in self._recent]) > KEPT:
            self._recent.popleft()

    async def _wake(self) -> None:
        """Wake all who wait now, some at a time: others are not to wait until the last of a thousand is told."""
        waiting = tuple(self._waiting)
        async for start in paced(range(0, len(waiting), AT_ONCE)):
            for one in waiting[start : start + AT_ONCE]:
                if not one.done():
                    one.set_result(None)
            await asyncio.sleep(0)  # they go on now, and take their time
