"""The tools with their hosts: GET /tools and GET /tools/{name}. Pure.

The stored lists of tools (see `translate` for their layout) are grouped by tool without decoding them. There may be
hundreds of thousands of tools, so loops over all of them yield in parts, each of which takes little time.
"""

from collections.abc import Iterable, Iterator, Sequence
from heapq import merge
from io import BytesIO
from typing import NamedTuple

import msgspec

from gateway_runspec.translate import LINES, listed
from registry_gateway.adapter import Entry

_encode = msgspec.json.encode


HostedTool = tuple[bytes, bytes, bytes]
"""A tool's name, the start of the tool's JSON if this is its first host, and this host's element of `hosts`."""


class Part(NamedTuple):
    """The tools of an instance. Parts sort by registration, the newest first."""

    age: float
    key: str
    tools: Sequence[HostedTool]


def part(entry: Entry, tools: Sequence[HostedTool]) -> Part:
    """Return the part of an instance with the given `hosted` tools."""
    return Part(-entry.registration.lease.granted_at, entry.registration.key, tools)


def hosted(entry: Entry) -> Iterator[HostedTool]:
    """Yield the tools of an instance."""
    host = _host(entry)
    lines = iter(BytesIO(entry.tools_document or b""))
    next(lines, b"")
    for named in lines:
        shared, _others, execution, _comma = (next(lines)[:-1] for _ in range(LINES - 1))
        name = named[:-1]
        # Without the quote at the end of the name, which sorts above a space.
        yield name[:-1], b'%s%s,"hosts":[' % (name, shared), host + execution


def tools(parts: Iterable[Part]) -> Iterator[bytes]:
    """Yield the list of all tools, sorted by name, each with its hosts, the newest registration first.

    Clients use the first entry of a host. Description and schema are the newest registration's, too.

    The list is yielded in parts, many of them empty, each of which takes little time.
    """
    return listed(_grouped(parts))


def _grouped(parts: Iterable[Part]) -> Iterator[bytes]:
    groups: dict[bytes, list[bytes]] = {}
    for _, _, found in sorted(parts):
        for number, (name, start, host) in enumerate(found):
            group = groups.get(name)
            if group is None:
                groups[name] = [start + host]
            else:
                group.append(host)
            if number % _RUN == 0:
                yield b""
    names, runs = list(groups), list[list[bytes]]()
    for begin in range(0, len(names), _RUN):
        runs.append(sorted(names[begin : begin + _RUN]))
        yield b""
    for name in merge(*runs):
        yield b",".join(groups.pop(name)) + b"]}"


_RUN = 500
"""Tools that are grouped, and names that are sorted, between two parts."""


def having(entry: Entry, name: str) -> Iterator[tuple[bytes, bytes]]:
    """Yield the tools of that name of an instance: the members that hosts share, and its element of `hosts`."""
    for rest in (entry.tools_document or b"").split(b"\n%s\n" % _named(name))[1:]:
        shared, _, execution, _ = rest.split(b"\n", 3)
        yield shared, _host(entry) + execution


def tool(name: str, found: Sequence[tuple[bytes, bytes]]) -> bytes:
    """Return the tool of that name. `found` has the results of `having`, newest registration first, at least one."""
    return b'%s%s,"hosts":[%s]}' % (_named(name), found[0][0], b",".join(host for _, host in found))


def _named(name: str) -> bytes:
    return b'{"name":' + _encode(name)


def _host(entry: Entry) -> bytes:
    """Return the start of an element of `hosts`; a tool's fourth line completes it."""
    return b'{"host":' + _encode(entry.registration.address)
