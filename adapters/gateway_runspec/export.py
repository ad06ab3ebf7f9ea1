"""Session files with the hosts for two SSH clients, in the formats of runspec-registry 0.1.1. Pure."""

import re
from collections.abc import Iterator, Sequence
from xml.sax.saxutils import escape

from gateway_runspec.wire import Host

_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ufffe\uffff]")
"""Characters that end a line or are not allowed in XML."""

_NAMESPACES = (
    'xmlns="http://schemas.datacontract.org/2004/07/SuperPuTTY" xmlns:i="http://www.w3.org/2001/XMLSchema-instance"'
)


def superputty(hosts: Sequence[Host], user: str) -> Iterator[bytes]:
    """Yield the XML that SuperPuTTY imports: a session for each host, under the folder `runspec`."""
    yield f'<?xml version="1.0" encoding="utf-8"?>\n<ArrayOfSessionData {_NAMESPACES}>\n'.encode()
    for host in hosts:
        yield _superputty_session(host, _printable(user)).encode()
    yield b"</ArrayOfSessionData>"


def _superputty_session(entry: Host, user: str) -> str:
    host, name = _printable(entry.host), _printable(entry.name)
    members = (
        ("Host", host),
        ("Port", "22"),
        ("Proto", "SSH"),
        ("PuttySession", "Default Settings"),
        ("SessionId", f"runspec/{name}/{host}"),
        ("SessionName", f"{name} ({host})"),
        ("Username", user),
    )
    lines = (f"    <{tag}>{escape(text, _QUOTES)}</{tag}>" for tag, text in members)
    return "\n".join(("  <SessionData>", *lines, "  </SessionData>", ""))


_QUOTES = {'"': "&quot;", "'": "&#x27;"}
"""Not needed inside an element; escaped because the reference does."""


def mobaxterm(hosts: Sequence[Host], user: str) -> Iterator[bytes]:
    """Yield the sessions file that MobaXterm imports: a bookmark for each host, under the folder `runspec`."""
    yield b"[Bookmarks]\nSubRep=runspec\nImgNum=42\n\n"
    account = _mobaxterm_text(user)
    for entry in hosts:
        host, name = _mobaxterm_text(entry.host), _mobaxterm_text(entry.name).translate(_INI)
        line = f"{name} ({host.translate(_INI)}) =#109#0#{host}#22#{account}##-1#0#0#0#1080##0#0#0#-1#0#0#0#0\n"
        yield line.encode()


_INI = str.maketrans("=[]", "-()")
"""A bookmark is a line of an INI file: its name ends at the first `=`, and a `[` at its start opens a section."""

_ESCAPES = str.maketrans({"%": "__PERCENT__", "#": "__DIEZE__", ";": "__PTVIRG__", '"': "__DBLQUO__", "|": "__PIPE__"})
"""MobaXterm's escapes of the special characters in its session files."""


def _mobaxterm_text(text: str) -> str:
    return _printable(text).translate(_ESCAPES)


def _printable(text: str) -> str:
    return _UNPRINTABLE.sub(" ", text)
