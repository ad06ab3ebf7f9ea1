"""Following the event log: committed events in the order of their ids, and waiting for the next one.

One task reads the log for all followers of a process. It runs only while a follower waits. A follower stores only its
position: a slow one uses no memory, and one that is further back reads from the database.
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
"""Maximum number of events in a batch."""

POLL_SECONDS = 1.0
"""Seconds between two polls of the log without a notification, and between two attempts in an outage."""

LINGER_SECONDS = 10.0
"""Seconds for which the log is read after the last follower stopped waiting: most followers wait again soon."""

PAUSE_SECONDS = 0.05
PAUSE_EACH = 0.0004
"""Seconds per waiting follower between two wake-ups. Waking a thousand takes 50 to 100 ms; events of the meantime are
delivered together, so that most of the time remains for heartbeats.
"""

KEPT = 2_000
"""Number of events kept in memory for followers that are slightly behind."""

AT_ONCE = 5
"""Number of followers woken together: less than a millisecond of work, more if each has much to do."""

log = logging.getLogger("registry_gateway.events")


class EventFeed:
    """The committed events of all gateways on the database."""

    def __init__(self, store: Store) -> None:
        """Read nothing before the first follower."""
        self._store = store
        self._behind = SharedRead(self._read_behind)
        self._look = asyncio.Event()
        self._waiting: set[asyncio.Future[None]] = set()
        self._waited_at = 0.0
        self._recent: deque[Batch] = deque()
        self._end: int | None = None
        """The id up to which the log was read for all followers; None if it is not being read."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._told = 0
        self._breaks = 0
        self._span = (1, 0)
        self._ended = asyncio.Event()

    def follow(self, after: int) -> "Follower":
        """Return an asynchronous iterator over the batches of events after the id `after`; 0 is before the first.

        It waits for future events, also during outages of the database. It ends when the gateway stops. It may be
        cancelled at any time, for example by a timeout, and then continues with the next event.

        Raises (on iteration):
            NotInLog: Events after that id have been removed, or the log has no such id, because it lost its end in a
                failover or is another log. Read everything again, then follow from an id in the error.
        """
        return Follower(self, after, self._breaks)

    async def changed(self, after: int, within: float) -> bool:
        """Wait until an event after the id `after` is committed, at most `within` seconds; return whether there is one.

        Also returns True if the log has no such id, because the log is then not the one that was read. Returns False at
        once when the gateway stops. During an outage of the database it keeps waiting.
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
        """Return up to `limit` committed events after the id `after`, without waiting; the batch may be empty.

        Raises:
            NotInLog: As in `follow`.
            StoreUnavailable: The database cannot be reached.
        """
        return await self._store.find(partial(read, after=after, limit=limit))

    def notice(self) -> None:
        """Poll the log at once, because this process has committed events."""
        self._look.set()

    def end(self) -> None:
        """End all present and future followers and waits, because the gateway stops."""
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
        """Stop reading the log. Call this before the database is closed."""
        self.end()
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=CLOSE_WITHIN / 4)
            for task in late:
                task.cancel()

    # --- for one follower

    async def _next(self, position: int, breaks: int) -> Batch | None:
        """Return the next events after `position` once there are any; None when the gateway stops.

        If the position is beyond what was read for all followers, the database is asked whether the log has that id.
        """
        while not self._ended.is_set():
            if breaks != self._breaks:
                raise NotInLog(position, *self._span)
            if self._end is None or position > self._end:
                batch = await self._await_behind(position)
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
            batch = await self._await_behind(position)
            if batch is not None and batch.events:
                return batch
        return None

    async def _await_behind(self, position: int) -> Batch | None:
        """Return the events after `position`; None, after a pause, if the database cannot be reached."""
        try:
            return await self._behind.submit(position)
        except StoreUnavailable:
            await self._pause(POLL_SECONDS)
            return None

    async def _read_behind(self, position: int) -> Batch:
        return await self._store.search(partial(read, after=position, limit=BATCH))

    async def _news(self) -> None:
        """Return when there are new events, the log has lost its end, or the gateway stops."""
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
            self._wake_all()  # only after a defect: the followers start the task again
            if listener is not None:
                await listener.close()

    def _wanted(self) -> bool:
        lately = asyncio.get_running_loop().time() - self._waited_at < LINGER_SECONDS
        return not self._ended.is_set() and (bool(self._waiting) or lately)

    async def _advance(self) -> bool:
        """Read up to the end of the log and wake all waiting followers; return whether there were events."""
        self._look.clear()
        before = self._end
        try:
            await self._read_on()
        except StoreUnavailable:
            pass  # `maintenance` logs it, and the next poll is soon
        except Exception:
            log.exception("unexpected error; next poll in %g s", POLL_SECONDS)
        return self._end != before

    async def _read_on(self) -> None:
        position = self._end or 0
        try:
            while (batch := await self._store.read(partial(read, after=position, limit=BATCH))).events:
                position = batch.last
                self._keep(batch)
                await self._wake()
        except NotInLog as gap:
            # The log lost its end in a failover, is another log, or had events removed during an outage.
            self._recent.clear()
            self._span = gap.first, gap.last
            self._breaks += position > gap.last
            self._end = gap.last
            await self._wake()  # followers further back get NotInLog from their own read

    def _keep(self, batch: Batch) -> None:
        batch.shared = True
        self._recent.append(batch)
        self._end = batch.last
        while len(self._recent) > 1 and sum([len(kept.events) for kept in self._recent]) > KEPT:
            self._recent.popleft()

    async def _wake(self) -> None:
        """Wake all waiting followers, a few at a time, so that other work does not wait for a thousand of them."""
        waiting = tuple(self._waiting)
        self._told = len(waiting)
        async for start in paced(range(0, len(waiting), AT_ONCE)):
            for one in waiting[start : start + AT_ONCE]:
                if not one.done():
                    one.set_result(None)
            await asyncio.sleep(0)  # the woken followers run here


class Follower:
    """A follower of the log. `position` is the id of the last event it has received."""

    def __init__(self, feed: EventFeed, after: int, breaks: int) -> None:
        """`after` is the id to start after; `breaks` counts how often the log had lost its end by then."""
        self.position = after
        self._feed = feed
        self._breaks = breaks

    def __aiter__(self) -> "Follower":
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
