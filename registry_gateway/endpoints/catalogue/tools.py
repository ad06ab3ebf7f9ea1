"""The tools of all registered services, by name: the index of names, and the descriptions by services."""

from collections.abc import Callable, Mapping, Sequence

import msgspec
from msgspec import Raw
from sqlalchemy import Connection

from registry_gateway.core.model import Registration
from registry_gateway.core.status import Status
from registry_gateway.endpoints.catalogue.tool_query import OneTool, Tools
from registry_gateway.registry.pacing import paced
from registry_gateway.registry.registry import Registry
from registry_gateway.registry.shared_read import SharedRead
from registry_gateway.registry.snapshot import Moment, SnapshotEntry
from registry_gateway.store.statements import registrations
from registry_gateway.store.statements.key_batch import Key
from registry_gateway.wire.tools import Tool, ToolDetail, ToolHost, ToolList, ToolOnHost

MOST_HOSTS = 5
"""Services that are named for each tool in the list."""

KEPT_SECONDS = 10.0
"""Time for which the index is kept while the log has no new event. Statuses change without one."""

Index = Mapping[str, Sequence[SnapshotEntry]]
"""The services that have a tool, live ones first, by the name of the tool."""

Command = Callable[[Registration, str], str | None]
"""Returns the command line that runs a tool of a registration; None if its dialect has none."""

_LIVE = (Status.UP, Status.DEGRADED)


class Description(msgspec.Struct, frozen=True):
    """How a service describes a tool."""

    description: str | None = None
    extensions: Mapping[str, Raw] = {}


_NOTHING = Description()
_decode = msgspec.json.Decoder(list[dict[str, Raw]]).decode


class ToolReader:
    """The reads of tools. They raise `StoreUnavailable` and `Overloaded`, as other expensive reads do."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._indexes: SharedRead[None, Index] = SharedRead(self._read)
        self._kept: tuple[Moment, Index] | None = None

    async def tools(self, query: Tools) -> ToolList:
        """Return a page of tools, sorted by name."""
        index = await self._indexes.submit(None)
        part = (query.q or "").lower()
        having: dict[str, Sequence[SnapshotEntry]] = {}
        async for name in paced(sorted(index)):
            found = _of_dialects(index[name], query.dialect)
            if found and part in name.lower():
                having[name] = found
        following = [name for name in having if query.after is None or name > query.after]
        page = following[: query.limit]
        described = await self._descriptions([(having[name][0], name) for name in page])
        return ToolList(
            total=len(having),
            next=page[-1] if len(following) > len(page) else None,
            tools=[_tool(name, having[name], of_it) for name, of_it in zip(page, described, strict=True)],
        )

    async def tool(self, name: str, query: OneTool, command: Command) -> ToolDetail | None:
        """Return a tool with its services; None if no registered service has it."""
        index = await self._indexes.submit(None)
        if name not in index:
            return None
        having = index[name][: query.limit]
        described = await self._descriptions([(entry, name) for entry in having])
        hosts = [_on_host(e, of_it, command(e.registration, name)) for e, of_it in zip(having, described, strict=True)]
        return ToolDetail(name=name, total=len(index[name]), hosts=hosts)

    async def _read(self, _asked: None) -> Index:
        """Return the index: the kept one, unless there was an event since it was made."""
        moment = await self._registry.moment()
        if self._kept is not None:
            then, index = self._kept
            if then.event == moment.event and 0 <= moment.now - then.now < KEPT_SECONDS:
                return index
        snapshot = await self._registry.snapshot()
        made: dict[str, list[SnapshotEntry]] = {}
        async for entry in paced(sorted(snapshot.entries, key=_live_first)):
            for name in entry.tools:
                made.setdefault(name, []).append(entry)
        self._kept = snapshot.moment, made
        return made

    async def _descriptions(self, wanted: Sequence[tuple[SnapshotEntry, str]]) -> list[Description]:
        """Return how services describe tools; each document is read and decoded once."""
        keys = sorted({_key(entry) for entry, _ in wanted})
        documents = await self._registry.queries.search(_documents, keys)
        read = {key: _read_tools(documents.get(key)) async for key in paced(keys)}
        return [read[_key(entry)].get(name, _NOTHING) for entry, name in wanted]


def _documents(connection: Connection, now: float, keys: Sequence[Key]) -> dict[Key, bytes | None]:
    found, _ = registrations.find(connection, keys, now) if keys else ({}, None)
    return {key: tools_document for key, (_, _, tools_document) in found.items()}


def _read_tools(document: bytes | None) -> dict[str, Description]:
    """Return the descriptions in a tools document in MCP's form: a list of objects with `name`."""
    try:
        tools = _decode(document or b"[]")
    except msgspec.DecodeError:  # of a dialect with another form
        return {}
    described: dict[str, Description] = {}
    for tool in tools:
        extensions = {name: value for name, value in tool.items() if name.startswith("x-")}
        described.setdefault(_text(tool.get("name")) or "", Description(_text(tool.get("description")), extensions))
    return described


def _text(value: Raw | None) -> str | None:
    found = None if value is None else msgspec.json.decode(value)
    return found if isinstance(found, str) else None


def _live_first(entry: SnapshotEntry) -> tuple[bool, str, str, str]:
    registration = entry.registration
    return entry.status not in _LIVE, registration.address or "", registration.name, registration.key


def _of_dialects(entries: Sequence[SnapshotEntry], dialects: Sequence[str]) -> Sequence[SnapshotEntry]:
    return [e for e in entries if e.registration.dialect in dialects] if dialects else entries


def _tool(name: str, having: Sequence[SnapshotEntry], described: Description) -> Tool:
    return Tool(
        name=name,
        services=len(having),
        up=sum(entry.status in _LIVE for entry in having),
        description=described.description,
        extensions=dict(described.extensions),
        hosts=[_host(entry) for entry in having[:MOST_HOSTS]],
    )


def _on_host(entry: SnapshotEntry, described: Description, command: str | None) -> ToolOnHost:
    host, extensions = msgspec.structs.asdict(_host(entry)), dict(described.extensions)
    return ToolOnHost(**host, description=described.description, extensions=extensions, command=command)


def _host(entry: SnapshotEntry) -> ToolHost:
    registration = entry.registration
    return ToolHost(
        dialect=registration.dialect,
        key=registration.key,
        name=registration.name,
        address=registration.address,
        status=entry.status,
    )


def _key(entry: SnapshotEntry) -> Key:
    return entry.registration.dialect, entry.registration.key
