"""The watch: a snapshot of the services, then each change, as server-sent events.

The HTML standard defines the format (https://html.spec.whatwg.org/multipage/server-sent-events.html). sse-starlette
frames and sends the messages, sends comments as keep-alive, and ends the stream when the client or the server stops.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import TypeVar

from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.types import Scope, Send

from registry_gateway.core.errors import Forbidden, NotInLog, StoreUnavailable, Unauthorized
from registry_gateway.core.model import ANONYMOUS
from registry_gateway.core.rate_limit import caller
from registry_gateway.endpoints.catalogue.changes import Changes, message
from registry_gateway.endpoints.catalogue.cursor import Place
from registry_gateway.endpoints.catalogue.reader import Log, Reader
from registry_gateway.endpoints.catalogue.watcher_limit import WatcherLimit
from registry_gateway.http.answer import Answer
from registry_gateway.http.call import Call
from registry_gateway.http.problem_details import Refused
from registry_gateway.registry.event_batch import Batch
from registry_gateway.registry.event_feed import EventFeed, Follower
from registry_gateway.registry.shared_read import SharedRead
from registry_gateway.store.statements.search import Wanted
from registry_gateway.wire.catalogue import Ready

RETRY = 2_000
"""Milliseconds after which a client reconnects when its stream is lost."""

PING_SECONDS = 15
"""Seconds between two comments, which keep proxies from closing an idle stream."""

RECHECK_SECONDS = 15.0
"""Seconds between two checks of a watcher's permission."""

KEPT_WEIGHT = 20_000
"""Weight of the changes kept in memory for watchers a little behind: 2,000, or fewer of services with many tools."""

SKIPPED_EVENTS = 1_000
"""Events without a match after which a watcher is sent a newer id to resume after."""

_RETRY_SECONDS = 1.0

T = TypeVar("T")
Part = tuple[bytes, int, Place | None]
"""Messages of a snapshot, their number, and the position of the last if more follow."""

Allowed = Callable[[], Awaitable[None]]
"""Raises `Unauthorized` or `Forbidden` if the watcher may no longer read."""

log = logging.getLogger("registry_gateway.catalogue")


class Watch:
    """The reads that all streams of this process share."""

    def __init__(self, reader: Reader, feed: EventFeed, limit: WatcherLimit) -> None:
        self.reader = reader
        self.feed = feed
        self.limit = limit
        self._parts: SharedRead[tuple[Wanted, Place | None], Part] = SharedRead(self._part)
        self._logs: SharedRead[None, Log] = SharedRead(self._log)
        self._changes: SharedRead[Batch, Changes] = SharedRead(self._read_changes)
        self._recent: dict[Batch, Changes] = {}

    async def part(self, wanted: Wanted, after: Place | None) -> Part:
        """Return the next part of a snapshot. Watchers that connect at the same time, as after a restart, share it."""
        return await self._parts.submit((wanted, after))

    async def _part(self, asked: tuple[Wanted, Place | None]) -> Part:
        services, last = await self.reader.snapshot(*asked)
        return b"".join([message("service", service) for service in services]), len(services), last

    async def log(self) -> Log:
        """Return the bounds of the log; concurrent calls share one read."""
        return await self._logs.submit(None)

    async def _log(self, _asked: None) -> Log:
        return await self.reader.log()

    async def changes(self, batch: Batch) -> Changes:
        """Return the changes of a batch. Their services are read once for all watchers of the batch."""
        known = self._recent.get(batch.whole)
        if known is None:
            known = await self._changes.submit(batch.whole)
        return known.behind(batch.after)

    async def _read_changes(self, batch: Batch) -> Changes:
        changes = await self.reader.changes(batch)
        if batch.shared:
            self._recent[batch] = changes
            while len(self._recent) > 1 and sum([kept.weight for kept in self._recent.values()]) > KEPT_WEIGHT:
                del self._recent[next(iter(self._recent))]
        return changes


