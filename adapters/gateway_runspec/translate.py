"""runspec's words to the core's and back. Pure.

A tool list is stored as the JSON that GET /instances answers with, laid out in lines so that GET /tools, which
turns the lists of all instances inside out, can take it apart without decoding it:

    [
    {"name":"rotate"
    ,"description":"Rotate the logs","inputSchema":{}
    ,"annotations":{}
    ,"x-command":"rotate","x-run-as":"logs"}
    ]

Five lines a tool: its name, what the hosts share, what neither shares nor runs, how this host runs it, and a
comma or the end. A line break can't be part of a JSON string, and those between tokens are taken out before.
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
"""Lines of a tool."""

_request = msgspec.json.Decoder(RegisterRequest)
_members = msgspec.json.Decoder(dict[str, msgspec.Raw])
_heartbeat = msgspec.json.Decoder(HeartbeatRequest)
_tools = msgspec.json.Decoder(ToolsRequest)
_tools_as_sent = msgspec.json.Decoder(ToolsAsSent)
_encode = msgspec.json.encode


# --- what agents send


def register(body: bytes, ttl: float, actor: Actor) -> Register:
    """Return the command a POST /instances asks for; the lease is `ttl` seconds.

    Raises:
        EmptyBody, msgspec.DecodeError: The body is not one.
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
    """Return the command a heartbeat asks for. The body may be empty, and nothing of it is kept, as in the reference.

    Raises:
        msgspec.DecodeError: The body is not one.
    """
    if body:
        decode(body, _heartbeat)
    return Renew(DIALECT, key, actor)


def advertise(key: str, body: bytes, actor: Actor) -> Advertise:
    """Return the command a POST /instances/{id}/tools asks for.

    Raises:
        EmptyBody, msgspec.DecodeError: The body is not one.
    """
    rendered, names = _rendered_once(body) if len(body) <= _SHORT else _rendered(body)
    return Advertise(DIALECT, key, rendered, actor, names)


def deregister(key: str, actor: Actor) -> Deregister:
    """Return the command a DELETE asks for."""
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
"""The agents of one program post one list, all of them at once when they are asked for it after a restart. At most some
2 MiB are remembered: lists of up to 16 KiB.
"""


def _laid_out(name: str, members: Mapping[str, msgspec.Raw]) -> bytes:
    """Return a tool in four lines; see the top of this module. The name is rendered anew, so equal ones are alike."""
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
    """Return members as they follow others in an object."""
    return b"," + _encode(members)[1:-1] if members else b""


# --- what another registry lists


class _Tools(msgspec.Struct):
    """How many tools an instance has; to be asked for them again is what one wants that has posted none."""

    tools: list[msgspec.Raw] = []


_with_tools = msgspec.json.Decoder(_Tools)


def listing(body: bytes, ttl: float, actor: Actor) -> importing.Listing:
    """Return what another runspec registry lists with GET /instances.

    Raises:
        NotAListing: It is no answer to that.
    """
    listed = importing.entries(body, list[msgspec.Raw])
    return importing.read_each(listed, "instance_id", lambda entry: _foreign(entry, ttl, actor))


def _foreign(entry: bytes, ttl: float, actor: Actor) -> importing.Foreign:
    command = register(entry, ttl, actor)
    posted = decode(entry, _with_tools)
    return importing.Foreign(command, advertise(command.key, entry, actor) if posted.tools else None)


# --- what readers are answered


def instance(entry: Entry) -> bytes:
    """Return an instance: the stored members, then whether it is live, when it was heard of, and its tools."""
    return _spliced(entry).replace(b"\n", b"")


def instances(entries: Iterable[Entry]) -> Iterator[bytes]:
    """Yield the list of instances in parts."""
    return listed(map(instance, entries))


def listed(elements: Iterable[bytes]) -> Iterator[bytes]:
    """Yield a JSON array in parts. Empty elements are passed on as they are: work that had nothing to show."""
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
    """Return `entries` by their registration, the newest first."""
    return sorted(entries, key=lambda entry: entry.registration.lease.granted_at, reverse=True)


def host(entry: Entry) -> Host:
    """Return an instance as a host."""
    registration = entry.registration
    count = (entry.tools_document or b"").count(b"\n") // LINES
    return Host(registration.address or "", registration.name, registration.key, registration.version, count)


def hosts(found: Sequence[Host]) -> list[Host]:
    """Return one for each host and name, in their order: the first that was found."""
    first = {(host.host, host.name): host for host in reversed(found)}
    return [first[key] for key in sorted(first)]


_TRUE = frozenset(("1", "on", "t", "true", "y", "yes"))
_FALSE = frozenset(("0", "off", "f", "false", "n", "no"))


def live_only(active: str | None) -> bool:
    """Return what `?active=` asks for, in the words FastAPI takes for a boolean; left out, live ones only.

    Raises:
        Invalid: It is no boolean.
    """
    word = "true" if active is None else active.lower()
    if word not in _TRUE and word not in _FALSE:
        problem = "Input should be a valid boolean, unable to interpret input"
        raise Invalid("bool_parsing", ("query", "active"), problem)
    return word in _TRUE
