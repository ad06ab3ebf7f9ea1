"""Reading a request and writing its answer, on plain ASGI."""

import asyncio
import re
from typing import Any

import pytest
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import Message, Scope

from registry_gateway.core.errors import NotInLog
from registry_gateway.http.answer import Answer, json_answer
from registry_gateway.http.body import BodyTooLarge
from registry_gateway.http.call import Call, request_id
from registry_gateway.http.rendered import Rendered
from registry_gateway.http.routing import resource
from registry_gateway.settings import Settings

pytestmark = pytest.mark.anyio

Headers = list[tuple[bytes, bytes]]


def scope(method: str = "GET", headers: Headers | None = None, query: bytes = b"", **settings: Any) -> Scope:
    return {
        "type": "http",
        "method": method,
        "scheme": "http",
        "path": "/x",
        "query_string": query,
        "headers": headers or [],
        "client": ("192.0.2.7", 40000),
        "server": ("127.0.0.1", 8765),
        "settings": Settings(**settings),
    }


class Wire:
    """The two ends of an ASGI connection: the chunks of a body, and what was sent back."""

    def __init__(self, *chunks: bytes) -> None:
        self.left = list(chunks) or [b""]
        self.sent: list[Message] = []

    async def receive(self) -> Message:
        chunk = self.left.pop(0)
        return {"type": "http.request", "body": chunk, "more_body": bool(self.left)}

    async def send(self, message: Message) -> None:
        self.sent.append(message)


def call(*chunks: bytes, **of_scope: Any) -> Call:
    return Call(scope(**of_scope), Wire(*chunks).receive)


async def test_a_body_in_pieces_is_read_whole() -> None:
    assert await call(b"ab", b"", b"cd").body() == b"abcd"
    assert await call().body() == b""


async def test_a_body_of_the_limit_passes_and_a_larger_one_does_not() -> None:
    assert len(await call(b"x" * 2000, max_body_bytes=2000).body()) == 2000
    with pytest.raises(BodyTooLarge, match="larger than 2000 bytes"):
        await call(b"x" * 2001, max_body_bytes=2000).body()


async def test_a_body_that_says_it_is_too_large_is_not_read() -> None:
    wire = Wire(b"x" * 3000)
    with pytest.raises(BodyTooLarge):
        await Call(scope(headers=[(b"content-length", b"3000")], max_body_bytes=2000), wire.receive).body()
    assert wire.left


async def test_a_body_that_does_not_say_so_is_read_no_further_than_the_limit() -> None:
    wire = Wire(*[b"x" * 1000] * 10)
    with pytest.raises(BodyTooLarge):
        await Call(scope(max_body_bytes=2000), wire.receive).body()
    assert len(wire.left) == 7


@pytest.mark.parametrize("left", [[b"ab"], []])
async def test_part_of_a_body_is_not_taken_for_a_whole_one(left: list[bytes]) -> None:
    messages: list[Message] = [{"type": "http.request", "body": chunk, "more_body": True} for chunk in left]

    async def receive() -> Message:
        return messages.pop(0) if messages else {"type": "http.disconnect"}

    with pytest.raises(HTTPException) as refused:
        await Call(scope(), receive).body()
    assert refused.value.status_code == 400


def test_headers_and_query_are_read_by_name() -> None:
    headers = [(b"x-key", b"one"), (b"x-key", b"two"), (b"x-name", "ä".encode("latin-1"))]
    asked = call(headers=headers, query=b"active=false&q=%C3%A4+b&q=last&empty=")
    assert (asked.header(b"x-key"), asked.header(b"x-name"), asked.header(b"other")) == ("one", "ä", None)
    assert (asked.query("active"), asked.query("q"), asked.query("empty")) == ("false", "last", "")
    assert asked.query("other") is None
    assert call().query("active") is None


def test_a_repeated_query_parameter_is_read_in_order() -> None:
    asked = call(query=b"tag=a&other=x&tag=&tag=b%2Fc")
    assert list(asked.queries("tag")) == ["a", "", "b/c"]
    assert list(asked.queries("none")) == []
    assert list(call().queries("tag")) == []