class Stream(Answer):
    """The answer to one watcher. It ends when the client disconnects or the gateway stops."""

    def __init__(self, call: Call, watch: Watch, wanted: Wanted, resumed: int | None, allowed: Allowed | None) -> None:
        """Create the stream.

        Args:
            call: The request.
            watch: The shared reads.
            wanted: The filters.
            resumed: The event id to resume after; None: begin with a snapshot.
            allowed: Checks the permission, every `RECHECK_SECONDS`; None: no permission is required.
        """
        super().__init__(200)
        self._call = call
        self._watch = watch
        self._wanted = wanted
        self._resumed = resumed
        self._allowed = allowed
        self._recheck_at = asyncio.get_running_loop().time() + RECHECK_SECONDS

    async def send(self, scope: Scope, send: Send) -> None:
        """Send the stream until it ends.

        Raises:
            Refused: Before anything is sent: the id is not in the log (410), or there are too many watchers (503, 429).
            StoreUnavailable: Before anything is sent: the database can't be reached.
        """
        with self._watch.limit.count(caller(self._call.actor(ANONYMOUS)), self._wanted):
            known = await self._watch.log()
            if self._resumed is not None:
                known.check(self._resumed)
            response = EventSourceResponse(
                self._messages(known.last if self._resumed is None else self._resumed),
                headers={"X-Content-Type-Options": "nosniff"},
                ping=PING_SECONDS,
                ping_message_factory=lambda: _PING,
                sep="\n",
            )
            self._call.lasts_long()  # the duration of a stream is not the time of an answer
            await response(scope, self._call.receive, send)
            if response.active and scope["method"] != "HEAD":
                # The server stops, and sse-starlette has left the response open: end it properly.
                await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _messages(self, position: int) -> AsyncIterator[bytes]:
        """Yield everything but the keep-alive comments, in pieces of whole messages."""
        yield _BEGIN
        try:
            services = 0
            if self._resumed is None:
                async for part, count in self._snapshot():
                    services += count
                    yield part
            yield message("ready", Ready(services=services), position)
            async for part in self._changes(position):
                yield part
        except (Unauthorized, Forbidden, Refused, NotInLog) as end:
            # The token is no longer valid, or the next events have been removed from the log.
            yield ServerSentEvent(comment=str(end), sep="\n").encode()
        except Exception:
            log.exception("a defect ended a stream", extra={"request_id": self._call.request_id})

    async def _snapshot(self) -> AsyncIterator[tuple[bytes, int]]:
        """Yield the snapshot in parts. Each part is read at its own time, after the position that `ready` gives."""
        place: Place | None = None
        more = True
        while more:
            part, count, place = await _retrying(partial(self._watch.part, self._wanted, place))
            more = place is not None
            yield part, count

    async def _changes(self, position: int) -> AsyncIterator[bytes]:
        told = position
        follower = self._watch.feed.follow(position)
        with contextlib.suppress(StopAsyncIteration):  # the gateway stops
            while True:
                batch = await self._next(follower)
                await self._recheck()
                if batch is None:
                    continue
                changes = await _retrying(partial(self._watch.changes, batch))
                sent = changes.messages(self._wanted)
                if not sent and batch.last - told >= SKIPPED_EVENTS:
                    sent = ServerSentEvent(id=str(batch.last), sep="\n").encode()
                if sent:
                    told = batch.last
                    yield sent

    async def _next(self, follower: Follower) -> Batch | None:
        """Return the next batch of events; None if it is time to check the permission first."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(None if self._allowed is None else RECHECK_SECONDS):
                return await anext(follower)
        return None

    async def _recheck(self) -> None:
        now = asyncio.get_running_loop().time()
        allowed = self._allowed
        if allowed is not None and now >= self._recheck_at:
            # Shielded: a cancelled look-up would lose the connection that all look-ups share.
            await _retrying(lambda: asyncio.shield(allowed()))
            self._recheck_at = now + RECHECK_SECONDS


async def _retrying(read: Callable[[], Awaitable[T]]) -> T:
    """Return the result of `read`, retried while the database is unavailable: a stream continues after an outage."""
    while True:
        try:
            return await read()
        except StoreUnavailable:
            await asyncio.sleep(_RETRY_SECONDS)


_BEGIN = ServerSentEvent(retry=RETRY, sep="\n").encode()
_PING = ServerSentEvent(comment="still here", sep="\n")
