"""Messages for people."""

import json
from typing import Any

import pytest
from msgspec.structs import replace

from registry_gateway.core.model import Event, EventKind
from registry_gateway.webhooks import slack

AT = 1_795_829_525.25
EVENT = Event(
    id=1,
    at=AT,
    kind=EventKind.EXPIRED,
    dialect="chap",
    key="my-model",
    actor="gateway",
    client_address=None,
    request_id=None,
    reason="no heartbeat for 30.1 s (lease: 30 s)",
    detail={},
)


def event(**changes: Any) -> Event:
    """An event like `EVENT`."""
    return replace(EVENT, **changes)


@pytest.mark.parametrize(
    ("events", "text"),
    [
        ([EVENT], "chap/my-model lapsed at 2026-11-28 01:32:05 UTC: no heartbeat for 30.1 s (lease: 30 s)"),
        (
            [event(kind=EventKind.RECOVERED, reason=None)],
            "chap/my-model recovered at 2026-11-28 01:32:05 UTC",
        ),
        (
            [EVENT, event(key="other", at=AT + 60)],
            "2 services lapsed since 2026-11-28 01:32:05 UTC: chap/my-model, chap/other",
        ),
        ([EVENT, event(at=AT + 60)], "chap/my-model lapsed 2 times since 2026-11-28 01:32:05 UTC"),
        (
            [EVENT, event(kind=EventKind.RECOVERED, reason=None)],
            "chap/my-model lapsed at 2026-11-28 01:32:05 UTC: no heartbeat for 30.1 s (lease: 30 s)\n"
            "chap/my-model recovered at 2026-11-28 01:32:05 UTC",
        ),
        (
            [event(kind=EventKind.RESUMED, dialect="", key="", reason="no gateway for 9.0 s")],
            "The gateway resumed at 2026-11-28 01:32:05 UTC: no gateway for 9.0 s",
        ),
        (
            [event(kind=EventKind.ACCOUNT_REVOKED, dialect="", key="account:alice", reason=None)],
            "account:alice revoked at 2026-11-28 01:32:05 UTC",
        ),
        (
            [event(kind=EventKind.WEBHOOK_DISABLED, dialect="", key=f"webhook:{n}", reason=None) for n in (1, 2)],
            "2 webhooks disabled since 2026-11-28 01:32:05 UTC: webhook:1, webhook:2",
        ),
    ],
)
def test_each_kind_is_a_line(events: list[Event], text: str) -> None:
    assert slack.of_events(events) == text


def test_many_names_are_counted() -> None:
    said = slack.of_events([event(key=f"m-{n}") for n in range(38)])
    assert said.startswith("38 services lapsed since 2026-11-28 01:32:05 UTC: chap/m-0, chap/m-1,")
    assert said.endswith(", chap/m-9 and 28 more")


@pytest.mark.parametrize("kind", EventKind)
def test_every_kind_has_a_text(kind: EventKind) -> None:
    assert slack.of_events([event(kind=kind), event(kind=kind, key="b")])


def test_names_mention_no_channel_and_break_no_line() -> None:
    hostile = event(key="<!channel>\n<http://evil|click>\u202e", reason="a & b" + "x" * 1_000)
    body = json.loads(slack.text(slack.of_events([hostile])))
    assert "<" not in body["text"]
    assert "\n" not in body["text"]
    assert "\u202e" not in body["text"]
    assert "a &amp; b" in body["text"]
    assert len(body["text"]) < 600
    assert body["mrkdwn"] is False
    assert body["unfurl_links"] is False


def test_missing_events_are_named() -> None:
    assert slack.of_missing(1, 9, disabled=True).endswith(
        "9 of the service registry are not reported here: the webhook was disabled"
    )
    assert "removed from the log" in slack.of_missing(1, 9, disabled=False)
