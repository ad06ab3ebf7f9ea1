"""A value derived from all registrations of a dialect, cached between requests and updated from the event log."""

from collections.abc import Awaitable, Callable, Collection
from math import inf
from typing import Generic, TypeVar

from registry_gateway.core.errors import NotInLog
from registry_gateway.core.model import Entry, EventKind
from registry_gateway.registry.pacing import paced
from registry_gateway.registry.registry import Registry
from registry_gateway.registry.snapshot import Moment

MOST_CHANGES = 200
"""Maximum number of events after which changed registrations are read one by one; after more, all are read."""

REREAD_SECONDS = 3600.0
"""Seconds after which all registrations are read again, even if the log has no change."""

Part = TypeVar("Part")
Whole = TypeVar("Whole")


class KeptView(Generic[Part, Whole]):
    """A value derived from the registrations of a dialect, such as a list in the dialect's format.

    It is never stale: each change of a registration or its documents leaves an event. The expiry of a lease leaves
    none, so the value is valid until the first deadline. Heartbeats only postpone that.
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
        """Read nothing yet.

        Args:
            registry: The source of the registrations.
            dialect: The dialect.
            alive: Whether only live registrations are included.
            part: Returns the part of one registration.
            whole: Returns the value made of all parts, which come in no particular order.
            keeps: Tells whether the parts are few enough to be kept for the next change; without them all registrations
                are read again.
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
        """Return the current value. Only one caller at a time; see `SharedRead`.

        Raises:
            StoreUnavailable: The database cannot be reached.
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
        self._until = min(self._valid_until(entries), moment.now + REREAD_SECONDS)

    async def _catch_up(self, last: int) -> bool:
        """Read the registrations that have changed up to the event `last`; return whether that was possible."""
        keys: set[str] = set()
        position, seen = self._event, 0
        while position != last:
            try:
                batch = await self._registry.feed.read(position, MOST_CHANGES + 1)
            except NotInLog:
                return False
            seen += len(batch.events)
            resumed = any(event.kind is EventKind.RESUMED for event in batch.events)
            if not batch.events or seen > MOST_CHANGES or resumed:
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
            self._until = min(self._until, self._valid_until([entry]))

    def _valid_until(self, entries: Collection[Entry]) -> float:
        """Return the epoch second until which `entries` stay valid without an event: the first deadline."""
        if not self._alive:
            return inf
        return min((entry.registration.lease.expires_at for entry in entries), default=inf)


async def _free(parts: dict[str, Part]) -> None:
    """Release the memory in steps, because that takes time as well."""
    async for key in paced(tuple(parts)):
        del parts[key]
