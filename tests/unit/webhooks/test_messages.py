"""The messages of webhooks: what is in them, and that the same events make the same message."""

import json
from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec.structs import replace

from registry_gateway.core.model import Event, EventKind
from registry_gateway.core.webhook import Format, Webhook
from registry_gateway.webhooks.messages import MOST_BYTES, MOST_EVENTS, Logged, of_events, of_missing, of_test

AT = 1_795_829_525.25
HOOK = Webhook(
    id=1,
    url="http://receiver/",
    format=Format.JSON,
    kinds=(EventKind.EXPIRED,),
    dialect=None,
    secret="whsec_c2VjcmV0",
    created_at=AT,
    position=10,
)


def logged(number: int, kind: EventKind = EventKind.EXPIRED, **changes: Any) -> Logged:
    """An event of the log."""
    event = Event(
        id=number,
        at=AT + number,
        kind=kind,
        dialect="chap",
        key=f"m-{number}",
        actor="gateway",
        client_address=None,
        request_id=None,
        reason="no heartbeat",
        detail={},
    )
    event = replace(event, **changes)
    return Logged(event, msgspec.json.encode(event))


def ids(body: bytes) -> list[int]:
    """The ids of the events in a message."""
    return [event["id"] for event in json.loads(body)["data"]["events"]]


def test_a_message_has_what_is_wanted_and_moves_past_the_rest() -> None:
    found = of_events(HOOK, [logged(11, EventKind.REGISTERED), logged(12), logged(13), logged(14, EventKind.UPDATED)])
    assert found is not None
    assert ids(found.body) == [12, 13]
    assert (found.events, found.first, found.to, found.happened_at) == (2, 12, 14, AT + 12)
    content = json.loads(found.body)
    assert content["type"] == "registry.events"
    assert content["timestamp"] == "2026-11-28T01:32:18.250Z"
    assert content["data"]["events"][0] == json.loads(logged(12).json)


def test_without_a_wanted_event_there_is_no_message() -> None:
    assert of_events(HOOK, [logged(11, EventKind.REGISTERED)]) is None
    assert of_events(HOOK, []) is None


def test_what_does_not_fit_is_for_the_next_message() -> None:
    events = [logged(number) for number in range(11, 12 + MOST_EVENTS)]
    found = of_events(HOOK, events)
    assert found is not None
    assert (found.events, found.to) == (MOST_EVENTS, 10 + MOST_EVENTS)
    large = [logged(number, reason="x" * 1_000) for number in range(11, 211)]
    found = of_events(HOOK, large)
    assert found is not None
    assert MOST_BYTES / 2 < len(found.body) < MOST_BYTES + 200
    assert found.to == 10 + found.events < 211


def test_an_event_that_is_larger_than_a_message_is_sent_alone() -> None:
    found = of_events(HOOK, [logged(11, reason="x" * 2 * MOST_BYTES), logged(12)])
    assert found is not None
    assert ids(found.body) == [11]
    assert found.to == 11


def test_a_failed_message_is_made_again_although_more_has_happened() -> None:
    first = of_events(HOOK, [logged(11), logged(12)])
    assert first is not None
    again = of_events(replace(HOOK, pending_to=first.to, failures=1), [logged(11), logged(12), logged(13)])
    assert again is not None
    assert (again.id, again.body, again.to) == (first.id, first.body, first.to)


def test_events_after_the_pending_message_are_not_in_it() -> None:
    after = [logged(11, EventKind.UPDATED), logged(13), logged(14)]
    assert of_events(replace(HOOK, pending_to=12), after) is None
    found = of_events(HOOK, after)
    assert found is not None
    assert (ids(found.body), found.to) == ([13, 14], 14)


def test_the_id_follows_from_webhook_and_contents() -> None:
    def made(webhook: Webhook, events: Sequence[Logged]) -> str:
        found = of_events(webhook, events)
        assert found is not None
        return found.id

    same = made(HOOK, [logged(11)])
    others = [
        made(HOOK, [logged(12)]),
        made(HOOK, [logged(11), logged(12)]),
        made(replace(HOOK, id=2), [logged(11)]),
        made(replace(HOOK, created_at=AT + 1), [logged(11)]),
        made(replace(HOOK, url="http://other/"), [logged(11)]),
    ]
    assert same.startswith("msg_")
    assert made(HOOK, [logged(11)]) == same
    assert len({same, *others}) == 6


def test_missing_events_are_one_message() -> None:
    removed = of_missing(HOOK, 40, disabled=False)
    assert (removed.events, removed.first, removed.to) == (0, 11, 40)
    assert json.loads(removed.body)["type"] == "registry.events_missing"
    assert json.loads(removed.body)["data"] == {"first": 11, "last": 40, "reason": "removed", "last_delivery_at": None}
    told = of_missing(replace(HOOK, delivered_at=AT), 40, disabled=True)
    assert json.loads(told.body)["data"]["reason"] == "disabled"
    assert json.loads(told.body)["data"]["last_delivery_at"] == AT


def test_a_test_message_is_new_each_time() -> None:
    assert json.loads(of_test(HOOK, AT).body)["type"] == "registry.test"
    assert of_test(HOOK, AT).id != of_test(HOOK, AT + 1).id


def test_people_get_all_in_one_message() -> None:
    slack = replace(HOOK, format=Format.SLACK)
    found = of_events(slack, [logged(number) for number in range(11, 1_000)])
    assert found is not None
    assert (found.events, found.to) == (989, 999)
    assert "989 services lapsed since 2026-11-28 01:32:16 UTC: chap/m-11, " in json.loads(found.body)["text"]
    assert "Events 11 to 40" in json.loads(of_missing(slack, 40, disabled=False).body)["text"]
    assert "Test of webhook 1" in json.loads(of_test(slack, AT).body)["text"]
