"""The last day, reckoned backwards from what is live now."""

from math import inf

import pytest

from registry_gateway.core.overview import (
    DAY,
    INTERVAL,
    Absence,
    Run,
    Span,
    emptied,
    massive,
    overlapping,
    runs,
    series,
)

NOW = 1_800_000_100.0


def lapse(ago: float, count: int) -> Span:
    at = NOW - ago
    return Span("chap", at, at, 0, count, count, at, at)


def begin(ago: float, count: int) -> Span:
    return Span("chap", NOW - ago, NOW - ago, count, 0, 0, inf, 0.0)


def leave(ago: float, count: int) -> Span:
    return Span("chap", NOW - ago, NOW - ago, 0, count, 0, inf, 0.0)


def test_the_series_counts_back_from_now() -> None:
    found = series([begin(3000, 10), leave(2000, 2), lapse(1000, 3), begin(10, 1)], 6, NOW, 0.0)
    assert (found.since, found.interval) == (NOW - 100 - 144 * INTERVAL, INTERVAL)
    assert len(found.live) == len(found.expired) == 145
    assert found.live[-7:] == [0, 10, 8, 8, 5, 5, 6]
    assert found.expired[-7:] == [0, 0, 0, 0, 3, 0, 0]
    assert set(found.live[:-7]) == {0}


def test_the_series_is_unknown_before_the_log() -> None:
    found = series([lapse(1000, 3)], 6, NOW, NOW - 2000)
    assert found.live[-6:] == [None, 9, 9, 6, 6, 6]
    assert found.live[0] is None


def test_what_is_older_than_the_series_is_passed_over() -> None:
    found = series([begin(DAY + 5000, 7)], 7, NOW, 0.0)
    assert set(found.live) == {7}


@pytest.mark.parametrize(
    ("lapsed", "before", "expected"),
    [(5, 25, True), (5, 26, False), (4, 4, False), (5, 5, True), (240, 1200, True), (239, 1200, False)],
)
def test_a_mass_lapse_is_a_fifth_and_at_least_five(lapsed: int, before: int, expected: bool) -> None:
    assert massive(lapsed, before) is expected
    found = list(runs([begin(5000, before), lapse(100, lapsed)], before - lapsed))
    assert bool(found) is expected


def test_lapses_within_a_minute_are_one() -> None:
    spans = [begin(5000, 100), *(lapse(500 - 5 * n, 4) for n in range(6))]
    assert list(runs(spans, 76)) == [Run("chap", NOW - 500, NOW - 475, 100)]


def test_lapses_over_more_than_a_minute_are_none() -> None:
    spans = [begin(5000, 100), *(lapse(500 - 15 * n, 4) for n in range(5))]
    assert list(runs(spans, 80)) == []


def test_two_mass_lapses_are_two() -> None:
    spans = [begin(5000, 10), lapse(2000, 10), begin(1900, 10), lapse(1000, 10)]
    assert list(runs(spans, 0)) == [Run("chap", NOW - 2000, NOW - 2000, 10), Run("chap", NOW - 1000, NOW - 1000, 10)]


def test_services_that_came_within_the_minute_count_as_live_before() -> None:
    assert list(runs([begin(500, 100), lapse(490, 6)], 94)) == []
    assert list(runs([lapse(510, 1), begin(500, 99), lapse(490, 5)], 94)) == []


def test_a_dialect_that_emptied() -> None:
    spans = [begin(5000, 10), lapse(2000, 4), leave(1000, 6)]
    found = emptied(spans, 0)
    assert found is not None
    assert (found.dialect, found.at, found.services) == ("chap", NOW - 1000, 10)
    assert emptied(spans, 1) is None
    assert emptied([begin(5000, 4), leave(1000, 4)], 0) is None
    assert emptied([], 0) is None


def test_absences_that_overlap() -> None:
    early, late = (
        Absence(since=10, until=20, cause="gateway"),
        Absence(since=50, until=None, cause=None),
    )
    assert overlapping([late, early], 15, 40) == [early]
    assert overlapping([late, early], 21, 60) == [late]
    assert overlapping([late, early], 21, 49) == []


def test_parts_of_a_span_are_joined() -> None:
    one, other = lapse(10, 3), begin(12, 2)
    assert one.joined(other) == other.joined(one) == Span("chap", NOW - 12, NOW - 10, 2, 3, 3, NOW - 10, NOW - 10)
