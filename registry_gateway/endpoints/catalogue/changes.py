"""Some events in a row, for watchers of every kind: which of them concern whom, and how they are sent. Pure.

They are rendered once, and equal filters are looked at once, however many watchers have them.
"""

import re
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

import msgspec
from sse_starlette.event import ServerSentEvent

from registry_gateway.core.model import Event
from registry_gateway.endpoints.catalogue import wire
from registry_gateway.endpoints.catalogue.watcher_limit import FILTERS
from registry_gateway.endpoints.catalogue.wire import Service
from registry_gateway.store.statements.search import Wanted

Key = tuple[str, str]

_WEIGHT = 10


def message(kind: str, data: object, number: int | None = None) -> bytes:
    """Return a message of a stream: its `event`, its `data` as JSON, and the `id` to resume from behind it."""
    identity = None if number is None else str(number)
    return ServerSentEvent(msgspec.json.encode(data).decode(), event=kind, id=identity, sep="\n").encode()


class Changes:
    """Events that follow each other in the log, `after` the id that was asked for up to the id `last`.

    `weight` is what they take in memory, in some hundred bytes: mostly the names of tools.
    The gateway's own events (accounts, its absence) are left out: they are about no service.
    """

    def __init__(self, after: int, happened: Sequence[Event], services: Mapping[Key, Service]) -> None:
        """Take the events and the services they are about as they are now; what is not there is left out."""
        runs = [list(run) for _, run in groupby(happened, lambda e: (e.dialect, e.key, e.at))]
        changes = [
            _Change(event, services.get((event.dialect, event.key)), seen)
            for run in runs
            for seen in [_Seen(run, services.get((run[0].dialect, run[0].key)))]
            for event in run
        ]
        self._take(after, changes)

    def _take(self, after: int, changes: "list[_Change]") -> None:
        self.after = after
        self.last = changes[-1].event.id if changes else after
        services = (change.service for change in changes)
        self.weight = _WEIGHT * len(changes) + sum(len(service.tools or ()) for service in services if service)
        self._changes = changes
        self._sent: dict[Wanted, tuple[bytes, ...]] = {}

    def __len__(self) -> int:
        """Return how many events there are."""
        return len(self._changes)

    def behind(self, position: int) -> "Changes":
        """Return those behind the id `position`."""
        if position <= self.after:
            return self
        rest = Changes.__new__(Changes)
        rest._take(position, [change for change in self._changes if change.event.id > position])
        return rest

    def messages(self, wanted: Wanted) -> bytes:
        """Return what a watcher with these filters is sent; nothing, if nothing concerns it."""
        sent = self._sent.get(wanted)
        if sent is None:
            filters = _Filters(wanted)
            concerning = [change for change in self._changes if change.event.dialect and filters.concern(change)]
            sent = tuple([change.message(shown=filters.show(change.service)) for change in concerning])
            if len(self._sent) >= FILTERS:  # those of watchers who have left
                self._sent.clear()
            self._sent[wanted] = sent  # not put together: for each of many filters that would take as much memory again
        return b"".join(sent)


class _Seen:
    """What a service has been called, by events of one moment and by what it is now. None among it: not known."""

    def __init__(self, run: Sequence[Event], service: Service | None) -> None:
        self.names: set[Any] = {e.name for e in run} | _old(run, "old_name")
        self.versions: set[Any] = {e.version for e in run} | _old(run, "old")
        self.addresses: set[Any] = {e.service_address for e in run} | _old(run, "old_address")
        self.unknown = any(e.name is None for e in run)  # from before events had them
        if service is not None:
            self.names.add(service.name)
            self.versions.add(service.version)
            self.addresses.add(service.address)


def _old(run: Sequence[Event], member: str) -> set[Any]:
    return {e.detail[member] for e in run if member in e.detail}


class _Change:
    """An event with its service as it is now. Each of its two messages is made when somebody is to have it."""

    __slots__ = ("_messages", "event", "seen", "service")

    def __init__(self, event: Event, service: Service | None, seen: _Seen) -> None:
        self.event = event
        self.service = service
        self.seen = seen
        self._messages: dict[bool, bytes] = {}

    def message(self, *, shown: bool) -> bytes:
        made = self._messages.get(shown)
        if made is None:
            data = wire.Change(event=self.event, service=self.service if shown else None)
            made = self._messages[shown] = message("change", data, self.event.id)
        return made


class _Filters:
    """`store.search.matching` and its like, on what has been read already."""

    def __init__(self, wanted: Wanted) -> None:
        self._wanted = wanted
        self._text = None if wanted.text is None else wanted.text.lower()
        host = None if wanted.host is None else re.escape(wanted.host.lower())
        self._host = None if host is None else re.compile(rf"(.*://)?{host}([:/].*)?", re.DOTALL)

    def concern(self, change: _Change) -> bool:
        """Tell whether a watcher is to know of a change: its service matched before it, matches after it, or does now.

        Each filter is looked at by itself, so that nothing leaves a view unnoticed. The tools of a service, and its
        status, the log does not know: by these no event is held back.
        """
        wanted, seen = self._wanted, change.seen
        if wanted.dialects and change.event.dialect not in wanted.dialects:
            return False
        if seen.unknown:
            return True
        return (
            (wanted.name is None or wanted.name in seen.names)
            and (wanted.version is None or wanted.version in seen.versions)
            and any(map(self._at_host, seen.addresses))
            and self._with_text(change.event.key, *seen.names, *seen.addresses)
        )

    def show(self, service: Service | None) -> bool:
        """Tell whether a service as it is now matches."""
        wanted = self._wanted
        return (
            service is not None
            and (not wanted.statuses or service.status in wanted.statuses)
            and (wanted.tool is None or wanted.tool in (service.tools or ()))
            and (wanted.name is None or wanted.name == service.name)
            and (wanted.version is None or wanted.version == service.version)
            and self._at_host(service.address)
            and self._with_text(service.key, service.name, service.address)
        )

    def _at_host(self, address: Any) -> bool:
        return self._host is None or (address is not None and self._host.fullmatch(address.lower()) is not None)

    def _with_text(self, *texts: Any) -> bool:
        return self._text is None or any(text is not None and self._text in text.lower() for text in texts)
