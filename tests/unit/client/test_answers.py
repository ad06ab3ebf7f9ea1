"""What answers mean: those of older and newer gateways, refusals, and servers that are no gateway."""

import msgspec
import pytest

from registry_gateway.client.answers import ANSWER_SECONDS, MOST_BYTES, Body, decoded, read, refusal
from registry_gateway.client.errors import (
    Forbidden,
    GatewayError,
    Invalid,
    NoGateway,
    NotFound,
    NotKept,
    NotReady,
    Refused,
    Unauthorized,
    UnexpectedAnswer,
    Unreachable,
)
from registry_gateway.client.reply import Reply
from registry_gateway.client.services import ServicePage
from registry_gateway.core.model import Event
from tests.conftest import ManualClock

NAME = "http://gateway"
PROBLEM = {"content-type": "application/problem+json"}


def service(**more: object) -> dict[str, object]:
    """A service as it is listed."""
    of_all = dict.fromkeys(("registered_at", "updated_at", "last_seen", "expires_at", "ttl"), 1.0)
    texts = {"dialect": "chap", "key": "malaria", "name": None, "version": None, "address": None, "reported": None}
    return {**of_all, **texts, "status": "up", "health": "healthy", "tools": [], "ended": None, **more}


def page(**more: object) -> bytes:
    """A page with that service."""
    return msgspec.json.encode({"total": 1, "next": None, "services": [service(**more)]})


def test_members_and_values_of_a_newer_gateway_are_read() -> None:
    body = page(status="hibernating", health="sleepy", shard=7, owner={"team": "blue"})
    [found] = read(Reply(200, {}, body), ServicePage, NAME, with_token=False).services
    assert (found.status, found.health, found.key) == ("hibernating", "sleepy", "malaria")


def test_an_event_of_a_new_kind_is_read() -> None:
    event = {"id": 1, "at": 1.0, "kind": "moved", "dialect": "chap", "key": "malaria", "actor": "x", "reason": None}
    event |= {"client_address": None, "request_id": None, "detail": {}}
    assert decoded(msgspec.json.encode(event), Event, NAME).kind == "moved"


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"next":null}', b"[" * 100_000, b'{"next":"\xff"}'])
def test_what_cannot_be_read_is_said_in_one_line(body: bytes) -> None:
    with pytest.raises(UnexpectedAnswer, match="unexpected answer of http://gateway") as found:
        read(Reply(200, {}, body), ServicePage, NAME, with_token=False)
    assert "\n" not in str(found.value)
    assert len(str(found.value)) < 600


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, Invalid),
        (422, Invalid),
        (401, Unauthorized),
        (403, Forbidden),
        (404, NotFound),
        (410, NotKept),
        (418, Refused),
        (429, NotReady),
        (500, Refused),
        (503, NotReady),
    ],
)
def test_a_refusal_has_the_gateways_words(status: int, kind: type[GatewayError]) -> None:
    body = b'{"detail":"It says why","code":"a_code","parameter":"sort","more":1}'
    error = refusal(Reply(status, {**PROBLEM, "retry-after": "3"}, body), NAME, with_token=True)
    assert type(error) is kind
    assert isinstance(error, Refused)
    assert (error.status, error.detail, error.code, error.parameter) == (status, "It says why", "a_code", "sort")
    assert error.retry_after == 3.0
    assert str(error).startswith("http://gateway ")
    assert "It says why" in str(error) or status == 401
    assert error.passing is (status in (429, 503))


def test_whether_a_token_was_sent_is_in_the_words() -> None:
    answer = Reply(401, PROBLEM, b'{"detail":"A valid bearer token is needed"}')
    assert str(refusal(answer, NAME, with_token=False)) == "http://gateway needs a token"
    assert "does not accept the token" in str(refusal(answer, NAME, with_token=True))


def test_the_wrong_parameter_is_named() -> None:
    body = b'{"detail":"There is no such parameter","parameter":"nmae"}'
    error = refusal(Reply(400, PROBLEM, body), NAME, with_token=False)
    assert str(error) == "http://gateway refuses this: nmae: There is no such parameter"


@pytest.mark.parametrize("status", [502, 503, 504])
def test_a_proxy_without_a_gateway_behind_it_is_not_ready(status: int) -> None:
    error = refusal(
        Reply(status, {"content-type": "text/html", "retry-after": "Wed, 21"}, b"<html>"), NAME, with_token=False
    )
    assert isinstance(error, NotReady)
    assert error.passing
    assert (error.retry_after, str(error)) == (None, f"http://gateway is not ready: it answers with {status}")


def test_a_database_that_refuses_for_good_is_no_passing_failure() -> None:
    error = refusal(Reply(503, PROBLEM, b'{"detail":"no","code":"store_refuses"}'), NAME, with_token=False)
    assert isinstance(error, NotReady)
    assert not error.passing


def test_a_server_that_is_no_gateway_is_said_to_be_none() -> None:
    error = refusal(Reply(404, {"content-type": "text/html"}, b"<html>"), NAME, with_token=False)
    assert isinstance(error, NoGateway)
    assert str(error) == "http://gateway is not a registry-gateway: it answers with 404"
    moved = refusal(Reply(301, {"location": "https://other/"}, b""), NAME, with_token=False)
    assert str(moved) == "http://gateway redirects to https://other/; use the URL that it leads to"


@pytest.mark.parametrize("body", [b"", b"{}", b'{"detail":1}', b"[" * 100_000])
def test_a_problem_that_cannot_be_read_is_none(body: bytes) -> None:
    assert isinstance(refusal(Reply(404, PROBLEM, body), NAME, with_token=False), NoGateway)


def test_a_body_must_end_in_time(clock: ManualClock) -> None:
    body = Body(NAME, clock.monotonic)
    body.add(b"one ")
    clock.advance(ANSWER_SECONDS)
    body.add(b"two")
    assert body.whole() == b"one two"
    clock.advance(0.1)
    with pytest.raises(Unreachable, match="did not end its answer within 60 s"):
        body.add(b"three")


def test_a_body_without_end_is_not_read(clock: ManualClock) -> None:
    body = Body(NAME, clock.monotonic)
    piece = bytes(2**20)
    for _ in range(MOST_BYTES >> 20):
        body.add(piece)
    with pytest.raises(UnexpectedAnswer, match="answers with more than 64 MiB; is it a gateway"):
        body.add(b"1")
