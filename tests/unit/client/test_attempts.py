"""Pauses grow, differ, and end in time."""

import pytest

from registry_gateway.client.attempts import LONGEST, Attempts, Pauses
from registry_gateway.client.errors import NotReady, Unauthorized, Unreachable
from registry_gateway.client.retry_after import LONGEST_PAUSE
from tests.conftest import ManualClock

AWAY = Unreachable("away")


def test_pauses_grow_up_to_the_longest() -> None:
    pauses = Pauses(1.0, lambda: 1.0)
    assert [pauses.next() for _ in range(7)] == [1.0, 2.0, 4.0, 8.0, 16.0, LONGEST, LONGEST]
    pauses.restart()
    assert pauses.next() == 1.0


def test_pauses_differ_by_half() -> None:
    assert Pauses(2.0, lambda: 0.0).next() == 1.0
    assert 1.0 <= Pauses(2.0).next() <= 2.0
    assert len({Pauses().next() for _ in range(20)}) > 1


def test_a_pause_is_as_long_as_the_gateway_asks_for() -> None:
    assert Pauses(1.0, lambda: 1.0).next(7.0) == 7.0
    assert Pauses(1.0, lambda: 1.0).next(0.5) == 1.0
    assert Pauses(1.0, lambda: 1.0).next(86_400.0) == LONGEST_PAUSE


def test_attempts_end_in_time(clock: ManualClock) -> None:
    attempts = Attempts(10.0, Pauses(1.0, lambda: 1.0), clock.monotonic)
    for expected in (1.0, 2.0, 4.0):
        assert attempts.pause(AWAY) == expected
        clock.advance(expected)
    with pytest.raises(Unreachable, match="away"):  # 7 of 10 seconds have passed, and the next pause takes 8
        attempts.pause(AWAY)


def test_no_time_is_one_attempt(clock: ManualClock) -> None:
    with pytest.raises(Unreachable):
        Attempts(0.0, clock=clock.monotonic).pause(AWAY)


def test_a_gateway_that_asks_for_too_long_a_pause_is_not_asked_again(clock: ManualClock) -> None:
    busy = NotReady("busy", 429, "busy", retry_after=60.0)
    with pytest.raises(NotReady):
        Attempts(10.0, clock=clock.monotonic).pause(busy)
    assert Attempts(100.0, clock=clock.monotonic).pause(busy) == 60.0


@pytest.mark.parametrize(
    "error",
    [
        Unauthorized("no", 401, "no"),
        NotReady("no", 503, "no", code="store_refuses"),
        Unreachable("wrong certificate", passing=False),
    ],
)
def test_what_does_not_pass_is_not_repeated(error: Exception, clock: ManualClock) -> None:
    with pytest.raises(type(error)):
        Attempts(10.0, clock=clock.monotonic).pause(error)  # type: ignore[arg-type] # all are errors of the client
