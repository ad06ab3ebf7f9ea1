"""The schedule of requests: one service alone, and a thousand together."""

import heapq
import random
from collections import Counter

import pytest

from registry_gateway.client.registration.schedule import REFUSED_PAUSE, SHORTEST, Schedule
from registry_gateway.client.retry_after import LONGEST_PAUSE

LEASE = 30.0
THIRD = 10.0


def schedule(number: float, interval: float | None = None) -> Schedule:
    """A schedule whose random numbers are all `number`."""
    return Schedule(LEASE, interval, lambda: number)


def test_heartbeats_come_within_a_third_of_the_lease() -> None:
    assert schedule(0.0).renewed() == pytest.approx(9.0)
    assert schedule(1.0).renewed() == pytest.approx(THIRD)
    assert schedule(0.0).registered() == pytest.approx(1.0)
    assert schedule(1.0).registered() == pytest.approx(THIRD)


def test_the_lease_that_is_granted_counts() -> None:
    spoken = schedule(1.0)
    spoken.granted(90.0)
    assert spoken.renewed() == pytest.approx(30.0)
    spoken.granted(None)
    spoken.granted(0.0)
    assert spoken.renewed() == pytest.approx(30.0)


@pytest.mark.parametrize("lease", [float("nan"), float("inf"), -1.0, 1e300, 10**400])
def test_a_lease_that_makes_no_sense_is_ignored(lease: float) -> None:
    spoken = schedule(1.0)
    spoken.granted(lease)
    assert spoken.renewed() == pytest.approx(THIRD)


def test_a_tiny_lease_leaves_time_for_requests() -> None:
    spoken = schedule(1.0)
    spoken.granted(1e-9)
    assert spoken.interval == SHORTEST


def test_an_interval_that_is_given_counts_more() -> None:
    spoken = schedule(1.0, interval=2.0)
    spoken.granted(90.0)
    assert spoken.renewed() == pytest.approx(2.0)


def test_pauses_grow_to_a_third_of_the_lease_and_begin_anew_after_a_success() -> None:
    spoken = schedule(1.0)
    assert [spoken.not_reached() for _ in range(4)] == [4, 8, THIRD, THIRD]
    spoken.renewed()
    assert spoken.not_reached() == 4


def test_a_service_that_is_not_well_is_looked_at_sooner() -> None:
    spoken = schedule(1.0)
    assert [spoken.not_well() for _ in range(6)] == [1, 2, 4, 8, THIRD, THIRD]


def test_the_first_heartbeat_after_a_failure_comes_at_a_random_time() -> None:
    spoken = schedule(0.0)
    spoken.not_reached()
    assert spoken.renewed() == pytest.approx(1.0)
    assert spoken.renewed() == pytest.approx(9.0)


def test_pauses_stay_finite() -> None:
    spoken = schedule(1.0)
    assert {spoken.not_reached() for _ in range(5000)} == {4, 8, THIRD}


def test_refusals_are_repeated_slowly() -> None:
    spoken = schedule(1.0)
    assert [spoken.refused() for _ in range(10)][-1] == REFUSED_PAUSE


def test_a_gateway_may_ask_for_a_longer_pause_within_reason() -> None:
    assert schedule(0.0).not_reached(40.0) == pytest.approx(40.0)
    assert schedule(1.0).not_reached(40.0) == pytest.approx(48.0)
    assert schedule(0.0).not_reached(1e9) == pytest.approx(LONGEST_PAUSE)


def run(services: int, away: tuple[float, float], until: float) -> tuple[Counter[int], dict[int, float]]:
    """Run so many services that all start at 0 s, while the gateway is away for a time.

    Returns:
        The requests in each second, and when each service was first accepted after the gateway's return.
    """
    chance = random.Random(20)
    schedules = [Schedule(LEASE, number=chance.random) for _ in range(services)]
    due = [(0.0, n, False) for n in range(services)]
    requests: Counter[int] = Counter()
    back: dict[int, float] = {}
    while due and due[0][0] < until:
        now, n, registered = heapq.heappop(due)
        requests[int(now)] += 1
        if away[0] <= now < away[1]:
            delay = schedules[n].not_reached()
        else:
            delay = schedules[n].renewed() if registered else schedules[n].registered()
            registered = True
            if now >= away[1]:
                back.setdefault(n, now)
        heapq.heappush(due, (now + delay, n, registered))
    return requests, back


def most(requests: Counter[int], begin: int, end: int) -> int:
    """The busiest second of a span."""
    return max(requests[second] for second in range(begin, end))


def test_a_thousand_services_that_start_together_do_not_stay_together() -> None:
    requests, _ = run(1000, (999, 999), 120)
    assert requests[0] == 1000
    assert most(requests, 1, 120) < 2 * 1000 / THIRD


@pytest.mark.parametrize(("begin", "end"), [(60, 61), (60, 65), (60, 90), (60, 600)])
def test_a_thousand_services_do_not_ask_a_gateway_that_returns_at_once(begin: int, end: int) -> None:
    requests, back = run(1000, (begin, end), end + 60)
    assert len(back) == 1000
    assert max(back.values()) <= end + THIRD
    assert most(requests, end, end + 60) < 3 * 1000 / THIRD


@pytest.mark.parametrize("end", [1, 2, 5, 10, 120])
def test_a_thousand_services_that_start_together_before_the_gateway_do_not_ask_it_at_once(end: int) -> None:
    requests, back = run(1000, (0, end), end + 60)
    assert max(back.values()) <= end + THIRD
    assert most(requests, end, end + 60) < 4 * 1000 / THIRD
