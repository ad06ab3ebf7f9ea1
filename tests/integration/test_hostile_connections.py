"""Connections that mean no good: what they send is no header, takes no memory, and changes no answer before it."""

import asyncio
import logging
from collections.abc import AsyncIterator

import pytest
from starlette.types import Receive, Scope, Send

from registry_gateway.http.answer import Answer
from registry_gateway.http.body import BodyCutShort
from registry_gateway.http.call import Call
from registry_gateway.http.protocol import MAX_TRAILER_BYTES
from registry_gateway.http.response_order import ABANDONED
from registry_gateway.settings import Settings
from tests.integration.raw_client import Server

pytestmark = pytest.mark.anyio

GET = b"GET /x HTTP/1.1\r\nHost: gateway\r\n\r\n"
CHUNKED = b"POST /x HTTP/1.1\r\nHost: gateway\r\nTransfer-Encoding: chunked\r\n\r\n"
MANY = 1_000


class App:
    """Answers with the number of the request; on /slow once `go_on` is set. Keeps the scopes it has seen."""

    def __init__(self) -> None:
        self.scopes: list[Scope] = []
        self.go_on = asyncio.Event()
        self.ended = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        number = len(self.scopes)
        self.scopes.append(scope)
        scope["settings"] = Settings()
        try:
            await Call(scope, receive).body()
        except BodyCutShort:
            return
        if scope["path"] == "/slow":
            await self.go_on.wait()
        await Answer(200, b"%04d" % number).send(scope, send)
        self.ended += 1


@pytest.fixture
async def app() -> App:
    """The application."""
    return App()


@pytest.fixture
def counted() -> list[int]:
    """The number of abandoned requests."""
    return [0]


@pytest.fixture
async def server(app: App, counted: list[int]) -> AsyncIterator[Server]:
    """A server of it."""
    async with Server(app, {ABANDONED: counted}).running() as server:
        yield server


# --- trailers


async def test_trailers_are_never_headers_of_this_request_or_the_next(server: Server, app: App) -> None:
    trailers = b"X-Service-Key: k\r\nAuthorization: Bearer t\r\nX-Forwarded-For: 192.0.2.1\r\nX-Empty:\r\n"
    async with server.connect() as client:
        await client.send(CHUNKED + b"2\r\nab\r\n0\r\n" + trailers + b"\r\n" + GET)
        for number in range(2):
            assert (await client.answer(4)).endswith(b"%04d" % number)
    chunked, plain = (scope["headers"] for scope in app.scopes)
    assert chunked == [(b"host", b"gateway"), (b"transfer-encoding", b"chunked")]
    assert plain == [(b"host", b"gateway")]


def trailer(size: int) -> bytes:
    """A trailer field of that size on the wire."""
    return b"X-Long: " + b"a" * (size - 10) + b"\r\n"


async def test_trailers_of_the_limit_pass_and_larger_ones_are_a_431(server: Server) -> None:
    for size, status in ((MAX_TRAILER_BYTES, b"200 "), (MAX_TRAILER_BYTES + 1, b"431 ")):
        async with server.connect() as client:
            await client.send(CHUNKED + b"2\r\nab\r\n0\r\n" + trailer(size) + b"\r\n")
            assert (await client.reader.read(13)).startswith(b"HTTP/1.1 " + status), size


async def test_many_small_trailers_are_too_many(server: Server) -> None:
    async with server.connect() as client:
        await client.send(CHUNKED + b"0\r\n" + b"a:b\r\n" * 10_000 + b"\r\n")
        assert (await client.reader.read(13)).startswith(b"HTTP/1.1 431 ")


ENDLESS = {
    "one trailer value": (CHUNKED + b"0\r\nX-Long: ", b"a" * 8_192),
    "one trailer name": (CHUNKED + b"0\r\nX-", b"a" * 8_192),
    "trailers": (CHUNKED + b"2\r\nab\r\n0\r\n", b"X-A: b\r\n" * 1_024),
    "a chunk extension": (CHUNKED + b"2;x=", b"a" * 8_192),
    "a chunk size": (CHUNKED, b"0" * 8_192),
    "a header name": (b"GET / HTTP/1.1\r\nX-", b"a" * 8_192),
    "headers": (b"GET / HTTP/1.1\r\n", b"X-A: b\r\n" * 1_024),
    "a path": (b"GET /", b"a" * 8_192),
    "empty lines": (b"", b"\r\n" * 4_096),
    "empty lines after a request": (GET, b"\r\n" * 4_096),
    "trailers of a request that is answered": (CHUNKED.replace(b"/x", b"/early") + b"0\r\n", b"X-A: b\r\n" * 1_024),
}


@pytest.mark.parametrize(("start", "unit"), ENDLESS.values(), ids=ENDLESS)
async def test_what_does_not_end_ends_the_connection(server: Server, start: bytes, unit: bytes) -> None:
    async with server.connect() as client:
        await client.send(start)
        assert await client.flood(unit, most=50_000_000) < 50_000_000
        await server.until(lambda: not server.connections)


# --- requests that wait


