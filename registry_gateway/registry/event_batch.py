"""Batches of the event log, and reading them."""

from collections.abc import Sequence
from itertools import groupby

from sqlalchemy import Connection

from registry_gateway.core.model import Event
from registry_gateway.store.statements import events


class Batch:
    """Consecutive events of the log: those after the id `after`, up to and including the id `last`.

    The events of one change to a service (same dialect, key and time) are in one batch, unless a follower starts among
    them or they exceed the size of a batch. `whole` is the batch of which this one is the rest, or itself; followers
    near the end of the log share it. `shared` is set if it was read for all followers.
    """

    __slots__ = ("after", "events", "last", "shared", "whole")

    def __init__(self, after: int, events: Sequence[Event]) -> None:
        """`events` follow the id `after`, in order."""
        self.after = after
        self.events = events
        self.last = events[-1].id if events else after
        self.shared = False
        self.whole = self

    def rest(self, position: int) -> "Batch":
        """Return the events after the id `position` as a batch."""
        if position <= self.after:
            return self
        rest = Batch(position, [event for event in self.events if event.id > position])
        rest.whole = self.whole
        return rest


def read(connection: Connection, after: int, limit: int) -> Batch:
    """Return up to `limit` events after the id `after`.

    Raises:
        NotInLog: Events after that id have been removed, or the log has no such id.
    """
    found = events.follow(connection, after=after, limit=limit)
    return Batch(after, _whole(found) if len(found) == limit else found)


def _whole(found: Sequence[Event]) -> Sequence[Event]:
    """Return `found` without its last change, which may be incomplete, unless there is no other."""
    runs = [list(run) for _, run in groupby(found, lambda e: (e.dialect, e.key, e.at))]
    return found[: -len(runs[-1])] if len(runs) > 1 else found
