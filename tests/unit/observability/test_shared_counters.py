"""Numbers of one process, and of several that answer for each other."""

from pathlib import Path

import anyio

from registry_gateway.observability.shared_counters import SIBLING_SECONDS, Histogram, SharedCounters
from tests.conftest import START, ManualClock

BOUNDS = (1.0, 2.0)


def test_a_histogram_counts_up_to_its_bounds_and_beyond() -> None:
    counters = SharedCounters()
    histogram = Histogram(counters, BOUNDS)
    for amount in (0.5, 1.0, 1.5, 3.0):
        histogram.observe(amount)
    assert counters.read(START)[histogram.row] == [2, 1, 1, 6.0]


def test_a_gauge_is_looked_at_when_it_is_read() -> None:
    counters, lengths = SharedCounters(), [3]
    gauge = counters.gauge(lambda: lengths[0])
    assert counters.read(START)[gauge] == [3]
    lengths[0] = 4
    assert counters.read(START)[gauge] == [4]


def test_processes_of_one_directory_answer_for_each_other(tmp_path: Path) -> None:
    processes = [SharedCounters(tmp_path / name) for name in ("a", "b", "c")]
    histograms = [Histogram(counters, BOUNDS) for counters in processes]
    highest = [counters.gauge(lambda of=of: of, highest=True) for of, counters in enumerate(processes, start=1)]  # type: ignore[misc] # as below
    gauges = [counters.gauge(lambda of=of: of) for of, counters in enumerate(processes, start=1)]  # type: ignore[misc] # mypy sees no default in a lambda
    for counters, histogram in zip(processes, histograms, strict=True):
        counters.publish(START)
        histogram.observe(0.5)
        histogram.observe(4.0)
    for counters, histogram, gauge, greatest in zip(processes, histograms, gauges, highest, strict=True):
        reading = counters.read(START)
        assert reading[greatest] == [3]
        assert reading[histogram.row] == [3, 0, 3, 13.5]
        assert reading[gauge] == [6]


def test_what_an_ended_process_counted_stays_and_its_gauges_go(tmp_path: Path) -> None:
    ended, living = SharedCounters(tmp_path / "ended"), SharedCounters(tmp_path / "living")
    histograms = [Histogram(counters, BOUNDS) for counters in (ended, living)]
    gauges = [counters.gauge(lambda: 7) for counters in (ended, living)]
    histograms[0].observe(0.5)
    ended.publish(START)
    reading = living.read(START + SIBLING_SECONDS + 1)
    assert reading[histograms[1].row] == [1, 0, 0, 0.5]
    assert reading[gauges[1]] == [7]


def test_a_process_that_has_just_made_its_file_is_left_out(tmp_path: Path) -> None:
    counters = SharedCounters(tmp_path / "own")
    row = counters.row(2)
    row[0] = 5
    (tmp_path / "new").touch()
    assert counters.read(START)[row] == [5, 0]


def test_a_process_says_that_it_is_there(tmp_path: Path, clock: ManualClock) -> None:
    counters = SharedCounters(tmp_path / "own")

    async def a_moment() -> None:
        with anyio.move_on_after(0.01):
            await counters.keep_published(clock)

    anyio.run(a_moment)
    assert SharedCounters(tmp_path / "other").read(START) is not None
    assert (tmp_path / "own").read_bytes()[:8] != bytes(8)


def test_alone_there_is_nothing_to_say(clock: ManualClock) -> None:
    anyio.run(SharedCounters().keep_published, clock)  # returns
