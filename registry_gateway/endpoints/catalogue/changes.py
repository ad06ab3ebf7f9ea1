"""Consecutive events as messages for watchers: filtering and rendering. Pure.

Each event is rendered once, and each filter evaluated once, for any number of watchers.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from itertools import groupby
from typing import Any

import msgspec
from sse_starlette.event import ServerSentEvent

from registry_gateway.core.model import Event
from registry_gateway.endpoints.catalogue.watcher_limit import MOST_FILTERS
from registry_gateway.store.statements.search import Wanted
from registry_gateway.wire import catalogue as wire
from registry_gateway.wire.catalogue import Service

Key = tuple[str, str]

_WEIGHT = 10


def message(kind: str, data: object, number: int | None = None) -> bytes:
    """Return a message of a stream: `event` is `kind`, `data` is JSON, and `id` is the event id to resume after."""
    identity = None if number is None else str(number)
    return ServerSentEvent(msgspec.json.encode(data).decode(), event=kind, id=identity, sep="\n").encode()


class Changes:
    """Consecutive events of the log, after the id `after` up to the id `last`.

    `weight` estimates their memory, in units of about a hundred bytes: mostly the names of tools.
    The gateway's own events (accounts, absences) are left out, because they are not about a service.
    """

    def __init__(self, after: int, happened: Sequence[Event], services: Mapping[Key, Service]) -> None:
        """Combine the events with their services in the present state. `services` has the registered ones only."""
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
        """Return the number of events."""
        return len(self._changes)

    def behind(self, position: int) -> "Changes":
        """Return the changes after the id `position`."""
        if position <= self.after:
            return self
        rest = Changes.__new__(Changes)
        rest._take(position, [change for change in self._changes if change.event.id > position])
        return rest

    def messages(self, wanted: Wanted) -> bytes:
        """Return the messages for a watcher with these filters; empty if no event matches."""
        sent = self._sent.get(wanted)
        if sent is None:
            filters = _Filters(wanted)
            concerning = [change for change in self._changes if change.event.dialect and filters.concern(change)]
            sent = tuple([change.message(shown=filters.show(change.service)) for change in concerning])
            if len(self._sent) >= MOST_FILTERS:  # filters of watchers that have disconnected
                self._sent.clear()
            self._sent[wanted] = sent  # not joined, so that many filters share the memory of the messages
        return b"".join(sent)


class _Seen:
    """The names, versions and addresses of a service in events of one moment and at present. None means unknown."""

    def __init__(self, run: Sequence[Event], service: Service | None) -> None:
        self.names: set[Any] = {e.name for e in run} | _old(run, "old_name")
        self.versions: set[Any] = {e.version for e in run} | _old(run, "old")
        self.addresses: set[Any] = {e.service_address for e in run} | _old(run, "old_address")
        self.unknown = any(e.name is None for e in run)  # events of older versions have no name
        if service is not None:
            self.names.add(service.name)
            self.versions.add(service.version)
            self.addresses.add(service.address)


def _old(run: Sequence[Event], member: str) -> set[Any]:
    return {e.detail[member] for e in run if member in e.detail}


class _Change:
    """An event with its service in the present state. Each of its two messages is rendered on demand."""

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
    """The filters of the store's search, applied to services in memory."""

    def __init__(self, wanted: Wanted) -> None:
        self._wanted = wanted
        self._text = None if wanted.text is None else wanted.text.lower()
        host = None if wanted.host is None else re.escape(wanted.host.lower())
        pattern = rf".*{host}.*" if wanted.contains else rf"(.*://)?{host}([:/].*)?"
        self._host = None if host is None else re.compile(pattern, re.DOTALL)

    def concern(self, change: _Change) -> bool:
        """Return whether a watcher is sent a change: its service matched before it, after it, or matches now.

        Each filter is evaluated separately, so that a service that stops matching is reported. The log does not have
        tools and status, so these filters do not exclude events.
        """
        wanted, seen = self._wanted, change.seen
        if wanted.dialects and change.event.dialect not in wanted.dialects:
            return False
        if seen.unknown:
            return True
        return (
            self._one_of(wanted.name, seen.names)
            and self._one_of(wanted.version, seen.versions)
            and any(map(self._at_host, seen.addresses))
            and self._with_text(change.event.key, *seen.names, *seen.addresses)
        )

    def show(self, service: Service | None) -> bool:
        """Return whether a service matches in its present state."""
        wanted = self._wanted
        return (
            service is not None
            and (not wanted.statuses or service.status in wanted.statuses)
            and self._one_of(wanted.tool, service.tools or ())
            and self._one_of(wanted.name, (service.name,))
            and self._one_of(wanted.version, (service.version,))
            and self._at_host(service.address)
            and self._with_text(service.key, service.name, service.address)
        )

    def _one_of(self, value: str | None, values: Collection[Any]) -> bool:
        """Return whether one of `values` is `value`, or contains it; None is no condition."""
        if value is None or value in values:
            return True
        return self._wanted.contains and any(value.lower() in (one or "").lower() for one in values)

    def _at_host(self, address: Any) -> bool:
        return self._host is None or (address is not None and self._host.fullmatch(address.lower()) is not None)

    def _with_text(self, *texts: Any) -> bool:
        return self._text is None or any(text is not None and self._text in text.lower() for text in texts)
