"""When deliveries are tried again, and when a webhook is disabled."""

from msgspec.structs import replace

from registry_gateway.core.model import EventKind
from registry_gateway.core.webhook import Format, State, Webhook
from registry_gateway.core.webhook_schedule import (
    GIVE_UP_SECONDS,
    JITTER,
    LEAST_FAILURES,
    MOST_PAUSE,
    SLACK_INTERVAL,
    after_failure,
    after_success,
    enabled,
    pause,
    ready_in,
)

NOW = 1_800_000_000.0
HOOK = Webhook(
    id=1,
    url="http://receiver/",
    format=Format.JSON,
    kinds=(EventKind.EXPIRED,),
    dialect=None,
    secret="whsec_c2VjcmV0",
    created_at=NOW,
    position=10,
)


def failed(webhook: Webhook, now: float, status: int | None = 503, asked: float | None = None) -> Webhook:
    """The webhook after a failure of the message with the events up to 20."""
    return after_failure(webhook, 11, 20, NOW, now, 0.0, status, asked)


def test_pauses_double_up_to_an_hour() -> None:
    pauses = [pause(failures, 0.0) for failures in range(1, 40)]
    assert pauses[:6] == [2.0, 4.0, 8.0, 16.0, 32.0, 64.0]
    assert pauses == sorted(pauses)
    assert pauses[-1] == MOST_PAUSE
    assert pause(10**9, 0.0) == MOST_PAUSE


def test_pauses_are_spread_and_never_longer() -> None:
    assert pause(3, 1.0) == 8.0 * (1 - JITTER)
    assert pause(3, 0.5) < pause(3, 0.0)


def test_a_receiver_may_ask_for_a_longer_pause_up_to_an_hour() -> None:
    assert pause(1, 0.0, 30.0) == 30.0
    assert pause(5, 0.0, 1.0) == 32.0
    assert pause(1, 0.0, 10**9) == MOST_PAUSE


def test_a_failure_keeps_the_position_and_remembers_the_message() -> None:
    once = failed(HOOK, NOW + 5)
    assert (once.position, once.pending_to, once.failures) == (10, 20, 1)
    assert (once.failing_since, once.waiting_since, once.next_at) == (NOW + 5, NOW, NOW + 7)
    assert once.state is State.FAILING
    twice = failed(once, NOW + 7)
    assert (twice.failing_since, twice.failures, twice.next_at) == (NOW + 5, 2, NOW + 11)


def test_events_that_are_not_wanted_do_not_wait_for_a_failed_message() -> None:
    assert after_failure(HOOK, 15, 20, NOW, NOW, 0.0, None, None).position == 14
    assert after_failure(HOOK, 5, 20, NOW, NOW, 0.0, None, None).position == 10


def test_a_success_ends_the_failures() -> None:
    done = after_success(failed(HOOK, NOW), 20, NOW + 9)
    assert (done.position, done.pending_to, done.failures) == (20, None, 0)
    assert (done.failing_since, done.waiting_since, done.delivered_at) == (None, None, NOW + 9)
    assert done.next_at == NOW + 9
    assert done.state is State.ACTIVE


def test_people_get_a_message_only_so_often() -> None:
    done = after_success(replace(HOOK, format=Format.SLACK), 20, NOW)
    assert done.next_at == NOW + SLACK_INTERVAL


def test_a_day_of_failures_disables() -> None:
    webhook, now = failed(HOOK, NOW), NOW
    while webhook.disabled_at is None:
        now = webhook.next_at
        webhook = failed(webhook, now)
    assert GIVE_UP_SECONDS <= now - NOW <= GIVE_UP_SECONDS + MOST_PAUSE
    assert webhook.failures > LEAST_FAILURES
    assert webhook.state is State.DISABLED
    assert webhook.disabled_reason == f"deliveries failed for 24 hours ({webhook.failures} attempts)"


def test_time_without_a_gateway_disables_nothing() -> None:
    assert failed(failed(HOOK, NOW), NOW + 3 * GIVE_UP_SECONDS).disabled_at is None


def test_a_receiver_that_is_gone_is_disabled_at_once() -> None:
    assert failed(HOOK, NOW, status=410).disabled_reason == "the receiver answered 410 (Gone)"
    assert failed(HOOK, NOW, status=404).disabled_at is None


def test_an_enabled_webhook_skips_what_it_missed() -> None:
    off = failed(HOOK, NOW, status=410)
    on = enabled(off, 50, NOW + 9)
    assert (on.state, on.position, on.skip_to, on.pending_to) == (State.ACTIVE, 10, 50, None)
    assert enabled(replace(off, position=50), 50, NOW).skip_to is None
    told = after_success(on, 50, NOW + 10)
    assert (told.position, told.skip_to) == (50, None)


def test_what_happens_together_is_waited_for_once() -> None:
    assert ready_in(HOOK, NOW, NOW) > 0
    assert ready_in(HOOK, NOW, NOW + 1) == 0
    assert ready_in(replace(HOOK, format=Format.SLACK), NOW, NOW + 0.5) == 0.5
    assert ready_in(failed(HOOK, NOW), NOW, NOW) == 0
    assert ready_in(HOOK, NOW + 100, NOW) == 0  # the clock was set back
