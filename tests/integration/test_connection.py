"""A connection: how large the head of a request may be, how long a client may keep us waiting, how answers leave."""

import asyncio
import select
from collections.abc import AsyncIterator, Iterable, Sequence
from types import SimpleNamespace
from typing import Any

import anyio.lowlevel
import pytest
import uvicorn
from starlette.types import Receive, Scope, Send
from uvicorn.server import ServerState

from registry_gateway.http import protocol
from registry_gateway.http.answer import Answer
from registry_gateway.http.call import Call
from registry_gateway.http.protocol import MAX_HEAD_BYTES, Connection
from registry_gateway.settings import Settings
from tests.integration.raw_client import PATIENCE, Client, Connect, Server

pytestmark = pytest.mark.anyio

HEAD = b"POST /x HTTP/1.1\r\nHost: gateway\r\n"


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with the size of the body; on /early before it is there, on /large with a lot, on /slow after a while."""
    if scope["path"] == "/early":
        await Answer(401, b"{}").send(scope, send)
        return
    if scope["path"] == "/large":
        await Answer(200, b"x" * 20_000_000).send(scope, send)
        return
    if scope["path"] == "/slow":
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await go_on.wait()
        await send({"type": "http.response.body", "body": b"ab"})
        return
    if scope["path"] == "/broken":
        answer = Answer(200, b"ab")
        answer.headers.append((b"x-name", b"a\r\nx-other: b"))
        await answer.send(scope, send)
        return
    if scope["path"] == "/nothing":
        await Answer(204).send(scope, send)
        return
    scope["settings"] = Settings()
    try:
        body = await Call(scope, receive).body()
    except Exception as error:  # whatever it is, the test looks at it
        seen.append(error)
        return
    await Answer(200, b"%d" % len(body)).send(scope, send)


seen: list[Exception] = []
go_on = anyio.Event()


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    """A server with hasty connections."""
    seen.clear()
    async with Server(echo).running() as server:
        yield server


@pytest.fixture
def connect(server: Server) -> Connect:
    """Connect to it."""
    return server.connect


async def test_requests_in_time_are_answered_one_after_the_other(connect: Connect) -> None:
    async with connect() as client:
        for _ in range(4):
            await client.send(HEAD + b"Content-Length: 5\r\n\r\nab")
            await anyio.sleep(PATIENCE / 3)
            await client.send(b"cde")
            assert (await client.answer(1)).endswith(b"5")
            await anyio.sleep(PATIENCE / 3)


async def test_a_connection_is_kept_between_two_requests(connect: Connect) -> None:
    async with connect() as client:
        for _ in range(8):
            await client.send(HEAD + b"Content-Length: 0\r\n\r\n")
            await client.answer(1)
            await anyio.sleep(PATIENCE / 2)


async def test_requests_sent_together_are_answered_in_their_order(connect: Connect) -> None:
    async with connect() as client:
        await client.send(b"".join(HEAD + b"Content-Length: %d\r\n\r\n%s" % (n, b"a" * n) for n in (3, 2, 1)))
        with anyio.fail_after(5):
            assert [(await client.answer(1))[-1:] for _ in range(3)] == [b"3", b"2", b"1"]


async def test_a_connection_nobody_uses_any_longer_is_closed(connect: Connect) -> None:
    async with connect() as client:
        await client.send(HEAD + b"Content-Length: 0\r\n\r\n")
        await client.answer(1)
        assert await client.rest() == b""


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


async def test_a_client_that_reads_nothing_is_dropped(server: Server) -> None:
    async with server.connect() as client:
        await client.send(b"GET /large HTTP/1.1\r\nHost: gateway\r\nConnection: close\r\n\r\n")
        await server.until(lambda: server.connections)
        await server.until(lambda: not server.connections)
        assert len(await client.rest()) < 20_000_000  # what was on its way


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
        assert await client.flood(b"a" * 10_000, most=10_000_000) < 5_000_000


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


class Recorder(asyncio.Transport):
    """A transport that keeps what it is given, to be looked at piece by piece; a socket would show the sum."""

    def __init__(self) -> None:
        super().__init__()
        self.pieces: list[bytes] = []
        self.closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Keep it."""
        assert not self.closed
        self.pieces.append(bytes(data))

    def writelines(self, list_of_data: Iterable[bytes | bytearray | memoryview]) -> None:
        """Keep them as the one piece they are sent as."""
        self.write(b"".join(bytes(data) for data in list_of_data))

    def pause_reading(self) -> None:
        """Nothing is read from here."""

    def resume_reading(self) -> None:
        """Nothing is read from here."""

    def is_closing(self) -> bool:
        """Whether it is closed."""
        return self.closed

    def close(self) -> None:
        """Close."""
        self.closed = True


PLAIN = b"GET /x HTTP/1.1\r\nHost: gateway\r\n"

REQUESTS = {
    "plain": [PLAIN + b"\r\n"],
    "with a body": [HEAD + b"Content-Length: 5\r\n\r\nabcde"],
    "two after another": [PLAIN + b"\r\n", PLAIN + b"\r\n"],
    "two at once": [PLAIN + b"\r\n" + PLAIN + b"Connection: close\r\n\r\n"],
    "the last one": [PLAIN + b"Connection: close\r\n\r\n"],
    "HTTP/1.0": [b"GET /x HTTP/1.0\r\n\r\n"],
    "HEAD": [b"HEAD /x HTTP/1.1\r\nHost: gateway\r\n\r\n"],
    "without a body": [b"GET /nothing HTTP/1.1\r\nHost: gateway\r\n\r\n"],
    "with a line break in a header of the answer": [b"GET /broken HTTP/1.1\r\nHost: gateway\r\n\r\n"],
    "before its body is there": [b"POST /early HTTP/1.1\r\nHost: gateway\r\nContent-Length: 5\r\n\r\n", b"abcde"],
    "asked to go on": [HEAD + b"Content-Length: 1\r\nExpect: 100-continue\r\n\r\n", b"a"],
    "not asked to go on": [b"POST /early HTTP/1.1\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n"],
    "large": [b"GET /large HTTP/1.1\r\nHost: gateway\r\n\r\n"],
}