async def test_only_some_of_many_requests_are_parsed_ahead_and_all_are_answered_in_order(
    server: Server, app: App
) -> None:
    async with server.connect() as client:
        await client.send(GET.replace(b"/x", b"/slow") + b"GET / HTTP/1.1\r\n\r\n" * MANY)
        await server.until(lambda: app.scopes)
        [connection] = server.connections
        for _ in range(20):
            await asyncio.sleep(0)
            assert len(connection.pipeline) <= 32
        assert connection.pipeline
        app.go_on.set()
        for number in range(MANY + 1):
            assert (await client.answer(4)).endswith(b"%04d" % number)
            assert len(connection.pipeline) <= 32


async def test_bodies_between_requests_that_wait_arrive_whole(server: Server) -> None:
    body = b"\n" * 3_000
    post = b"POST /x HTTP/1.1\r\nContent-Length: 3000\r\n\r\n" + body
    async with server.connect() as client:
        await client.send((GET * 20 + post) * 5)
        for number in range(105):
            assert (await client.answer(4)).endswith(b"%04d" % number)


async def test_nothing_more_is_read_while_requests_wait_to_be_parsed(server: Server, app: App) -> None:
    async with server.connect() as client:
        await client.send(GET.replace(b"/x", b"/slow"))
        await server.until(lambda: app.scopes)
        flood = asyncio.create_task(
            client.flood(b"POST / HTTP/1.1\r\nContent-Length: 1\r\n\r\na" * MANY, most=20_000_000)
        )
        await server.until(lambda: server.connections[0]._unparsed)
        size = len(server.connections[0]._unparsed)
        for _ in range(100):
            await asyncio.sleep(0)
        assert len(server.connections[0]._unparsed) == size
        assert not flood.done()
        flood.cancel()


# --- refusals in their turn

BROKEN = {
    "a stray byte": (b"\x01", b"400 "),
    "no HTTP": (b"nonsense\r\n\r\n", b"400 "),
    "too large a head": (b"GET / HTTP/1.1\r\nX-Long: " + b"a" * 40_000 + b"\r\n\r\n", b"431 "),
    "a head that does not end": (b"GET / HTTP/1.1\r\nX-Slow: ", b"408 "),
    "a body that does not end": (b"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\n", b"408 "),
    "a chunk that is none": (CHUNKED + b"x\r\n", b"400 "),
    "an address that is none": (b"GET http://[/ HTTP/1.1\r\n\r\n", b"400 "),
}


@pytest.mark.parametrize("before", [1, 3])
@pytest.mark.parametrize(("broken", "status"), BROKEN.values(), ids=BROKEN)
async def test_a_refusal_comes_after_the_answers_of_complete_requests(
    server: Server, app: App, before: int, broken: bytes, status: bytes
) -> None:
    async with server.connect() as client:
        await client.send(GET.replace(b"/x", b"/slow") + GET * (before - 1) + broken)
        await server.until(lambda: server.connections and server.connections[0]._refusal)
        assert app.ended == 0
        app.go_on.set()
        for number in range(before):
            assert (await client.answer(4)).endswith(b"%04d" % number)
        assert (await client.rest()).startswith(b"HTTP/1.1 " + status)
    assert app.ended == before


async def test_what_comes_after_a_refusal_is_not_looked_at(server: Server, app: App) -> None:
    async with server.connect() as client:
        await client.send(GET.replace(b"/x", b"/slow") + b"\x01")
        await server.until(lambda: server.connections and server.connections[0]._refusal)
        await client.send(GET * MANY)
        app.go_on.set()
        assert (await client.rest()).count(b"HTTP/1.1 ") == 2
    assert len(app.scopes) == 1


# --- clients that leave


async def test_a_client_that_leaves_is_no_error(
    server: Server, app: App, counted: list[int], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with server.connect() as client:
        await client.send(GET.replace(b"/x", b"/slow") + GET * 2)
        await server.until(lambda: server.connections and len(server.connections[0].pipeline) == 2)
    await server.until(lambda: not server.connections or _reads_on(server))
    app.go_on.set()
    await server.until(lambda: not server.state.tasks)
    await server.until(lambda: not server.connections)
    assert counted == [3]
    assert len(app.scopes) == 1
    noted = [record for record in caplog.records if record.name != "asyncio"]
    assert [(r.levelname, r.getMessage(), r.__dict__["requests"]) for r in noted] == [
        ("DEBUG", "the client left before it was answered", 3)
    ]


def _reads_on(server: Server) -> bool:
    """A connection that is not read is only found to be gone when it is written to; have it read."""
    for connection in server.connections:
        connection.flow.resume_reading()
    return False


async def test_a_client_that_has_its_answers_and_leaves_is_not_counted(server: Server, counted: list[int]) -> None:
    async with server.connect() as client:
        await client.send(GET)
        await client.answer(4)
    await server.until(lambda: not server.connections)
    assert counted == [0]


async def test_a_client_that_is_given_up_has_not_left(server: Server, counted: list[int]) -> None:
    async with server.connect() as client:
        await client.send(b"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\na")
        assert (await client.rest()).startswith(b"HTTP/1.1 408 ")
    await server.until(lambda: not server.state.tasks)
    assert counted == [0]
