"""The health URL: what counts as an answer, and what is said about it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from registry_gateway.sidecar import health

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def server(head: bytes, piece: bytes) -> AsyncIterator[str]:
    """The address of a server that sends `head`, and then `piece` as long as the client reads."""

    closed = asyncio.Event()

    async def answer(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(head)
        with contextlib.suppress(ConnectionError):  # the client leaves
            while piece:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0.01)
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
        closed.set()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as listening:
        host, port = listening.sockets[0].getsockname()
        yield f"{host}:{port}"
        async with asyncio.timeout(10):
            await closed.wait()


async def test_a_body_without_end_is_not_read_to_its_end() -> None:
    async with server(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 2**20) as address:
        assert await health.of_url(f"http://{address}/")() is None


async def test_an_answer_in_small_pieces_must_end_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "WITHIN", 0.3)
    async with server(b"HTTP/1.1 200 OK\r\n\r\n", b"x") as address:
        assert await health.of_url(f"http://{address}/")() == f"http://{address}/ does not answer within 0.3 s"


async def test_user_password_and_query_are_not_repeated() -> None:
    async with server(b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n", b"") as address:
        reason = await health.of_url(f"http://me:secret@{address}/health?token=secret")()
    assert reason == f"http://{address}/health answers 500"
