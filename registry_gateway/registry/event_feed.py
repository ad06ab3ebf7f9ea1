"""The log of events, followed: committed events in the order of their ids, and waiting for the next one.

One task reads the log for all followers of a process. It runs only while somebody waits for news. A follower holds
nothing but the id it has come to: a slow one costs no memory, and one that is further back reads from the database.
"""

import asyncio
import contextlib
import logging
from collections import deque
from functools import partial

from registry_gateway.core.deadlines import CLOSE_WITHIN
from registry_gateway.core.errors import NotInLog, StoreUnavailable
from registry_gateway.registry.event_batch import Batch, read
from registry_gateway.registry.pacing import paced
from registry_gateway.registry.shared_read import SharedRead
from registry_gateway.store.engine import Store
from registry_gateway.store.postgresql.listening import Listener

BATCH = 200
"""Most events in a batch."""

POLL_SECONDS = 1.0
"""Seconds between two looks at the log, if nothing tells of news sooner. Also from one try to the next in an outage."""

LINGER_SECONDS = 10.0
"""Seconds for which the log is read on after the last follower stopped waiting: most come back for more."""

PAUSE_SECONDS = 0.05
PAUSE_EACH = 0.0004
"""Seconds from one piece of news to the next, and more of them for each follower that waits. Telling a thousand takes
some 50 to 100 ms; what happens meanwhile goes out together, so that most of the time is left to heartbeats.
"""

KEPT = 2_000
"""Events kept in memory for followers that are a little behind."""

AT_ONCE = 5
"""Followers that are woken together: less than a millisecond's work, more if each has much to do."""

log = logging.getLogger("registry_gateway.events")


