"""The clients of the catalogue with servers that answer as a test says: what is repeated, and what is not."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from registry_gateway.client import (
    GatewayError,
    NoGateway,
    NotReady,
    Refused,
    Snapshot,
    Unauthorized,
    UnexpectedAnswer,
    Unreachable,
    watch,
)
from tests.e2e.catalogue_client import KINDS, Client

PAGE = b'{"total":0,"next":null,"services":[]}'
READY = b'id: 7\nevent: ready\ndata: {"services":0}\n\n'
LOST = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"

Reply = bytes
"""What is sent for a request, head and body. The connection is closed after it."""


def reply(status: int, body: bytes = b"", **headers: str) -> Reply:
    """An answer."""
    head = {"Content-Length": str(len(body)), **{name.replace("_", "-"): value for name, value in headers.items()}}
    lines = [f"HTTP/1.1 {status} X", *(f"{name}: {value}" for name, value in head.items()), "", ""]
    return "\r\n".join(lines).encode() + body


OK = reply(200, PAGE)
BUSY = reply(503, b'{"detail":"busy"}', Content_Type="application/problem+json", Retry_After="0")
STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"


class Server:
    """A server with one reply for each request. `asked` has the headers of the requests."""

    def __init__(self, replies: Sequence[Reply]) -> None:
        left = iter(replies)
        asked = self.asked = list[dict[str, str]]()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked.append({name.lower(): value for name, value in self.headers.items()})
                self.wfile.write(next(left))
                self.close_connection = True

            def log_message(self, *_: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}"


@contextmanager
def server(*replies: Reply) -> Iterator[Server]:
    """A server for as long as the context is open."""
    made = Server(replies)
    thread = threading.Thread(target=made.http.serve_forever, args=[0.01])
    thread.start()
    try:
        yield made
    finally:
        made.http.shutdown()
        made.http.server_close()
        thread.join()


@pytest.fixture(params=KINDS)
def client(request: pytest.FixtureRequest) -> Client:
    """Each client in turn."""
    return KINDS[request.param]


@pytest.mark.parametrize(
    "failure",
    [b"", LOST, reply(429), reply(502, b"<html>"), reply(504), BUSY],
    ids=["no answer", "half an answer", "429", "502", "504", "503"],
)
def test_what_may_pass_is_repeated(client: Client, failure: Reply) -> None:
    with server(failure, OK) as there, client(there.url) as catalogue:
        assert list(catalogue.services()) == []
        assert len(there.asked) == 2


def test_it_is_repeated_when_the_gateway_asks_for_it(client: Client) -> None:
    with server(reply(429, Retry_After="1"), OK) as there, client(there.url, retry_for=0.9) as catalogue:
        with pytest.raises(NotReady) as found:  # a second would be too long
            list(catalogue.services())
        assert (found.value.retry_after, found.value.status) == (1.0, 429)
        assert list(catalogue.services()) == []


@pytest.mark.parametrize(
    ("failure", "error", "words"),
    [
        (reply(301, Location="http://elsewhere/"), NoGateway, "redirects to http://elsewhere/"),
        (reply(302, Location="http://[half"), GatewayError, "127.0.0.1"),
        (reply(500, b'{"detail":"a defect"}', Content_Type="application/problem+json"), Refused, "a defect"),
        (reply(200, b"<html>"), UnexpectedAnswer, "unexpected answer"),
        (reply(200, b"not compressed", Content_Encoding="gzip"), Unreachable, "127.0.0.1"),
    ],
)
def test_what_does_not_pass_is_not_repeated(
    client: Client, failure: Reply, error: type[GatewayError], words: str
) -> None:
    with server(failure, failure) as there, client(there.url, "secret", retry_for=0.1) as catalogue:
        with pytest.raises(error, match=words) as found:
            list(catalogue.services())
        assert len(there.asked) == 1
        assert "secret" not in f"{found.value!r} {found.value.__cause__!r}"


def test_what_is_no_http_is_said(client: Client) -> None:
    with server(b"SSH-2.0-OpenSSH_9.6\r\n\r\n") as there, client(there.url, retry_for=0) as catalogue:
        services = catalogue.services()
        with pytest.raises(Unreachable, match=f"{there.url} does not speak HTTP"):
            next(services)


def test_a_watch_survives_what_may_pass(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "FIRST_PAUSE", 0.1)  # seconds
    ready, revoked = STREAM + READY, reply(401, b'{"detail":"no"}', Content_Type="application/problem+json")
    with server(BUSY, ready, b"", ready, revoked) as there, client(there.url, "secret") as catalogue:
        news = catalogue.watch()
        assert next(news) == Snapshot(services=[], missed=False)
        with pytest.raises(Unauthorized):
            next(news)
        assert [asked.get("last-event-id") for asked in there.asked] == [None, None, "7", "7", "7"]
        assert {asked["authorization"] for asked in there.asked} == {"Bearer secret"}


def test_what_is_no_stream_of_events_is_said(client: Client) -> None:
    with server(OK) as there, client(there.url) as catalogue:
        news = catalogue.watch()
        with pytest.raises(UnexpectedAnswer, match="it sends no events"):
            next(news)
