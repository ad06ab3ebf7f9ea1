"""The end of the event log in memory, read once for all webhooks of a process, with the JSON of each event."""

from collections import deque
from collections.abc import Sequence

import msgspec

from registry_gateway.core.errors import NotInLog
from registry_gateway.core.model import Event
from registry_gateway.registry.event_feed import EventFeed
from registry_gateway.webhooks.messages import Logged

KEPT_EVENTS = 5_000
"""Events in memory. Webhooks that are further back are read for one by one."""

MOST_RETURNED = 1_000
"""Most events that are returned, so that a message is made of the same events wherever they are read."""


class Tail:
    """The last events of the log: those after the id `after`, up to and including the id `last`."""

    def __init__(self, feed: EventFeed) -> None:
        self._feed = feed
        self._kept: deque[Logged] = deque()
        self.after = 0
        self.last = 0

    def begin(self, position: int, last: int) -> None:
        """Forget all events, and continue after the id `position`, or with the last `KEPT_EVENTS` up to `last`."""
        self._kept.clear()
        self.after = self.last = min(max(position, last - KEPT_EVENTS), last)

    async def advance(self) -> None:
        """Read up to the end of the log.

        Raises:
            StoreUnavailable: The database cannot be reached.
        """
        try:
            while found := (await self._feed.read(self.last)).events:
                self._kept.extend(map(_logged, found))
                self.last = found[-1].id
                while len(self._kept) > KEPT_EVENTS:
                    self.after = self._kept.popleft().event.id
        except NotInLog as gap:  # events were removed before they were read, or the log has lost its end
            end = gap.first - 1 if self.last < gap.first else gap.last
            self.begin(end, end)

    async def read(self, position: int) -> Sequence[Logged]:
        """Return the events after the id `position`: `MOST_RETURNED`, or all up to the end of the log.

        Raises:
            NotInLog: Some of them have been removed, or the log has no such id.
            StoreUnavailable: The database cannot be reached.
        """
        if position >= self.after:
            return self._after(position)
        found: list[Logged] = []
        while len(found) < MOST_RETURNED and (batch := (await self._feed.read(position)).events):
            found += map(_logged, batch)
            position = batch[-1].id
        return found[:MOST_RETURNED]

    def _after(self, position: int) -> list[Logged]:
        newest_first: list[Logged] = []
        for one in reversed(self._kept):
            if one.event.id <= position:
                break
            newest_first.append(one)
        return newest_first[::-1][:MOST_RETURNED]


def _logged(event: Event) -> Logged:
    return Logged(event, msgspec.json.encode(event))
