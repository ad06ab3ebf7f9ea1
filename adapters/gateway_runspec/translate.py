"""Conversion between runspec's bodies and the core's commands and objects. Pure.

A list of tools is stored as the JSON that GET /instances returns, arranged in lines so that GET /tools, which groups
the tools of all instances, can split it without decoding:

    [
    {"name":"rotate"
    ,"description":"Rotate the logs","inputSchema":{}
    ,"annotations":{}
    ,"x-command":"rotate","x-run-as":"logs"}
    ]

Each tool has five lines: its name, the members that hosts share, other members, the members for its execution on this
host, and a comma or the end. A JSON string contains no line break, and those between tokens are removed before.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache

import msgspec

from gateway_runspec.wire import HeartbeatRequest, Host, RegisterRequest, ToolsAsSent, ToolsRequest
from registry_gateway.adapter import Actor, Advertise, Deregister, Entry, Invalid, Register, Renew, decode, importing

DIALECT = "runspec"
"""The dialect's name."""

_SHARED = ("description", "inputSchema")
_OURS = ("active", "last_seen", "tools")
LINES = 5
"""Lines per tool."""

_request = msgspec.json.Decoder(RegisterRequest)
_members = msgspec.json.Decoder(dict[str, msgspec.Raw])
_heartbeat = msgspec.json.Decoder(HeartbeatRequest)
_tools = msgspec.json.Decoder(ToolsRequest)
_tools_as_sent = msgspec.json.Decoder(ToolsAsSent)
_encode = msgspec.json.encode


# --- requests of agents


def register(body: bytes, ttl: float, actor: Actor) -> Register:
    """Return the command for a POST /instances; the lease has `ttl` seconds.

    Raises:
        EmptyBody, msgspec.DecodeError: The body is not valid.
    """
    request = decode(body, _request)
    sent: dict[str, msgspec.Raw] = _members.decode(body)
    known = msgspec.structs.asdict(request)
    others = {k: v for k, v in sent.items() if k not in known and k not in _OURS}
    return Register(
        dialect=DIALECT,
        key=request.instance_id,
        name=request.name,
        version=request.version,
        address=request.host,
        ttl=ttl,
        document=_encode(known | others),
        mode="replace",
        actor=actor,
    )


def renew(key: str, body: bytes, actor: Actor) -> Renew:
    """Return the command for a heartbeat. The body may be empty and is not stored, as in the reference.

    Raises:
        msgspec.DecodeError: The body is not valid.
    """
    if body:
        decode(body, _heartbeat)
    return Renew(DIALECT, key, actor)


def advertise(key: str, body: bytes, actor: Actor) -> Advertise:
    """Return the command for a POST /instances/{id}/tools.

    Raises:
        EmptyBody, msgspec.DecodeError: The body is not valid.
    """
    rendered, names = _rendered_once(body) if len(body) <= _SHORT else _rendered(body)
    return Advertise(DIALECT, key, rendered, actor, names)


def deregister(key: str, actor: Actor) -> Deregister:
    """Return the command for a DELETE."""
    return Deregister(dialect=DIALECT, key=key, actor=actor)


def _rendered(body: bytes) -> tuple[bytes, tuple[str, ...]]:
    """Return a tool list as it is stored, and the names in it."""
    checked = decode(body, _tools)
    sent: ToolsAsSent = _tools_as_sent.decode(body.replace(b"\n", b" "))
    tools = [_laid_out(tool.name, members) for tool, members in zip(checked.tools, sent.tools, strict=True)]
    rendered = b"[\n%s\n]" % b"\n,\n".join(tools) if tools else b"[]"
    return rendered, tuple(tool.name for tool in checked.tools)


_SHORT = 16_384
_rendered_once = lru_cache(maxsize=64)(_rendered)
"""A cached `_rendered`. All agents of a program post the same list, at the same time after a restart. Only lists of up
to 16 KiB are cached, about 2 MiB in all.
"""


