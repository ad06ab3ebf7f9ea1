"""What is made of all registrations of a dialect, kept between requests and brought up to date by the log of events."""

from collections.abc import Awaitable, Callable, Collection
from math import inf
from typing import Generic, TypeVar

from registry_gateway.core.errors import NotInLog
from registry_gateway.core.model import Entry, EventKind
from registry_gateway.registry.pacing import paced
from registry_gateway.registry.registry import Registry
from registry_gateway.registry.snapshot import Moment

FEW = 200
"""Most events after which the registrations they are about are looked up one by one; after more, all are read anew."""

ANEW_SECONDS = 3600.0
"""Seconds after which all are read anew, also if the log has no change."""

Part = TypeVar("Part")
Whole = TypeVar("Whole")


class KeptView(Generic[Part, Whole]):
    """Something made of the registrations of a dialect, such as a list in the dialect's own form.

    It is not kept longer than it is true: each change of a registration or its documents leaves an event, and the one
    thing that leaves none, the passing of a deadline, is waited for. Heartbeats only put that off.
    """

    def __init__(
        self,
        registry: Registry,
        dialect: str,
        *,
        alive: bool,
        part: Callable[[Entry], Awaitable[Part]],
        whole: Callable[[Collection[Part]], Awaitable[Whole]],
        keeps: Callable[[Collection[Part]], bool] = lambda _parts: True,
    ) -> None:
        """Nothing is read yet.

        Args:
            registry: Where the registrations are.
            dialect: Which ones.
            alive: Whether those that are not alive are left out.
            part: Makes what a registration adds.
            whole: Makes the whole of all parts, in no certain order.
            keeps: Tells whether parts are few enough to be kept for the next change; without them all are read anew.
        """
        self._registry = registry
        self._dialect = dialect
        self._alive = alive
        self._make_part = part
        self._make_whole = whole
        self._keeps = keeps
        self._parts: dict[str, Part] | None = None
        self._whole: Whole | None = None
        self._event = 0
        self._until = -inf

    async def get(self) -> Whole:
        """Return it as it is now. For one caller at a time; see `SharedRead`.

        Raises:
            StoreUnavailable: The database can't be reached.
        """
        moment = await self._registry.moment()
        if moment.now >= self._until or (moment.event != self._event and not await self._catch_up(moment.event)):
            await self._read(moment)
        if self._whole is None:
            parts = self._parts or {}
            self._whole = await self._make_whole(parts.values())
            if not self._keeps(parts.values()):
                self._parts = None
                await _free(parts)
        return self._whole

    async def _read(self, moment: Moment) -> None:
        entries = await self._registry.list(self._dialect, alive=self._alive)
        self._parts = {entry.registration.key: await self._make_part(entry) async for entry in paced(entries)}
        self._whole = None
        self._event = moment.event
        self._until = min(self._stands_until(entries), moment.now + ANEW_SECONDS)

    async def _catch_up(self, last: int) -> bool:
        """Look up again what has changed up to the event `last`; return whether that was possible."""
        keys: set[str] = set()
        position, seen = self._event, 0
        while position != last:
            try:
                batch = await self._registry.feed.read(position, FEW + 1)
            except NotInLog:
                return False
            seen += len(batch.events)
            if not batch.events or seen > FEW or any(event.kind is EventKind.RESUMED for event in batch.events):
                return False
            keys.update(event.key for event in batch.events if event.dialect == self._dialect)
            position = batch.last
            if position > last:
                break
        for key in keys:
            if self._parts is None:
                return False
            await self._look_up(key, self._parts)
        self._event = position
        return True

    async def _look_up(self, key: str, parts: dict[str, Part]) -> None:
        self._whole = None
        entry = await self._registry.find(self._dialect, key)
        if entry is None or (self._alive and not entry.alive):
            parts.pop(key, None)
        else:
            parts[key] = await self._make_part(entry)
            self._until = min(self._until, self._stands_until([entry]))

    def _stands_until(self, entries: Collection[Entry]) -> float:
        """Return until when (epoch seconds) these count as they do now if nothing happens: the first may lapse."""
        if not self._alive:
            return inf
        return min((entry.registration.lease.expires_at for entry in entries), default=inf)


async def _free(parts: dict[str, Part]) -> None:
    """Give their memory back, which takes its time too."""
    async for key in paced(tuple(parts)):
        del parts[key]
