"""Every tool with the hosts that have it, kept between requests and brought up to date by the log of changes."""

from math import inf

from gateway_runspec import hosted_tools, translate
from registry_gateway.adapter import Entry, EventKind, Moment, NotInLog, Registry, Rendered, paced, render

FEW = 200
"""Most events after which the instances they are about are looked up one by one; after more, all are read anew."""

ANEW_SECONDS = 3600.0
"""Seconds after which all are read anew, also if the log has no change."""

LARGE = 100_000
"""Tools beyond which no parts are kept, so that what this takes of memory has an end: some 400 bytes a tool."""


class Inventory:
    """The list of tools, for one way of choosing instances. Called by one reader at a time.

    Nothing is kept longer than it is true: each change of an instance or its tools leaves an event, and the one thing
    that leaves none, the passing of a deadline, is waited for. Heartbeats only put it off.
    """

    def __init__(self, registry: Registry, dialect: str, *, live_only: bool) -> None:
        """Take the registry, and whether instances that are not alive are left out."""
        self._registry = registry
        self._dialect = dialect
        self._live_only = live_only
        self._parts: dict[str, hosted_tools.Part] | None = None
        self._rendered: Rendered | None = None
        self._event = 0
        self._until = -inf

    async def rendered(self) -> Rendered:
        """Return the list as it is now."""
        moment = await self._registry.moment()
        if moment.now >= self._until or (moment.event != self._event and not await self._catch_up()):
            await self._read(moment)
        if self._rendered is None:
            parts = self._parts or {}
            self._rendered = await render(hosted_tools.tools(parts.values()))
            if sum(len(part.tools) for part in parts.values()) > LARGE:
                self._parts = None
                await _free(parts)
        return self._rendered

    async def _read(self, moment: Moment) -> None:
        entries = await self._registry.list(self._dialect, alive=self._live_only)
        self._parts = {entry.registration.key: await _part(entry) async for entry in paced(entries)}
        self._rendered = None
        self._event = moment.event
        self._until = min(translate.stands_until(entries, self._live_only), moment.now + ANEW_SECONDS)

    async def _catch_up(self) -> bool:
        """Look up again what the log says has changed; return whether that was possible."""
        try:
            changes = await self._registry.events(after=self._event, limit=FEW + 1)
        except NotInLog:
            return False
        if not changes:  # the log has lost its end, in a failover or a database put back from a backup
            return False
        if len(changes) > FEW or any(change.kind is EventKind.RESUMED for change in changes):
            return False
        for key in {change.key for change in changes if change.dialect == self._dialect}:
            if self._parts is None:
                return False
            await self._look_up(key, self._parts)
        self._event = changes[-1].id
        return True

    async def _look_up(self, key: str, parts: dict[str, hosted_tools.Part]) -> None:
        self._rendered = None
        entry = await self._registry.find(self._dialect, key)
        if entry is None or (self._live_only and not entry.alive):
            parts.pop(key, None)
        else:
            parts[key] = await _part(entry)
            self._until = min(self._until, translate.stands_until([entry], self._live_only))


async def _part(entry: Entry) -> hosted_tools.Part:
    return hosted_tools.part(entry, [tool async for tool in paced(hosted_tools.hosted(entry))])


async def _free(parts: dict[str, hosted_tools.Part]) -> None:
    """Give their memory back, which takes its time too."""
    async for key in paced(tuple(parts)):
        del parts[key]