def _laid_out(name: str, members: Mapping[str, msgspec.Raw]) -> bytes:
    """Return a tool in four lines (see the module). The name is encoded again, so equal names have equal bytes."""
    shared = {k: members[k] for k in _SHARED if k in members}
    execution, others = {}, {}
    for k, v in members.items():
        if k.startswith("x-"):
            execution[k] = v
        elif k != "name" and k not in shared:
            others[k] = v
    lines = (b'{"name":' + _encode(name), _tail(shared), _tail(others), _tail(execution) + b"}")
    return b"\n".join(lines)


def _tail(members: Mapping[str, msgspec.Raw]) -> bytes:
    """Return the JSON of members that follow others in an object."""
    return b"," + _encode(members)[1:-1] if members else b""


# --- lists of other registries


class _Tools(msgspec.Struct):
    """The tools of an instance. An empty list is not imported, so that the next heartbeat requests the tools."""

    tools: list[msgspec.Raw] = []


_with_tools = msgspec.json.Decoder(_Tools)


def listing(body: bytes, ttl: float, actor: Actor) -> importing.Listing:
    """Return the instances in the list of another runspec registry.

    Raises:
        NotAListing: The body is not an answer to GET /instances.
    """
    listed = importing.entries(body, list[msgspec.Raw])
    return importing.read_each(listed, "instance_id", lambda entry: _foreign(entry, ttl, actor))


def _foreign(entry: bytes, ttl: float, actor: Actor) -> importing.Foreign:
    command = register(entry, ttl, actor)
    posted = decode(entry, _with_tools)
    return importing.Foreign(command, advertise(command.key, entry, actor) if posted.tools else None)


# --- answers to readers


def instance(entry: Entry) -> bytes:
    """Return an instance: the stored members, then `active`, `last_seen` and `tools`."""
    return _spliced(entry).replace(b"\n", b"")


def instances(entries: Iterable[Entry]) -> Iterator[bytes]:
    """Yield the list of instances in parts."""
    return listed(map(instance, entries))


def listed(elements: Iterable[bytes]) -> Iterator[bytes]:
    """Yield a JSON array in parts. Empty elements are yielded too, so that callers can pause between them."""
    start = b"["
    for element in elements:
        if element:
            yield start
            start = b","
        yield element
    yield b"[]" if start == b"[" else b"]"


def _spliced(entry: Entry) -> bytes:
    return b'%s,"active":%s,"last_seen":%s,"tools":%s}' % (
        entry.document[:-1],
        b"true" if entry.alive else b"false",
        _encode(entry.registration.lease.last_seen),
        entry.tools_document or b"[]",
    )


def newest_first(entries: Sequence[Entry]) -> Sequence[Entry]:
    """Return `entries` sorted by registration, the newest first."""
    return sorted(entries, key=lambda entry: entry.registration.lease.granted_at, reverse=True)


def host(entry: Entry) -> Host:
    """Return an instance as a host."""
    registration = entry.registration
    count = (entry.tools_document or b"").count(b"\n") // LINES
    return Host(registration.address or "", registration.name, registration.key, registration.version, count)


def hosts(found: Sequence[Host]) -> list[Host]:
    """Return the first of `found` for each host and name, sorted by these."""
    first = {(host.host, host.name): host for host in reversed(found)}
    return [first[key] for key in sorted(first)]


_TRUE = frozenset(("1", "on", "t", "true", "y", "yes"))
_FALSE = frozenset(("0", "off", "f", "false", "n", "no"))


def live_only(active: str | None) -> bool:
    """Return the value of `?active=` in FastAPI's notations of a boolean; True if it is left out.

    Raises:
        Invalid: It is not a boolean.
    """
    word = "true" if active is None else active.lower()
    if word not in _TRUE and word not in _FALSE:
        problem = "Input should be a valid boolean, unable to interpret input"
        raise Invalid("bool_parsing", ("query", "active"), problem)
    return word in _TRUE
