"""A piece of the log of events, and how it is read."""

from collections.abc import Sequence
from itertools import groupby

from sqlalchemy import Connection

from registry_gateway.core.model import Event
from registry_gateway.store.statements import events


class Batch:
    """Events that follow each other in the log: those behind the id `after`, up to and with the id `last`.

    Events of one change to a service (one dialect, key and time) are in one batch, unless a follower begins among them
    or they are more than a batch holds.
    `whole` is the batch that this one is the rest of, or itself; followers near the end of the log have it in common.
    It is `shared` if it was read for all of them.
    """

    __slots__ = ("after", "events", "last", "shared", "whole")

    def __init__(self, after: int, events: Sequence[Event]) -> None:
        """Take the id they follow, and the events in their order."""
        self.after = after
        self.events = events
        self.last = events[-1].id if events else after
        self.shared = False
        self.whole = self

    def rest(self, position: int) -> "Batch":
        """Return its events behind the id `position`."""
        if position <= self.after:
            return self
        rest = Batch(position, [event for event in self.events if event.id > position])
        rest.whole = self.whole
        return rest


def read(connection: Connection, after: int, limit: int) -> Batch:
    """Return up to `limit` events behind the id `after`.

    Raises:
        NotInLog: Events behind that id are not kept any longer, or the log has no such id.
    """
    found = events.follow(connection, after=after, limit=limit)
    return Batch(after, _whole(found) if len(found) == limit else found)


def _whole(found: Sequence[Event]) -> Sequence[Event]:
    """Return `found` without its last change, which may go on, unless there is no other."""
    runs = [list(run) for _, run in groupby(found, lambda e: (e.dialect, e.key, e.at))]
    return found[: -len(runs[-1])] if len(runs) > 1 else found
