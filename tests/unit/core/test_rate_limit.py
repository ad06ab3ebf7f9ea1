"""The limit on changes: token buckets, whose they are, and what they never stand in the way of."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry_gateway.core.commands import Advertise, Deregister, Register
from registry_gateway.core.model import ANONYMOUS, Actor
from registry_gateway.core.rate_limit import SERVICE_RATE, Buckets, Limit, Newcomers, Rate, caller, parse, retry_after

NOW = 1_800_000_000.0
SHARED = Actor("key:plain:1")


def registration(key: str, actor: Actor = SHARED) -> Register:
    return Register(
        dialect="plain", key=key, name=key, version="1", ttl=30.0, document=b"", mode="replace", actor=actor
    )


@pytest.mark.parametrize(
    ("written", "rate"),
    [
        ("10/s", Rate(10, 1.0)),
        ("600/m", Rate(600, 60.0)),
        (" 5000/h ", Rate(5000, 3600.0)),
        ("600", Rate(600, 60.0)),
    ],
)
def test_a_rate_is_written_with_its_unit_or_by_the_minute(written: str, rate: Rate) -> None:
    assert parse(written) == rate


@pytest.mark.parametrize("written", ["0", "-1", "10/d", "10 / s", "1.5/s", "ten", "1e3", "10/s;20/m", "1" * 7, "٣"])
def test_anything_else_is_no_rate(written: str) -> None:
    with pytest.raises(ValueError, match="10/s, 600/m"):
        parse(written)


def test_a_bucket_gives_what_is_in_it_and_then_as_it_fills() -> None:
    buckets = Buckets(Rate(3, 60.0))
    assert [buckets.take("a", NOW) for _ in range(3)] == [0.0] * 3
    assert buckets.take("a", NOW) == pytest.approx(20.0, abs=1e-5)
    assert buckets.take("a", NOW + 5) == pytest.approx(15.0, abs=1e-5)
    assert buckets.take("a", NOW + 20) == 0.0
    assert buckets.take("a", NOW + 20) == pytest.approx(20.0, abs=1e-5)
    assert [buckets.take("a", NOW + 200) > 0 for _ in range(4)] == [False, False, False, True]


def test_each_has_a_bucket_of_its_own() -> None:
    buckets = Buckets(Rate(1, 60.0))
    assert buckets.take("a", NOW) == 0.0
    assert buckets.take("a", NOW) > 0
    assert buckets.take("b", NOW) == 0.0


@given(
    st.builds(Rate, st.integers(1, 50), st.sampled_from([1.0, 60.0, 3600.0])),
    st.lists(st.floats(0, 100, allow_subnormal=False), max_size=100),
)
def test_never_more_than_the_rate_allows_and_who_waits_as_told_gets_one(rate: Rate, pauses: list[float]) -> None:
    buckets, now, taken = Buckets(rate), NOW, 0
    for pause in pauses:
        now += pause
        wait = buckets.take("a", now)
        taken += wait == 0.0
        assert taken <= rate.count + (now - NOW) * rate.count / rate.period + 1e-3
        assert wait <= rate.period / rate.count + 1e-3
    wait = max(buckets.take("a", now) for _ in range(rate.count + 1))
    assert wait > 0
    assert buckets.take("a", now + wait) == 0.0


def test_a_clock_that_is_set_back_locks_nobody_out_for_longer_than_an_empty_bucket() -> None:
    buckets = Buckets(Rate(2, 60.0))
    for _ in range(3):
        buckets.take("a", NOW)
    assert buckets.take("a", NOW - 86_400) == pytest.approx(30.0, abs=1e-5)
    assert buckets.take("a", NOW - 86_400 + 30) == 0.0


def test_what_is_remembered_is_bounded_and_full_buckets_are_forgotten() -> None:
    buckets = Buckets(Rate(2, 60.0), most=100)
    for number in range(10_000):
        assert buckets.take(number, NOW) == 0.0
        assert len(buckets) <= 100
    assert buckets.take(9_999, NOW) == 0.0
    assert buckets.take(9_999, NOW) > 0  # the latest are the ones that are known
    buckets.take("a", NOW + 60)
    buckets.take("a", NOW + 60)
    assert len(buckets) <= 2


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (Actor("key:plain:1", "192.0.2.1"), Actor("key:plain:1", "192.0.2.2"), True),
        (Actor("key:plain:1", "192.0.2.1"), Actor("key:plain:2", "192.0.2.1"), False),
        (Actor(ANONYMOUS, "192.0.2.1"), Actor(ANONYMOUS, "192.0.2.1"), True),
        (Actor(ANONYMOUS, "192.0.2.1"), Actor(ANONYMOUS, "192.0.2.2"), False),
        (Actor(ANONYMOUS, "2001:db8::1"), Actor(ANONYMOUS, "2001:db8:0:0:ffff::2"), True),
        (Actor(ANONYMOUS, "2001:db8::1"), Actor(ANONYMOUS, "2001:db8:0:1::1"), False),
        (Actor(ANONYMOUS, "fe80::1%eth0"), Actor(ANONYMOUS, "fe80::2%eth0"), True),
        (Actor(ANONYMOUS, None), Actor(ANONYMOUS, None), True),
        (Actor(ANONYMOUS, "socket"), Actor(ANONYMOUS, None), False),
    ],
)
def test_a_credential_counts_wherever_it_comes_from_and_without_one_the_address(
    one: Actor, other: Actor, same: bool
) -> None:
    assert (caller(one) == caller(other)) is same


def test_first_registrations_have_an_allowance_of_twenty_times_the_rate() -> None:
    newcomers = Newcomers(Rate(2, 60.0))
    assert [newcomers.take("a", NOW) for _ in range(40)] == [0.0] * 40
    assert newcomers.take("a", NOW) == pytest.approx(60.0 / 40, abs=1e-5)
    assert newcomers.take("b", NOW) == 0.0
    assert [newcomers.take("a", NOW + 60) > 0 for _ in range(41)] == [False] * 40 + [True]


def test_a_caller_with_more_registrations_has_room_for_as_many() -> None:
    newcomers = Newcomers(Rate(2, 60.0))
    assert not newcomers.counted("a", NOW)
    newcomers.count("a", 100, NOW)
    assert newcomers.counted("a", NOW)
    assert not newcomers.counted("b", NOW)
    assert [newcomers.take("a", NOW) for _ in range(102)] == [0.0] * 102  # with those it gave up within its rate
    assert newcomers.take("a", NOW) == pytest.approx(60.0 / 40, abs=1e-5)  # it fills as fast as that of others
    assert newcomers.take("a", NOW + 1.6) == 0.0


def test_what_a_caller_adds_makes_no_room_until_all_of_it_is_back() -> None:
    newcomers = Newcomers(Rate(2, 60.0))
    newcomers.count("a", 100, NOW)
    while not newcomers.take("a", NOW):
        pass
    assert newcomers.counted("a", NOW + 100)  # 102 of them take 153 s
    assert not newcomers.counted("a", NOW + 161)
    newcomers.count("b", 0, NOW)
    assert newcomers.counted("b", NOW + 59)
    assert newcomers.counted("b", NOW + 118)  # it went on exceeding its rate
    assert not newcomers.counted("b", NOW + 179)


def test_callers_with_newcomers_are_forgotten_as_well() -> None:
    newcomers = Newcomers(Rate(2, 60.0), most=10)
    for number in range(100):
        newcomers.count(number, 0, NOW)
    assert len(newcomers) == 10
    assert newcomers.counted(99, NOW)
    assert not newcomers.counted(0, NOW)


def test_a_whole_fleet_may_leave_register_and_post_its_tools_at_once() -> None:
    limit = Limit(Rate(1, 3600.0))
    waits = [
        limit.wait(command, NOW)
        for key in map(str, range(1000))
        for command in (
            Deregister(dialect="plain", key=key, actor=SHARED),
            registration(key),
            Advertise("plain", key, b"[]", SHARED),
        )
    ]
    assert waits == [0.0] + [None] * 2999  # unless it is a first registration, for which `Newcomers` counts


def test_a_service_beyond_its_own_rate_gets_the_wait() -> None:
    limit = Limit(Rate(2, 3600.0))
    waits = [limit.wait(registration("a"), NOW) for _ in range(2 + SERVICE_RATE.count + 1)]
    assert waits[:-1] == [0.0] * 2 + [None] * SERVICE_RATE.count
    assert waits[-1] == pytest.approx(SERVICE_RATE.period / SERVICE_RATE.count, abs=1e-5)  # and not half an hour
    assert limit.wait(registration("b"), NOW) is None
    assert limit.wait(registration("a"), NOW + SERVICE_RATE.period / SERVICE_RATE.count) is None


def test_nobody_spends_what_another_callers_service_may() -> None:
    limit = Limit(Rate(1, 3600.0))
    stranger = Actor("key:plain:2")
    while not limit.wait(registration("a", stranger), NOW):
        pass
    waits = [limit.wait(registration("a"), NOW) for _ in range(1 + SERVICE_RATE.count)]
    assert waits == [0.0] + [None] * SERVICE_RATE.count


@pytest.mark.parametrize(("seconds", "header"), [(0.01, 1), (1.0, 1), (1.01, 2), (3600.0, 3600)])
def test_retry_after_is_in_whole_seconds_and_never_too_early(seconds: float, header: Any) -> None:
    assert retry_after(seconds) == header
