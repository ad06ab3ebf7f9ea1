"""The messages of webhooks. Pure: the same events always make the same message, so that attempts can be repeated."""

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple

import msgspec

from registry_gateway.core.model import Event
from registry_gateway.core.webhook import Format, Webhook
from registry_gateway.webhooks import slack

MOST_EVENTS = 500
"""Most events in a message in JSON."""

MOST_BYTES = 256 * 1024
"""Most bytes of a message in JSON. A single event always fits: its texts are limited when services register."""

EVENTS = "registry.events"
MISSING = "registry.events_missing"
TEST = "registry.test"
"""Types of messages in JSON."""


class Logged(NamedTuple):
    """An event of the log, with its JSON."""

    event: Event
    json: bytes


class Message(NamedTuple):
    """A message for one webhook.

    Attributes:
        id: Its `webhook-id`, which follows from its contents and the webhook. Receivers recognize repetitions by it.
        body: What is sent: JSON.
        events: How many events it has; 0 if it is about missing events.
        first: The id of its first event.
        to: The position of the webhook after its delivery.
        happened_at: The time of its oldest event, in epoch seconds.
    """

    id: str
    body: bytes
    events: int
    first: int
    to: int
    happened_at: float


def of_events(webhook: Webhook, logged: Sequence[Logged]) -> Message | None:
    """Return the next message about events that follow the webhook's position; None if it wants none of them.

    What does not fit is for the next message. If one is pending, it is made again, whatever has happened since: events
    after `pending_to` are left out.
    """
    for_people = webhook.format is Format.SLACK  # a summary of any number of events is short
    found: list[Logged] = []
    size, to = 0, logged[-1].event.id if logged else 0
    for one in logged:
        if webhook.pending_to is not None and one.event.id > webhook.pending_to:
            to = webhook.pending_to
            break
        if not webhook.wants(one.event):
            continue
        size += len(one.json) + 1
        if not for_people and found and (len(found) == MOST_EVENTS or size > MOST_BYTES):
            to = found[-1].event.id
            break
        found.append(one)
    if not found:
        return None
    events = [one.event for one in found]
    if for_people:
        body = slack.text(slack.of_events(events))
    else:
        body = _json(EVENTS, events[-1].at, b'{"events":[' + b",".join(one.json for one in found) + b"]}")
    return Message(_id(webhook, body), body, len(events), events[0].id, to, events[0].at)


def of_missing(webhook: Webhook, to: int, *, disabled: bool) -> Message:
    """Return the message that the events from the webhook's position up to `to` can't be delivered.

    `disabled` tells that the webhook was disabled when they happened; else they were removed from the log.
    """
    first, since = webhook.position + 1, webhook.delivered_at or webhook.created_at
    if webhook.format is Format.SLACK:
        body = slack.text(slack.of_missing(first, to, disabled=disabled))
    else:
        reason = "disabled" if disabled else "removed"
        data = {"first": first, "last": to, "reason": reason, "last_delivery_at": webhook.delivered_at}
        body = _json(MISSING, since, msgspec.json.encode(data))
    return Message(_id(webhook, body), body, 0, first, to, since)


def of_test(webhook: Webhook, now: float) -> Message:
    """Return a message for trying a webhook. It is about no event."""
    if webhook.format is Format.SLACK:
        body = slack.text(f"Test of webhook {webhook.id} of the service registry, {slack.moment(now)}")
    else:
        body = _json(TEST, now, msgspec.json.encode({"webhook": webhook.id, "at": now}))
    return Message(_id(webhook, body), body, 0, 0, 0, now)


def _json(kind: str, at: float, data: bytes) -> bytes:
    """Return a message with the members that the Standard Webhooks specification recommends."""
    timestamp = datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    head = msgspec.json.encode({"type": kind, "timestamp": timestamp})
    return head[:-1] + b',"data":' + data + b"}"


def _id(webhook: Webhook, body: bytes) -> str:
    """Return an id that no other message has, of this registry or another one."""
    whose = f"{webhook.id} {webhook.created_at!r} {webhook.url}\n".encode()
    return "msg_" + hashlib.sha256(whose + body).hexdigest()[:32]
