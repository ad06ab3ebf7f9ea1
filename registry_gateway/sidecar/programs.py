"""Programs whose result the sidecar reads: whether the service is well, and which tools it has."""

import asyncio
import shlex
import signal
import subprocess
from collections.abc import Sequence

from registry_gateway.sidecar.children import CannotStart, Child, Children

MOST_BYTES = 16 * 2**20
"""Most bytes of a program's output that are read. The gateway accepts less in a body."""

REAPED_WITHIN = 1.0
"""Seconds to wait for the end of a program that was killed."""

LINGER = 0.2
"""Seconds for which output is still read when a program has ended: a process that it left may keep the pipe open."""

_PIPED = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "process_group": 0}


class ProgramFailed(Exception):
    """A program did not end well. The message is one line."""


def words(command: str) -> Sequence[str]:
    """Split a command line into words, as a shell does; nothing is expanded.

    Raises:
        ValueError: A quotation has no end, or there are no words.
    """
    found = shlex.split(command)
    if not found:
        raise ValueError("it is empty")
    return found


async def output(children: Children, command: Sequence[str], within: float, *, errors: bool = False) -> bytes:
    """Run a program, without a shell, and return its standard output.

    With `errors` its standard error is in it too, else it goes to that of the sidecar. What it leaves running in its
    process group is killed.

    Raises:
        ProgramFailed: It can't be started, takes more than `within` seconds, or ends with another code than 0. The
            message has its last line.
    """
    try:
        child = children.start(command, stderr=subprocess.STDOUT if errors else None, **_PIPED)
    except CannotStart as error:
        raise ProgramFailed(str(error)) from None
    try:
        async with asyncio.timeout(within):
            written = await _read(child)
            code = await asyncio.shield(child.ended)
    except TimeoutError:
        raise ProgramFailed(f"{command[0]} takes longer than {within:g} s") from None
    finally:
        child.signal(signal.SIGKILL)
        await asyncio.wait([child.ended], timeout=REAPED_WITHIN)
    if code:
        raise ProgramFailed(f"{command[0]} ends with {code}{_last_line(written)}")
    return written


async def _read(child: Child) -> bytes:
    """Return the output of a program until no process has its pipe open, or shortly after its end."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    protocol = asyncio.StreamReaderProtocol(reader)
    transport, _ = await loop.connect_read_pipe(lambda: protocol, child.output)
    child.ended.add_done_callback(lambda _: loop.call_later(LINGER, transport.close))
    content = bytearray()
    try:
        while piece := await reader.read(2**16):
            content += piece
            if len(content) > MOST_BYTES:
                raise ProgramFailed(f"it writes more than {MOST_BYTES >> 20} MiB")
    finally:
        transport.close()
    return bytes(content)


def _last_line(written: bytes) -> str:
    lines = written.decode(errors="replace").strip().splitlines()
    return f": {lines[-1][:200]}" if lines else ""
