"""Messages for people, in the form of Slack's incoming webhooks (`{"text": …}`), which Mattermost and others accept.

Many events are one message: a line for each kind, with the first names. Pure.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec

from registry_gateway.core.model import Event, EventKind
from registry_gateway.observability.printable import printable

NAMED = 10
"""Most names in a line."""

LONGEST = 200
"""Most characters of a name or a reason."""

_VERBS = {
    EventKind.EXPIRED: "lapsed",
    EventKind.DEGRADED: "became degraded",
    EventKind.UNREACHABLE: "became unreachable",
}
"""Verbs that are not the name of the kind."""


def text(content: str) -> bytes:
    """Return the body of a message. Its text is shown as it is, without formatting and previews."""
    body = {"text": _escaped(content), "mrkdwn": False, "unfurl_links": False, "unfurl_media": False}
    return msgspec.json.encode(body)


def _escaped(content: str) -> str:
    """Return `content` without control sequences, such as `<!channel>` (Slack's rules for text)."""
    return content.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def of_events(events: Sequence[Event]) -> str:
    """Return a line for each kind of `events`, in the order in which the kinds first happened."""
    alike: dict[EventKind, list[Event]] = {}
    for event in events:
        alike.setdefault(event.kind, []).append(event)
    return "\n".join(_line(kind, several) for kind, several in alike.items())


def of_missing(first: int, last: int, *, disabled: bool) -> str:
    """Return the message that events can't be delivered."""
    why = "the webhook was disabled" if disabled else "they were removed from the log"
    return f"Events {first} to {last} of the service registry are not reported here: {why}"


def moment(at: float) -> str:
    """Return epoch seconds as a time in UTC."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _line(kind: EventKind, events: Sequence[Event]) -> str:
    names = list(dict.fromkeys(map(_name, events)))
    noun = _noun(kind)
    verb = _VERBS.get(kind, kind.value.removeprefix("account_").removeprefix("webhook_").replace("_", " "))
    if len(events) == 1:
        reason = "" if events[0].reason is None else f": {_short(events[0].reason)}"
        return f"{names[0]} {verb} at {moment(events[0].at)}{reason}"
    rest = len(names) - NAMED
    more = f" and {rest} more" if rest > 0 else ""
    said = f"{len(events)} times" if len(names) == 1 else f"{len(names)} {noun}s"
    subject = f"{names[0]} {verb} {said}" if len(names) == 1 else f"{said} {verb}"
    listed = "" if len(names) == 1 else f": {', '.join(names[:NAMED])}{more}"
    return f"{subject} since {moment(events[0].at)}{listed}"


def _noun(kind: EventKind) -> str:
    prefix = kind.value.partition("_")[0]
    return prefix if prefix in ("account", "webhook") else "service"


def _name(event: Event) -> str:
    """Return the name of what an event is about."""
    if event.dialect:
        return _short(f"{event.dialect}/{event.key}")
    return _short(event.key) if event.key else "The gateway"


def _short(words: str) -> str:
    words = printable(words)
    return words if len(words) <= LONGEST else f"{words[:LONGEST]}…"