async def answered(pieces: Sequence[bytes], *, in_messages: bool) -> tuple[list[bytes], bool, int]:
    """Return what is written for requests that come in pieces, whether that ends the connection, how many they were."""
    config = uvicorn.Config(echo, http=Connection, log_config=None)
    config.load()
    state = ServerState()
    state.default_headers = [(b"date", b"today")]
    protocol = Connection(config, state, {})
    protocol.access_log = in_messages  # what uvicorn is to log it has to see
    transport = Recorder()
    protocol.connection_made(transport)
    for piece in pieces:
        protocol.data_received(piece)
        for _ in range(10):
            await anyio.lowlevel.checkpoint()
    for _ in range(5_000):  # what was sent ahead has to wait for its turn
        if not protocol.pipeline:
            break
        await anyio.sleep(0.001)
    for _ in range(10):
        await anyio.lowlevel.checkpoint()
    protocol.connection_lost(None)
    return transport.pieces, transport.closed, state.total_requests


@pytest.mark.parametrize("pieces", REQUESTS.values(), ids=REQUESTS)
async def test_an_answer_that_leaves_whole_is_the_same_as_one_in_messages(pieces: Sequence[bytes]) -> None:
    whole, *end = await answered(pieces, in_messages=False)
    in_messages, *same_end = await answered(pieces, in_messages=True)
    assert b"".join(whole) == b"".join(in_messages)
    assert end == same_end


@pytest.mark.parametrize("name", ["plain", "the last one", "HEAD", "without a body", "large"])
async def test_a_head_and_its_body_leave_in_one_piece(name: str) -> None:
    (piece,), _closed, answers = await answered(REQUESTS[name], in_messages=False)
    assert piece.startswith(b"HTTP/1.1 20")
    assert answers == 1


async def test_a_client_that_has_gone_is_no_harm_to_the_next(connect: Connect) -> None:
    async with connect() as client:
        await client.send(b"GET /large HTTP/1.1\r\nHost: gateway\r\n\r\n" * 3)
    async with connect() as client:
        await client.send(PLAIN + b"\r\n")
        assert (await client.answer(1)).startswith(b"HTTP/1.1 200 ")


async def test_a_head_does_not_wait_for_a_body_that_takes_its_time(connect: Connect) -> None:
    global go_on
    go_on = anyio.Event()
    async with connect() as client:
        await client.send(b"GET /slow HTTP/1.1\r\nHost: gateway\r\n\r\n")
        with anyio.fail_after(5):
            assert (await client.answer(0)).startswith(b"HTTP/1.1 200 OK\r\n")
        go_on.set()
        assert await client.reader.readexactly(2) == b"ab"


async def test_a_head_that_is_all_there_is_leaves_too(connect: Connect) -> None:
    async with connect() as client:
        for _ in range(2):
            await client.send(b"GET /nothing HTTP/1.1\r\nHost: gateway\r\n\r\n")
            with anyio.fail_after(5):
                assert (await client.answer(0)).startswith(b"HTTP/1.1 204 ")


async def test_a_client_that_expects_100_continue_gets_it(connect: Connect) -> None:
    async with connect() as client:
        await client.send(HEAD + b"Content-Length: 2\r\nExpect: 100-continue\r\n\r\n")
        with anyio.fail_after(5):
            assert await client.answer(0) == b"HTTP/1.1 100 Continue\r\n\r\n"
        await client.send(b"ab")
        assert (await client.answer(1)).endswith(b"2")


def test_the_limits_leave_room_for_the_longest_token() -> None:
    assert MAX_HEAD_BYTES >= 2 * 16_384
    assert protocol.CHECK_SECONDS > 15


async def test_tls_on_a_plain_port_is_called_by_its_name(connect: Connect, caplog: pytest.LogCaptureFixture) -> None:
    async with connect() as client:
        await client.send(bytes.fromhex("16030100c8010000c40303") + bytes(100))
        assert (await client.rest()).startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert [r.getMessage() for r in caplog.records] == [
        "TLS spoken to a plain HTTP port: give the client an http:// URL, or serve with --ssl-certfile"
    ]


async def test_a_body_may_begin_as_tls_does(connect: Connect, caplog: pytest.LogCaptureFixture) -> None:
    async with connect() as client:
        await client.send(HEAD + b"Content-Length: 3\r\n\r\n")
        await anyio.lowlevel.checkpoint()
        await client.send(b"\x16\x03\x01")
        assert (await client.answer(1)).endswith(b"3")
    assert "TLS" not in caplog.text


def test_a_client_that_reads_a_long_answer_slowly_is_not_taken_for_one_that_reads_nothing() -> None:
    connection: Any = Connection.__new__(Connection)
    aborted: list[bool] = []
    connection.transport = SimpleNamespace(get_write_buffer_size=lambda: 65_536, abort=lambda: aborted.append(True))
    connection.cycle = SimpleNamespace(expected_content_length=300_000)
    connection._unread = None
    assert not connection._is_stalled()
    connection.cycle.expected_content_length -= 65_536  # the next piece, of which as much is unread
    assert not connection._is_stalled()
    assert connection._is_stalled()
    assert aborted == [True]
