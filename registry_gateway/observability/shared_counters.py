"""Counters and gauges, shared by the processes of `serve --workers`. They are plain numbers, so that counting is cheap.

Each metric has a row of numbers. A single process keeps its rows in lists. With workers, a scrape reaches any one of
them, so each maps its rows to a file in a shared directory, and the process that answers adds up all files. The file of
an ended process stays, because its counts remain valid.
"""

import asyncio
import mmap
import os
from array import array
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from secrets import token_hex
from typing import Self, TypeAlias

from registry_gateway.core.clock import Clock

Row: TypeAlias = "list[float] | memoryview[float]"

MOST_NUMBERS = 65_536
"""Capacity of a process's file in numbers of eight bytes. The unused part takes no space on disk."""

DIRECTORY = "_REGISTRY_GATEWAY_COUNTERS"
"""Environment variable with the shared directory, set by `serve` for its workers."""

PUBLISH_SECONDS = 1.0
"""Seconds between two calls of `publish` in a process with siblings."""

SIBLING_SECONDS = 5.0
"""Seconds since the last `publish` of a sibling after which it counts as ended, and its gauges are ignored."""


class SharedCounters:
    """The rows of this process and of its siblings. All processes must create the same rows in the same order."""

    def __init__(self, own: Path | None = None) -> None:
        """`own` is the file for the rows, in the directory of the siblings' files; None: there are no siblings."""
        self._own = own
        self._file = None if own is None else _mapped(own)
        self._rows: dict[int, Row] = {}  # by where they start
        self._gauges: dict[int, Callable[[], float]] = {}
        self._highest: set[int] = set()
        self._length = 0
        self._published = self.row(1)

    @classmethod
    def of_process(cls, environ: Mapping[str, str]) -> Self:
        """Return the counters of this process, which has siblings if `DIRECTORY` is set."""
        directory = environ.get(DIRECTORY)
        return cls(None if directory is None else Path(directory) / f"{os.getpid()}-{token_hex(4)}")

    @property
    def shared(self) -> bool:
        """Whether there may be siblings."""
        return self._own is not None

    def row(self, length: int) -> Row:
        """Return a new row of zeros."""
        start, self._length = self._length, self._length + length
        if self._length > MOST_NUMBERS:
            raise ValueError(f"more than {MOST_NUMBERS} numbers")
        row: Row = [0] * length if self._file is None else self._file[start : self._length]
        self._rows[start] = row
        return row

    def gauge(self, read: Callable[[], float], *, highest: bool = False) -> Row:
        """Return a new row of one number, which `read` returns at each scrape.

        Of several processes the numbers are added, or with `highest` the highest is taken.
        """
        self._gauges[self._length] = read
        if highest:
            self._highest.add(self._length)
        return self.row(1)

    def publish(self, now: float) -> None:
        """Write the gauges and the time `now` (epoch seconds) for the siblings."""
        for start, read in self._gauges.items():
            self._rows[start][0] = read()
        self._published[0] = now

    async def keep_published(self, clock: Clock) -> None:
        """Publish until cancelled; return at once if there are no siblings."""
        while self.shared:
            self.publish(clock.now())
            await asyncio.sleep(PUBLISH_SECONDS)

    def read(self, now: float) -> "Reading":
        """Return all numbers at `now` (epoch seconds): the sums over all processes, of some gauges the highest."""
        self.publish(now)
        total = [number for row in self._rows.values() for number in row]
        for sibling in self._siblings():
            ended = sibling[0] < now - SIBLING_SECONDS
            for index, number in enumerate(sibling):
                if ended and index in self._gauges:
                    continue
                total[index] = max(total[index], number) if index in self._highest else total[index] + number
        return Reading({id(row): total[start : start + len(row)] for start, row in self._rows.items()})

    def _siblings(self) -> list[Sequence[float]]:
        if self._own is None:
            return []
        found = []
        for path in self._own.parent.iterdir():
            if path != self._own:
                with path.open("rb") as file:
                    found.append(array("d", file.read(self._length * 8)))
        return [numbers for numbers in found if len(numbers) == self._length]  # a new file is empty


class Reading:
    """The values of all rows at one moment."""

    def __init__(self, rows: dict[int, list[float]]) -> None:
        """`rows` has the numbers by the identity of their row."""
        self._rows = rows

    def __getitem__(self, row: Row) -> list[float]:
        """Return the numbers of a row."""
        return self._rows[id(row)]


class Histogram:
    """A count of observations per bucket, and their sum."""

    __slots__ = ("bounds", "row")

    def __init__(self, counters: SharedCounters, bounds: Sequence[float]) -> None:
        """`bounds` are upper bounds in ascending order; a last bucket counts greater values."""
        self.bounds = bounds
        self.row = counters.row(len(bounds) + 2)  # the last number is the sum

    def observe(self, amount: float) -> None:
        """Count an observation of `amount`."""
        row = self.row
        row[bisect_left(self.bounds, amount)] += 1
        row[-1] += amount


def _mapped(path: Path) -> "memoryview[float]":
    with path.open("xb+") as file:
        file.truncate(MOST_NUMBERS * 8)
        return memoryview(mmap.mmap(file.fileno(), MOST_NUMBERS * 8)).cast("d")
