"""What a watch makes of its messages, and of connections that break."""

from collections.abc import Sequence

import msgspec
import pytest
from httpx_sse import ServerSentEvent

from registry_gateway.client.errors import NoGateway, NotKept, NotReady, Unauthorized, UnexpectedAnswer, Unreachable
from registry_gateway.client.gateway import Gateway
from registry_gateway.client.services import Change
from registry_gateway.client.watch import News, Snapshot, Watch
from tests.unit.client.test_answers import service

AWAY = Unreachable("away")
GONE = NotKept("not kept", 410, "not kept")
EVENT = {"at": 1.0, "kind": "updated", "dialect": "chap", "key": "malaria", "actor": "x", "reason": None}


def watch(retry_for: float = 30.0) -> Watch:
    """A watch of the dialect chap."""
    return Watch(Gateway("http://gateway", None, None, retry_for), {"dialect": "chap"})


def message(kind: str, data: object, number: int | None = None) -> ServerSentEvent:
    """A message, as it arrives."""
    return ServerSentEvent(kind, msgspec.json.encode(data).decode(), "" if number is None else str(number))


def change(number: int, **more: object) -> ServerSentEvent:
    """A change."""
    event = {**EVENT, "id": number, "client_address": None, "request_id": None, "detail": {}}
    return message("change", {"event": event, "service": service(**more)}, number)


def snapshot(last: int, *keys: str) -> list[ServerSentEvent]:
    """The messages of a snapshot."""
    return [*(message("service", service(key=key)) for key in keys), message("ready", {"services": len(keys)}, last)]


def received(of: Watch, messages: Sequence[ServerSentEvent]) -> list[News]:
    """What is new in messages."""
    return [news for one in messages if (news := of.received(one)) is not None]


def test_the_services_come_at_once_and_then_each_change() -> None:
    watched = watch()
    assert watched.request() == ("events?dialect=chap", {})
    begun, changed = received(watched, [*snapshot(7, "a", "b"), change(8, status="down")])
    assert isinstance(begun, Snapshot)
    assert ([one.key for one in begun.services], begun.missed) == (["a", "b"], False)
    assert isinstance(changed, Change)
    assert changed.service is not None
    assert (changed.event.id, changed.service.status) == (8, "down")


def test_it_resumes_after_the_last_change() -> None:
    watched = watch()
    received(watched, [*snapshot(7, "a"), change(8)])
    assert 0.5 <= watched.pause(AWAY) <= 1.0
    assert watched.request() == ("events?dialect=chap", {"Last-Event-ID": "8"})
    assert received(watched, [message("ready", {"services": 0}, 8)]) == []
    assert [type(news) for news in received(watched, [change(9)])] == [Change]


def test_an_id_alone_moves_the_place_to_resume_after() -> None:
    watched = watch()
    received(watched, [*snapshot(7), ServerSentEvent("message", "", "1007")])
    assert watched.request()[1] == {"Last-Event-ID": "1007"}


def test_an_interrupted_snapshot_is_begun_again() -> None:
    watched = watch()
    assert received(watched, snapshot(7, "a", "b")[:-1]) == []
    watched.pause(AWAY)
    assert watched.request()[1] == {}
    [begun] = received(watched, snapshot(7, "c"))
    assert isinstance(begun, Snapshot)
    assert [one.key for one in begun.services] == ["c"]


def test_it_starts_over_if_events_are_not_kept_and_says_so() -> None:
    watched = watch()
    received(watched, [*snapshot(7, "a"), change(8)])
    assert watched.pause(GONE) == 0.0
    assert watched.request()[1] == {}
    [begun] = received(watched, snapshot(99, "a"))
    assert begun.missed  # type: ignore[union-attr] # it is a snapshot
    with pytest.raises(NotKept):
        watch().pause(GONE)


def test_pauses_grow_until_a_connection_is_ready() -> None:
    watched = watch()
    received(watched, snapshot(7))
    pauses = [watched.pause(AWAY) for _ in range(8)]
    assert pauses[0] <= 1.0
    assert 15.0 <= pauses[-1] <= 30.0
    received(watched, [message("ready", {"services": 0}, 7)])
    assert watched.pause(AWAY) <= 1.0
    assert watched.pause(NotReady("busy", 429, "busy", retry_after=60.0)) == 60.0


def test_interruptions_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    watched = watch()
    received(watched, snapshot(7))
    watched.pause(AWAY)
    received(watched, [message("ready", {"services": 0}, 7)])
    watched.pause(GONE)
    received(watched, snapshot(9))
    interrupted, again, over = [record.getMessage() for record in caplog.records]
    assert interrupted.startswith("the watch is interrupted: away (next attempt in ")
    assert again == "the watch of http://gateway is connected again"
    assert over == "the watch starts over: not kept"


def test_a_gateway_that_was_never_reached_is_given_up() -> None:
    with pytest.raises(Unreachable):
        watch(retry_for=0.0).pause(AWAY)
    assert watch().pause(AWAY) <= 1.0


def test_what_does_not_pass_ends_it() -> None:
    watched = watch()
    received(watched, snapshot(7))
    with pytest.raises(Unauthorized):
        watched.pause(Unauthorized("revoked", 401, "revoked"))
    assert watched.ended().passing


def test_a_proxy_that_has_lost_its_gateway_does_not_end_it() -> None:
    watched = watch()
    lost = NoGateway("404 page not found")
    with pytest.raises(NoGateway):  # at first, the URL may be wrong
        watched.pause(lost)
    received(watched, snapshot(7))
    assert watched.pause(lost) <= 1.0


def test_messages_of_a_newer_gateway_are_ignored() -> None:
    watched = watch()
    assert received(watched, [*snapshot(7), message("forecast", {"rain": True}, 8)])[1:] == []
    with pytest.raises(UnexpectedAnswer):
        watched.received(message("change", {"event": 1}, 9))
