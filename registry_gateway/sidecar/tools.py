"""The tools of a runspec instance, from a file or a program, as they are and when they change."""

import asyncio
import contextlib
import logging
import signal
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import NoReturn

import msgspec

from registry_gateway.client.file_content import content
from registry_gateway.client.registration.dialect import Tools
from registry_gateway.sidecar import programs
from registry_gateway.sidecar.children import Children
from registry_gateway.sidecar.programs import ProgramFailed

logger = logging.getLogger("registry_gateway.sidecar")

EVERY = 60.0
"""Seconds between two reads."""

FIRST_PAUSE = 2.0
"""Seconds until the next read if the tools can't be read. Each further pause is twice as long, up to `EVERY`."""

WITHIN = 60.0
"""Seconds that a program may take to list tools."""

Source = Callable[[], Awaitable[bytes]]
"""Returns tools as JSON. Raises ProgramFailed or OSError."""


class Unreadable(Exception):
    """There are no tools in it. The message is one line."""


def of_file(file: Path) -> Source:
    """Return the content of a file as a source."""

    async def read() -> bytes:
        return await asyncio.to_thread(content, file, programs.MOST_BYTES)

    return read


def of_command(children: Children, command: Sequence[str]) -> Source:
    """Return the standard output of a program as a source."""

    async def read() -> bytes:
        return await programs.output(children, command, WITHIN)

    return read


def of_mcp(children: Children, server: str) -> Source:
    """Return the tools of an MCP server as a source: a URL, or the words of a program that speaks MCP on stdio.

    The SDK is imported by a process of its own, because it is larger than the sidecar.
    """
    return of_command(children, [sys.executable, "-m", "registry_gateway.sidecar.mcp_tools", server])


def parsed(content: bytes) -> Tools:
    """Return the tools in `content`: a list of tools in MCP's schema, or an object with the list as `tools`.

    Raises:
        Unreadable: It is neither.
    """
    try:
        found = msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        line = content.decode(errors="replace").strip().partition("\n")[0][:200]
        raise Unreadable(f"this is no JSON: {line}" if line else "it is empty") from None
    tools = found.get("tools") if isinstance(found, dict) else found
    if not isinstance(tools, list) or not all(isinstance(tool, dict) and _named(tool) for tool in tools):
        raise Unreadable("it must be a list of tools with a name each, or an object with such a list as `tools`")
    return tools


def _named(tool: dict[str, object]) -> bool:
    return isinstance(tool.get("name"), str) and bool(tool["name"])


class ToolList:
    """The tools of a source, as they were read last."""

    def __init__(self, source: Source) -> None:
        """Begin without tools."""
        self._source = source
        self._known: Tools | None = None
        self._trouble: str | None = None
        self._failures = 0
        self._again = asyncio.Event()

    def received(self, number: signal.Signals) -> None:
        """Read the tools again soon after SIGHUP."""
        if number == signal.SIGHUP:
            self._again.set()

    async def changed(self) -> Tools | None:
        """Read the tools, and return them if they have changed. If they can't be read, the log says so once."""
        try:
            tools = parsed(await self._source())
        except (ProgramFailed, Unreadable, OSError) as error:
            if str(error) != self._trouble:
                logger.warning("cannot read the tools; those posted before stay: %s", error)
            self._trouble = str(error)
            self._failures += 1
            return None
        self._trouble = None
        self._failures = 0
        if tools == self._known:
            return None
        self._known = tools
        return tools

    async def follow(self, advertise: Callable[[Tools], None]) -> NoReturn:
        """Call `advertise` whenever they have changed. They are read every minute, and after SIGHUP."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._pause()):
                    await self._again.wait()
            self._again.clear()
            tools = await self.changed()
            if tools is not None:
                advertise(tools)

    def _pause(self) -> float:
        return min(EVERY, FIRST_PAUSE * 2.0 ** min(self._failures - 1, 8)) if self._failures else EVERY