class EventFeed:
    """Committed events of all gateways on the database, as they happen."""

    def __init__(self, store: Store) -> None:
        """Take the database. Nothing is read before somebody follows."""
        self._store = store
        self._behind = SharedRead(self._read_behind)
        self._look = asyncio.Event()
        self._waiting: set[asyncio.Future[None]] = set()
        self._waited_at = 0.0
        self._recent: deque[Batch] = deque()
        self._end: int | None = None
        """The id up to which the log was read for all; None while that is not done."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._told = 0
        self._breaks = 0
        self._span = (1, 0)
        self._ended = asyncio.Event()

    def follow(self, after: int) -> "Follower":
        """Return an asynchronous iterator over the batches of events behind the id `after`; 0 is before the first.

        It waits for events that are still to come, and through outages of the database. It ends when the gateway
        stops. It may be cancelled at any time, such as by a timeout, and goes on with the next event then.

        Raises (on iteration):
            NotInLog: Events behind that id are not kept any longer, or the log has no such id: it has lost its end
                in a failover, or is another one. Follow again from what the error says, after reading everything anew.
        """
        return Follower(self, after, self._breaks)

    async def changed(self, after: int, within: float) -> bool:
        """Wait until an event behind the id `after` is committed, at most `within` seconds; return whether one is.

        Also True if the log has no such id: what was read at it is not what there is now. Returns False at once when
        the gateway stops. An outage of the database is waited through.
        """
        if self._end is not None and after < self._end:
            return True
        try:
            async with asyncio.timeout(within):
                return await self._next(after, self._breaks) is not None
        except NotInLog:
            return True
        except TimeoutError:
            return False

    async def read(self, after: int, limit: int = BATCH) -> Batch:
        """Return up to `limit` events behind the id `after` that are committed now; none is an empty batch.

        Raises:
            NotInLog: As in `follow`.
            StoreUnavailable: The database can't be reached.
        """
        return await self._store.find(partial(read, after=after, limit=limit))

    def notice(self) -> None:
        """Look at the log at once: this process has committed events."""
        self._look.set()

    def end(self) -> None:
        """End all followers and waits, and those to come: the gateway stops."""
        if self._ended.is_set():
            return
        self._ended.set()
        self._look.set()
        self._wake_all()

    def _wake_all(self) -> None:
        for one in self._waiting:
            if not one.done():
                one.set_result(None)

    async def close(self) -> None:
        """Stop reading the log. Best done before the database is closed."""
        self.end()
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=CLOSE_WITHIN / 4)
            for task in late:
                task.cancel()

    # --- for one follower

    async def _next(self, position: int, breaks: int) -> Batch | None:
        """Return the next events behind `position`, when there are any; None when the gateway stops.

        Where an id is beyond what was read for all, or nothing is, the database says whether the log has it.
        """
        while not self._ended.is_set():
            if breaks != self._breaks:
                raise NotInLog(position, *self._span)
            if self._end is None or position > self._end:
                batch = await self._patiently_behind(position)
                if batch is None:
                    continue
                if batch.events:
                    return batch
                self._start(position)
            if self._end is None or position >= self._end:
                await self._news()
                continue
            for kept in self._recent:
                if kept.after <= position < kept.last:
                    return kept.rest(position)
            batch = await self._patiently_behind(position)
            if batch is not None and batch.events:
                return batch
        return None

    async def _patiently_behind(self, position: int) -> Batch | None:
        """Return what is behind `position`; None, after a while, if the database can't be reached."""
        try:
            return await self._behind.submit(position)
        except StoreUnavailable:
            await self._pause(POLL_SECONDS)
            return None

    async def _read_behind(self, position: int) -> Batch:
        return await self._store.search(partial(read, after=position, limit=BATCH))

    async def _news(self) -> None:
        """Return when there is something new, the log has lost its end, or the gateway stops."""
        loop = asyncio.get_running_loop()
        waiting = loop.create_future()
        self._waiting.add(waiting)
        try:
            await waiting
        finally:
            self._waiting.discard(waiting)
            self._waited_at = loop.time()

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._news()

    # --- for all followers

    def _start(self, position: int) -> None:
        if self._end is not None:
            return
        self._end = position
        self._recent.clear()
        task = asyncio.create_task(self._run(), name="event feed")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self) -> None:
        listener = None if self._store.sqlite else Listener(self._store.engine, self._look.set)
        try:
            while self._wanted():
                if listener is not None:
                    await listener.listen()
                if await self._advance():
                    await _until(self._ended, PAUSE_SECONDS + PAUSE_EACH * self._told)
                if not self._ended.is_set():
                    await _until(self._look, POLL_SECONDS)
        finally:
            self._end = None
            self._recent.clear()
            self._wake_all()  # none, unless a defect ended it: they have it begin anew
            if listener is not None:
                await listener.close()

    def _wanted(self) -> bool:
        lately = asyncio.get_running_loop().time() - self._waited_at < LINGER_SECONDS
        return not self._ended.is_set() and (bool(self._waiting) or lately)

    async def _advance(self) -> bool:
        """Read on to the end of the log and wake all who wait; return whether there was anything."""
        self._look.clear()
        before = self._end
        try:
            await self._read_on()
        except StoreUnavailable:
            pass  # the loops of `maintenance` say so, and the next look is soon
        except Exception:
            log.exception("a defect; the next look is in %g s", POLL_SECONDS)
        return self._end != before

    async def _read_on(self) -> None:
        position = self._end or 0
        try:
            while (batch := await self._store.read(partial(read, after=position, limit=BATCH))).events:
                position = batch.last
                self._keep(batch)
                await self._wake()
        except NotInLog as gap:
            # Its end was lost in a failover, it is another one, or events were removed while we were cut off.
            self._recent.clear()
            self._span = gap.first, gap.last
            self._breaks += position > gap.last
            self._end = gap.last
            await self._wake()  # who is further back finds out by itself what was removed

    def _keep(self, batch: Batch) -> None:
        batch.shared = True
        self._recent.append(batch)
        self._end = batch.last
        while len(self._recent) > 1 and sum([len(kept.events) for kept in self._recent]) > KEPT:
            self._recent.popleft()

    async def _wake(self) -> None:
        """Wake all who wait now, some at a time: others are not to wait until the last of a thousand is told."""
        waiting = tuple(self._waiting)
        self._told = len(waiting)
        async for start in paced(range(0, len(waiting), AT_ONCE)):
            for one in waiting[start : start + AT_ONCE]:
                if not one.done():
                    one.set_result(None)
            await asyncio.sleep(0)  # they go on now, and take their time


class Follower:
    """One that follows the log. `position` is the id of the last event that it was given."""

    def __init__(self, feed: EventFeed, after: int, breaks: int) -> None:
        """Take the feed, the id to go on behind, and how often the log had lost its end by then."""
        self.position = after
        self._feed = feed
        self._breaks = breaks

    def __aiter__(self) -> "Follower":
        """Return itself."""
        return self

    async def __anext__(self) -> Batch:
        """Return the next batch; see `EventFeed.follow`."""
        batch = await self._feed._next(self.position, self._breaks)
        if batch is None:
            raise StopAsyncIteration
        self.position = batch.last
        return batch


async def _until(event: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
