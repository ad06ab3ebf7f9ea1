"""Webhooks: which events their messages are about, and how far the deliveries are. Times are epoch seconds."""

from enum import StrEnum

import msgspec

from registry_gateway.core.model import Event, EventKind


class Format(StrEnum):
    """The form of messages: JSON with all members of the events, or text for Slack and what imitates it."""

    JSON = "json"
    SLACK = "slack"


class State(StrEnum):
    """ACTIVE: its last delivery succeeded, or there was none. FAILING: it failed. DISABLED: it is switched off."""

    ACTIVE = "active"
    FAILING = "failing"
    DISABLED = "disabled"


class Webhook(msgspec.Struct, frozen=True, kw_only=True):
    """A webhook with the position of its deliveries in the event log.

    Attributes:
        url: Where messages are sent. It may contain a secret, as Slack's URLs do.
        kinds: The kinds of events that are sent; empty: all.
        dialect: The dialect whose events are sent; None: all, and those of the gateway itself.
        secret: Signs the messages. It starts with `whsec_`.
        old_secret: The secret before the last rotation, which signs too until `old_secret_ends_at`.
        position: The id of the last event that was delivered, or that is not for the webhook.
        skip_to: The last event that was missed while the webhook was disabled; None if there is none. One message says
            that these events were missed.
        pending_to: The last event of the message that is being sent, so that another gateway, or a repetition after a
            failure, makes the same one; None if there is none.
        failures: How often that message failed in succession.
        failing_since: The time of the first of these failures.
        waiting_since: The time of the oldest event in that message.
        next_at: When the next delivery may begin.
        delivered_at: When the last delivery succeeded.
        disabled_at: When the webhook was disabled; None: it is enabled.
    """

    id: int
    url: str
    format: Format
    kinds: tuple[EventKind, ...]
    dialect: str | None
    secret: str
    created_at: float
    position: int
    old_secret: str | None = None
    old_secret_ends_at: float | None = None
    skip_to: int | None = None
    pending_to: int | None = None
    failures: int = 0
    failing_since: float | None = None
    waiting_since: float | None = None
    next_at: float = 0.0
    delivered_at: float | None = None
    disabled_at: float | None = None
    disabled_reason: str | None = None

    def __repr__(self) -> str:
        """Return its id only: URL and secrets must not get into a log."""
        return f"Webhook {self.id}"

    @property
    def key(self) -> str:
        """The key of events about it."""
        return f"webhook:{self.id}"

    @property
    def state(self) -> State:
        """Whether deliveries succeed."""
        if self.disabled_at is not None:
            return State.DISABLED
        return State.FAILING if self.failures else State.ACTIVE

    def wants(self, event: Event) -> bool:
        """Return whether messages are sent about `event`."""
        return (not self.kinds or event.kind in self.kinds) and self.dialect in (None, event.dialect)

    def secrets(self, now: float) -> list[str]:
        """Return the secrets that sign messages at `now`, the new one first."""
        overlapping = self.old_secret is not None and (self.old_secret_ends_at or 0.0) > now
        return [self.secret, self.old_secret] if overlapping and self.old_secret is not None else [self.secret]


class WebhookView(msgspec.Struct, frozen=True, kw_only=True):
    """A webhook as it is shown: without secrets, and of the URL only scheme, host and port.

    `old_secret_ends_at` is the end of the secret before the last rotation, null if it does not sign any more.
    `position` is the id of the last event that was delivered, or that is not for it. `failing_since`, `waiting_since`
    (the time of the oldest event that waits) and `next_attempt_at` are null unless its last delivery failed.
    """

    id: int
    url: str
    format: Format
    kinds: tuple[EventKind, ...]
    dialect: str | None
    state: State
    created_at: float
    old_secret_ends_at: float | None
    position: int
    delivered_at: float | None
    failures: int
    failing_since: float | None
    waiting_since: float | None
    next_attempt_at: float | None
    disabled_at: float | None
    disabled_reason: str | None


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """An attempt to deliver a message, which began `at` that time and took `seconds`.

    `message` is the `webhook-id`, the same for each attempt. `events` is the number of events in the message, 0 if it
    is about missing events; `first` and `last` are the ids of the first and the last. `status` is that of the answer,
    null if there was none, and `error` why the attempt failed, null if it succeeded.
    """

    at: float
    message: str
    events: int
    first: int
    last: int
    status: int | None
    seconds: float
    error: str | None
