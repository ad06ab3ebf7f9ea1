"""A model's own server as tests play it: it answers with bytes as they are, at its own pace."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

Script: TypeAlias = bytes | Callable[[asyncio.StreamWriter], Coroutine[Any, Any, None]]
"""An answer as bytes, or a function that writes it."""

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Type: text/plain\r\n\r\nok"


class Model:
    """A server on loopback: each connection has one request, and is then closed."""

    def __init__(self) -> None:
        self.port = 0
        self.scripts: dict[str, Script] = {}
        self.heads: list[str] = []
        self.left = asyncio.Event()
        """Set when a client has closed a connection before the end of a script."""

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def targets(self) -> list[str]:
        """What it was asked for, as it was sent."""
        return [head.split(" ")[1] for head in self.heads]

    @property
    def headers(self) -> list[tuple[str, str]]:
        """The headers of the last request."""
        lines = [line.partition(": ") for line in self.heads[-1].split("\r\n")[1:]]
        return [(name.lower(), value) for name, _, value in lines if name]

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                self.heads.append((await reader.readuntil(b"\r\n\r\n")).decode("latin-1"))
                script = self.scripts.get(self.targets[-1].partition("?")[0], OK)
                if isinstance(script, bytes):
                    writer.write(script)
                else:
                    await self._until_gone(reader, script(writer))
                await writer.drain()
        finally:
            writer.close()

    async def _until_gone(self, reader: asyncio.StreamReader, running: Coroutine[Any, Any, None]) -> None:
        """Run a script until the client closes the connection."""
        script, gone = asyncio.create_task(running), asyncio.create_task(reader.read())
        try:
            await asyncio.wait((script, gone), return_when=asyncio.FIRST_COMPLETED)
            if not script.done():
                self.left.set()
        finally:
            for task in (script, gone):
                task.cancel()
            await asyncio.gather(script, gone, return_exceptions=True)

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """Listen while the context is open."""
        running: set[asyncio.Task[None]] = set()

        def begin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            running.add(asyncio.create_task(self._answer(reader, writer)))

        server = await asyncio.start_server(begin, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield
        finally:
            server.close()
            for task in running:
                task.cancel()
            if running:
                await asyncio.wait(running)
            await server.wait_closed()


def answer(*fields: str, status: str = "200 OK", body: bytes = b"") -> bytes:
    """An answer with these header fields, and with Content-Length."""
    return "\r\n".join([f"HTTP/1.1 {status}", *fields, f"Content-Length: {len(body)}", "", ""]).encode() + body
