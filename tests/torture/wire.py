"""A small HTTP/1.1 client on asyncio streams: cheap enough for a thousand connections in one process."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import NamedTuple

HOST = "127.0.0.1"

PATIENCE = 30.0
"""Seconds a request may take."""


class Reply(NamedTuple):
    """The status and body of an answer."""

    status: int
    body: bytes


class Wire:
    """One connection to the gateway."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def ask(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Reply:
        """Send a request and return its answer.

        Raises:
            OSError: The connection was closed.
            TimeoutError: No answer came within `PATIENCE` seconds.
        """
        given = {"Host": "gateway", "Content-Type": "application/json", **(headers or {})}
        if body is not None or method in ("POST", "PUT"):
            given["Content-Length"] = str(len(body or b""))
        head = "".join(f"{name}: {value}\r\n" for name, value in given.items())
        async with asyncio.timeout(PATIENCE):
            await self.send(f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode("latin-1") + (body or b""))
            return await self.answer()

    async def send(self, data: bytes) -> None:
        """Send bytes as they are."""
        self.writer.write(data)
        await self.writer.drain()

    async def answer(self) -> Reply:
        """Read one answer.

        Raises:
            OSError: The connection was closed before its end.
        """
        try:
            head = await self.reader.readuntil(b"\r\n\r\n")
            lines = head.split(b"\r\n")
            fields = dict(line.lower().split(b": ", 1) for line in lines[1:] if b": " in line)
            body = await self.reader.readexactly(int(fields.get(b"content-length", b"0")))
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
            raise ConnectionResetError("closed") from error
        return Reply(int(lines[0].split()[1]), body)


@asynccontextmanager
async def connect(port: int, source: str = HOST) -> AsyncIterator[Wire]:
    """Open a connection from a loopback address.

    Raises:
        OSError: The gateway does not accept it.
    """
    reader, writer = await asyncio.open_connection(HOST, port, local_addr=(source, 0), limit=2**20)
    try:
        yield Wire(reader, writer)
    finally:
        writer.close()
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(1):
                await writer.wait_closed()