async def test_a_request_that_waits_ends_with_its_client() -> None:
    left, cancelled = asyncio.Event(), asyncio.Event()

    async def receive() -> Message:
        await left.wait()
        return {"type": "http.disconnect"}

    async def change() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            cancelled.set()

    asked = Call(scope(), receive)
    waiting = asyncio.create_task(asked.wait_for(change()))
    await asyncio.sleep(0)
    assert not waiting.done()
    left.set()
    with pytest.raises(ClientDisconnect):
        await waiting
    await asyncio.wait_for(cancelled.wait(), 5)
    assert asked.scope["lasting"]


async def test_a_request_that_waits_gets_what_it_waited_for() -> None:
    async def receive() -> Message:
        await asyncio.sleep(60)
        raise AssertionError

    asked = Call(scope(), receive)
    assert await asked.wait_for(asyncio.sleep(0, "changed")) == "changed"
    with pytest.raises(NotInLog):
        await asked.wait_for(_failing())
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asked.wait_for(asyncio.sleep(60)), 0.01)


async def _failing() -> None:
    raise NotInLog(1, 5, 9)


def test_the_actor_has_the_address_and_id_of_the_request() -> None:
    asked = call()
    actor = asked.actor("key:chap")
    assert (actor.name, actor.client_address, actor.request_id) == ("key:chap", "192.0.2.7", asked.request_id)


def test_the_id_of_a_request_stays_and_is_nobody_elses() -> None:
    one, other = scope(), scope()
    assert request_id(one) == request_id(one)
    assert request_id(one) != request_id(other)
    assert re.fullmatch(r"req_[0-9a-f]{16,}", request_id(one))


@pytest.mark.parametrize(
    ("settings", "headers", "url"),
    [
        ({}, [(b"host", b"gateway:9000")], "http://gateway:9000"),
        ({"root_path": "/registry"}, [(b"host", b"gateway")], "http://gateway/registry"),
        ({"public_url": "https://public/r/"}, [(b"host", b"gateway")], "https://public/r"),
        ({}, [], "http://localhost:8765"),
    ],
)
def test_the_url_the_gateway_is_reached_under(settings: dict[str, Any], headers: Headers, url: str) -> None:
    assert call(headers=headers, **settings).base_url() == url


async def test_an_answer_has_its_length_its_type_and_its_headers() -> None:
    wire = Wire()
    await json_answer(503, {"detail": "ä"}, {"Retry-After": "1"}).send({}, wire.send)
    start, body = wire.sent
    assert (start["status"], body["body"]) == (503, '{"detail":"ä"}'.encode())
    assert dict(start["headers"]) == {
        b"content-length": b"15",
        b"content-type": b"application/json",
        b"retry-after": b"1",
    }


@pytest.mark.parametrize("status", [204, 304])
def test_an_answer_that_can_have_no_body_says_no_length_and_no_type(status: int) -> None:
    assert Answer(status).headers == []


@pytest.mark.parametrize(
    ("if_none_match", "status"),
    [(None, 200), ('"other"', 200), ("TAG", 304), ('"a", TAG', 304), ("W/TAG", 304), ("*", 304), ("", 200)],
)
def test_a_tag_that_is_current_is_answered_with_304(if_none_match: str | None, status: int) -> None:
    rendered = Rendered(b"[1]")
    headers = (
        [] if if_none_match is None else [(b"if-none-match", if_none_match.replace("TAG", rendered.etag).encode())]
    )
    answer = call(headers=headers).answer(rendered)
    assert (answer.status, answer.body) == (status, b"[1]" if status == 200 else b"")
    assert (b"etag", rendered.etag.encode()) in answer.headers


def test_equal_bodies_have_equal_tags() -> None:
    assert Rendered(b"a").etag == Rendered(b"a").etag != Rendered(b"b").etag
    assert re.fullmatch(r'"[!#-~]+"', Rendered(b"a").etag)


async def test_a_method_without_a_handler_is_refused_with_those_that_have_one() -> None:
    async def show(_call: Call) -> Answer:
        return Answer(200, b"{}")

    endpoint: Any = resource("/x", GET=show, PUT=show).endpoint
    for method in ("GET", "HEAD", "PUT"):
        wire = Wire()
        await endpoint(scope(method), wire.receive, wire.send)
        assert wire.sent[0]["status"] == 200
    with pytest.raises(HTTPException) as refused:
        await endpoint(scope("DELETE"), Wire().receive, Wire().send)
    assert refused.value.status_code == 405
    assert refused.value.headers == {"Allow": "GET, HEAD, PUT"}
