"""The limits of a connection: how large the head of a request may be, and how long a client may keep us waiting."""

import asyncio
import contextlib
import select
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import anyio.lowlevel
import pytest
import uvicorn
from starlette.types import Receive, Scope, Send
from uvicorn.server import ServerState

from registry_gateway import connection
from registry_gateway.connection import MAX_HEAD_BYTES, Connection
from registry_gateway.exchange import Answer, Call
from registry_gateway.settings import Settings

pytestmark = pytest.mark.anyio

PATIENCE = 0.2
HEAD = b"POST /x HTTP/1.1\r\nHost: gateway\r\n"


class Hasty(Connection):
    """A connection that does not wait long."""

    patience = PATIENCE


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with the size of the body; to /early before the body is there, to /large with a lot."""
    if scope["path"] == "/early":
        await Answer(401, b"{}").send(send)
        return
    if scope["path"] == "/large":
        await Answer(200, b"x" * 20_000_000).send(send)
        return
    scope["settings"] = Settings()
    try:
        body = await Call(scope, receive).body()
    except Exception as error:  # whatever it is, the test looks at it
        seen.append(error)
        return
    await Answer(200, b"%d" % len(body)).send(send)


seen: list[Exception] = []


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
        head = await self.reader.readuntil(b"\r\n\r\n")
        return head + await self.reader.readexactly(size)

    async def rest(self) -> bytes:
        """All there is until the gateway closes; it must. A byte that crosses its close makes that a reset."""
        read = b""
        with anyio.fail_after(20 * PATIENCE), contextlib.suppress(ConnectionResetError):
            while some := await self.reader.read(4096):
                read += some
        return read


Connect = Callable[[], Any]


@pytest.fixture
async def connect() -> AsyncIterator[Connect]:
    """Connect to a server with hasty connections."""
    seen.clear()
    config = uvicorn.Config(echo, http=Hasty, timeout_keep_alive=60, log_config=None)
    config.load()
    state = ServerState()
    server = await asyncio.get_running_loop().create_server(lambda: Hasty(config, state, {}), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]

    @asynccontextmanager
    async def connected() -> AsyncIterator[Client]:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=100)
        try:
            yield Client(reader, writer)
        finally:
            writer.transport.abort()

    yield connected
    server.close()
    for left in list(state.connections):
        left.transport.abort()
    await server.wait_closed()


async def test_requests_in_time_are_answered_one_after_the_other(connect: Connect) -> None:
    async with connect() as client:
        for _ in range(4):
            await client.send(HEAD + b"Content-Length: 5\r\n\r\nab")
            await anyio.sleep(PATIENCE / 3)
            await client.send(b"cde")
            assert (await client.answer(1)).endswith(b"5")
            await anyio.sleep(PATIENCE)


async def test_a_connection_between_requests_is_left_to_the_keep_alive_timeout(connect: Connect) -> None:
    async with connect() as client:
        await client.send(HEAD + b"Content-Length: 0\r\n\r\n")
        await client.answer(1)
        await anyio.sleep(4 * PATIENCE)
        await client.send(HEAD + b"Content-Length: 1\r\n\r\na")
        assert (await client.answer(1)).endswith(b"1")


async def test_a_client_that_says_nothing_is_dropped(connect: Connect) -> None:
    async with connect() as client:
        assert await client.rest() == b""


async def drip(client: Client, byte: bytes) -> None:
    """Send one byte after the other, and never end before there is an answer.

    What is sent to a socket that is closed already resets the connection, and takes an answer along that was not read
    yet. Client and gateway are in one thread, so nothing can come between this look and the byte.
    """
    arrived = client.writer.get_extra_info("socket").fileno()
    try:
        while not select.select([arrived], [], [], 0)[0]:
            await client.send(byte)
            await anyio.sleep(PATIENCE / 10)
    except OSError:
        return


async def dripped(client: Client, byte: bytes) -> bytes:
    """The answer to a client that never ends."""
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(drip, client, byte)
        answer: bytes = await client.rest()
        tasks.cancel_scope.cancel()
    return answer


async def test_a_head_that_never_ends_is_a_408(connect: Connect) -> None:
    async with connect() as client:
        await client.send(HEAD + b"X-Slow: ")
        assert (await dripped(client, b"a")).startswith(b"HTTP/1.1 408 Request Timeout\r\n")


async def test_a_body_that_never_ends_is_a_408_and_is_not_taken_for_a_whole_one(connect: Connect) -> None:
    async with connect() as client:
        await client.send(HEAD + b"Content-Length: 1000\r\n\r\n")
        assert (await dripped(client, b"a")).startswith(b"HTTP/1.1 408 Request Timeout\r\n")
    [error] = seen
    assert getattr(error, "status_code", None) == 400


async def test_a_body_nobody_waits_for_ends_the_connection_too(connect: Connect) -> None:
    async with connect() as client:
        await client.send(b"POST /early HTTP/1.1\r\nHost: gateway\r\nContent-Length: 1000\r\n\r\n")
        answer = await dripped(client, b"a")
        assert answer.startswith(b"HTTP/1.1 401 ")
        assert b"408" not in answer


async def test_empty_lines_after_a_request_do_not_keep_a_connection(connect: Connect) -> None:
    async with connect() as client:
        await client.send(HEAD + b"Content-Length: 0\r\n\r\n")
        await client.answer(1)
        assert await dripped(client, b"\r\n") == b""


async def test_a_client_that_reads_nothing_is_dropped(connect: Connect) -> None:
    async with connect() as client:
        await client.send(b"GET /large HTTP/1.1\r\nHost: gateway\r\nConnection: close\r\n\r\n")
        await anyio.sleep(4 * PATIENCE)
        with anyio.fail_after(20 * PATIENCE):
            size = 0
            try:
                while chunk := await client.reader.read(1_000_000):
                    size += len(chunk)
            except ConnectionResetError:
                pass
        assert size < 20_000_000


def header(size: int) -> bytes:
    """A header line of that size on the wire, which counts 4 bytes less."""
    return b"X-Long: " + b"a" * (size - 10) + b"\r\n"


async def test_a_head_of_the_limit_passes_and_a_larger_one_is_a_431(connect: Connect) -> None:
    counted = len(b"/x" + b"HostgatewayContent-Length0")
    for size, status in ((MAX_HEAD_BYTES - counted + 4, b"200 "), (MAX_HEAD_BYTES - counted + 5, b"431 ")):
        async with connect() as client:
            await client.send(HEAD + header(size) + b"Content-Length: 0\r\n\r\n")
            assert (await client.reader.read(13)).startswith(b"HTTP/1.1 " + status), size


async def test_the_head_of_one_large_header_is_refused_before_its_end(connect: Connect) -> None:
    async with connect() as client:
        await client.send(HEAD + b"X-Long: ")
        sent = 0
        while sent < 10_000_000 and not client.reader._buffer:  # until it is answered
            try:
                await client.send(b"a" * 10_000)
            except OSError:
                break
            sent += 10_000
            await anyio.lowlevel.checkpoint()
        assert sent < 2_000_000


async def test_many_small_headers_are_a_431_too(connect: Connect) -> None:
    async with connect() as client:
        await client.send(HEAD + b"X-A: b\r\n" * 20_000 + b"\r\n")
        assert (await client.reader.read(13)).startswith(b"HTTP/1.1 431 ")


async def test_a_large_body_is_not_taken_for_a_head(connect: Connect) -> None:
    async with connect() as client:
        for _ in range(3):
            await client.send(HEAD + b"Content-Length: 300000\r\n\r\n" + b"x" * 300_000)
            assert (await client.answer(6)).endswith(b"300000")


async def test_what_is_no_http_is_still_a_400(connect: Connect) -> None:
    async with connect() as client:
        await client.send(b"nonsense\r\n\r\n")
        assert (await client.rest()).startswith(b"HTTP/1.1 400 ")


def test_the_limits_leave_room_for_the_longest_token() -> None:
    assert MAX_HEAD_BYTES >= 2 * 16_384
    assert connection.KEEP_ALIVE_SECONDS > 15
