"""A client that sends bytes as they are, to a server whose connections do not wait long."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import anyio
import uvicorn
from starlette.types import ASGIApp
from uvicorn.server import ServerState

from registry_gateway.http.protocol import Connection

PATIENCE = 0.2
LIMIT = 60.0
"""Seconds after which a test has failed, on a machine that is busy too."""


class Hasty(Connection):
    """A connection that does not wait long."""

    check_seconds = PATIENCE


class Client:
    """The other end of a connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, data: bytes) -> None:
        """Send bytes as they are."""
        self.writer.write(data)
        await self.writer.drain()

    async def answer(self, size: int) -> bytes:
        """The next answer, with a body of that size."""
        with anyio.fail_after(LIMIT):
            head = await self.reader.readuntil(b"\r\n\r\n")
            return head + await self.reader.readexactly(size)

    async def rest(self) -> bytes:
        """All there is until the gateway closes; it must. A byte that crosses its close makes that a reset."""
        read = b""
        with anyio.fail_after(LIMIT), contextlib.suppress(ConnectionResetError):
            while some := await self.reader.read(4096):
                read += some
        return read

    async def flood(self, unit: bytes, most: int) -> int:
        """Send `unit` again and again until the gateway closes; the bytes it took before."""
        sent = 0
        with anyio.fail_after(LIMIT), contextlib.suppress(OSError):
            while sent < most and not self.reader.at_eof():
                await self.send(unit)
                sent += len(unit)
                await asyncio.sleep(0)
        return sent


Connect = Callable[[], AbstractAsyncContextManager[Client]]


class Server:
    """The server in this process."""

    def __init__(self, app: ASGIApp, app_state: dict[str, Any] | None = None) -> None:
        self.state = ServerState()
        self._config = uvicorn.Config(app, http=Hasty, log_config=None, access_log=False)
        self._app_state = app_state or {}
        self._port = 0

    @property
    def connections(self) -> list[Hasty]:
        """The connections that are open."""
        return [c for c in self.state.connections if isinstance(c, Hasty)]

    async def until(self, look: Callable[[], object]) -> None:
        """Wait until a look at the server is true."""
        with anyio.fail_after(LIMIT):
            while not look():  # noqa: ASYNC110 - what is looked at sets no event
                await asyncio.sleep(PATIENCE / 10)

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Server"]:
        """Listen while the context is open."""
        self._config.load()
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: Hasty(self._config, self.state, self._app_state), "127.0.0.1", 0)
        self._port = server.sockets[0].getsockname()[1]
        yield self
        server.close()
        for left in list(self.state.connections):
            left.transport.abort()
        await server.wait_closed()

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[Client]:
        """A connection to it."""
        own = socket.socket()
        own.setblocking(False)
        own.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)  # or the system holds a long answer for us
        await asyncio.get_running_loop().sock_connect(own, ("127.0.0.1", self._port))
        reader, writer = await asyncio.open_connection(sock=own, limit=100)
        try:
            yield Client(reader, writer)
        finally:
            writer.transport.abort()
