"""When a failed message is sent again, and when a webhook is disabled. Pure: times are arguments, in epoch seconds."""

from msgspec.structs import replace

from registry_gateway.core.webhook import Format, Webhook

HOLD_SECONDS = 6.0
"""Seconds for which a gateway holds a webhook that it delivers for, unless it renews. Then another one may take it."""

RENEW_SECONDS = 1.5
"""Seconds between two renewals of a delivery that takes long."""

FIRST_PAUSE = 2.0
"""Seconds from the first failure to the next attempt. Each further pause is twice as long."""

MOST_PAUSE = 3_600.0
"""Longest pause in seconds, also if the receiver asks for a longer one."""

JITTER = 0.2
"""Part of a pause that is random, so that webhooks of one receiver are not all tried at the same instant."""

GIVE_UP_SECONDS = 86_400.0
"""Seconds of failures after which a webhook is disabled."""

LEAST_FAILURES = 12
"""Failures in succession before a webhook is disabled: time without a running gateway makes none."""

GONE = 410
"""Status with which a receiver refuses all further messages; the webhook is disabled at once (Standard Webhooks)."""

SLACK_INTERVAL = 10.0
"""Seconds between two messages in a format for people. Events of the meantime are one message."""

GATHER_SECONDS = {"json": 0.2, "slack": 1.0}
"""Seconds, by format, from an event to its message, so that what happens at once is one message."""


def pause(failures: int, random: float, asked: float | None = None) -> float:
    """Return the seconds until the next attempt.

    Args:
        failures: How often the message has failed, at least 1.
        random: A number from 0 up to 1.
        asked: The seconds that the receiver asked for (`Retry-After`); None: it did not.
    """
    grown = float(min(FIRST_PAUSE * 2 ** min(failures - 1, 20), MOST_PAUSE))
    jittered = grown * (1 - JITTER * random)
    return min(max(jittered, asked or 0.0), MOST_PAUSE)


def given_up(webhook: Webhook, status: int | None, now: float) -> str | None:
    """Return the reason for which a webhook is disabled after a failure that it already counts; None if it is not."""
    if status == GONE:
        return "the receiver answered 410 (Gone)"
    since = now if webhook.failing_since is None else webhook.failing_since
    if now - since >= GIVE_UP_SECONDS and webhook.failures >= LEAST_FAILURES:
        return f"deliveries failed for {(now - since) / 3_600:.0f} hours ({webhook.failures} attempts)"
    return None


def ready_in(webhook: Webhook, happened_at: float, now: float) -> float:
    """Return the seconds until the message with an event that happened at `happened_at` may be sent; 0 if it may now.

    A failed message is not delayed again, nor is any if the clock was set.
    """
    age = now - happened_at
    left = GATHER_SECONDS[webhook.format] - age
    return left if age >= 0 and left > 0 and not webhook.failures else 0.0


def after_success(webhook: Webhook, to: int, now: float) -> Webhook:
    """Return a webhook after a successful delivery of all that it wants up to the event `to`. No message is pending."""
    skipping = webhook.skip_to is not None and webhook.skip_to > to
    return replace(
        webhook,
        position=max(webhook.position, to),
        skip_to=webhook.skip_to if skipping else None,
        pending_to=None,
        failures=0,
        failing_since=None,
        waiting_since=None,
        next_at=now + SLACK_INTERVAL if webhook.format is Format.SLACK else now,
        delivered_at=now,
    )


def after_failure(
    webhook: Webhook,
    first: int,
    to: int,
    happened_at: float,
    now: float,
    random: float,
    status: int | None,
    asked: float | None,
) -> Webhook:
    """Return a webhook after a failed delivery.

    Args:
        webhook: Its state before.
        first: The first event of the message; those before it are not wanted.
        to: The last event of the message.
        happened_at: The time of the oldest event of the message.
        now: The time of the failure.
        random: As in `pause`.
        status: The status of the answer; None if there was none.
        asked: As in `pause`.
    """
    failures = webhook.failures + 1
    failed = replace(
        webhook,
        position=max(webhook.position, first - 1),
        pending_to=to,
        failures=failures,
        failing_since=now if webhook.failing_since is None else webhook.failing_since,
        waiting_since=happened_at,
        next_at=now + pause(failures, random, asked),
    )
    reason = given_up(failed, status, now)
    return failed if reason is None else replace(failed, disabled_at=now, disabled_reason=reason)


def enabled(webhook: Webhook, last: int, now: float) -> Webhook:
    """Return a disabled webhook enabled again. One message will say that the events up to `last` were missed."""
    return replace(
        webhook,
        skip_to=last if last > webhook.position else None,
        pending_to=None,
        failures=0,
        failing_since=None,
        waiting_since=None,
        next_at=now,
        disabled_at=None,
        disabled_reason=None,
    )
