"""Numbers that are counted up while requests are answered: plain ones, so that counting costs next to nothing.

Each meter has a row of numbers. Alone, a process keeps its rows in lists. With siblings (`serve --workers`) a request
for the figures reaches any of them, so each keeps its rows in a file of a directory they share, mapped into memory,
and whoever is asked adds the files up. The file of a process that has ended stays: what it counted did happen.
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

ROOM = 65_536
"""Numbers in the file of a process, of eight bytes each; the part that is not used takes no room on the disk."""

DIRECTORY = "_REGISTRY_GATEWAY_FIGURES"
"""Environment variable by which `serve` tells its workers of the directory they share."""

INTERVAL = 1.0
"""Seconds between two `publish` of a process that has siblings."""

RECENT = 5.0
"""Seconds since its last `publish` after which a sibling is taken for ended, and its gauges count no more."""


class SharedCounters:
    """The rows of a process, and those of its siblings. All of them must ask for the same rows in the same order."""

    def __init__(self, own: Path | None = None) -> None:
        """Take the file to keep the rows in, beside those of the siblings; None: there are no siblings."""
        self._own = own
        self._file = None if own is None else _mapped(own)
        self._rows: dict[int, Row] = {}  # by where they start
        self._gauges: dict[int, Callable[[], float]] = {}
        self._length = 0
        self._published = self.row(1)

    @classmethod
    def of_process(cls, environ: Mapping[str, str]) -> Self:
        """Return the figures of this process, which has siblings if `DIRECTORY` is set."""
        directory = environ.get(DIRECTORY)
        return cls(None if directory is None else Path(directory) / f"{os.getpid()}-{token_hex(4)}")

    @property
    def shared(self) -> bool:
        """Whether there may be siblings."""
        return self._own is not None

    def row(self, length: int) -> Row:
        """Return a new row of zeros."""
        start, self._length = self._length, self._length + length
        if self._length > ROOM:
            raise ValueError(f"more than {ROOM} figures")
        row: Row = [0] * length if self._file is None else self._file[start : self._length]
        self._rows[start] = row
        return row

    def gauge(self, read: Callable[[], float]) -> Row:
        """Return a new row of one number: what `read` returns whenever the figures are read."""
        self._gauges[self._length] = read
        return self.row(1)

    def publish(self, now: float) -> None:
        """Write the gauges down for the siblings, and that this process is there at `now` (epoch seconds)."""
        for start, read in self._gauges.items():
            self._rows[start][0] = read()
        self._published[0] = now

    async def keep_published(self, clock: Clock) -> None:
        """Publish until cancelled, if there may be siblings."""
        while self.shared:
            self.publish(clock.now())
            await asyncio.sleep(INTERVAL)

    def read(self, now: float) -> "Reading":
        """Return all numbers as they are at `now`: of all processes together."""
        self.publish(now)
        total = [number for row in self._rows.values() for number in row]
        for sibling in self._siblings():
            ended = sibling[0] < now - RECENT
            for index, number in enumerate(sibling):
                if not (ended and index in self._gauges):
                    total[index] += number
        return Reading({id(row): total[start : start + len(row)] for start, row in self._rows.items()})

    def _siblings(self) -> list[Sequence[float]]:
        if self._own is None:
            return []
        found = []
        for path in self._own.parent.iterdir():
            if path != self._own:
                with path.open("rb") as file:
                    found.append(array("d", file.read(self._length * 8)))
        return [numbers for numbers in found if len(numbers) == self._length]  # a file just made is empty


class Reading:
    """What the rows held at one moment."""

    def __init__(self, rows: dict[int, list[float]]) -> None:
        """Take the numbers by the identity of their row."""
        self._rows = rows

    def __getitem__(self, row: Row) -> list[float]:
        """Return the numbers of a row."""
        return self._rows[id(row)]


class Histogram:
    """How often something was at most so much, and all of it together."""

    __slots__ = ("bounds", "row")

    def __init__(self, counters: SharedCounters, bounds: Sequence[float]) -> None:
        """Take the upper bounds, in ascending order; what is more than the last one is counted apart."""
        self.bounds = bounds
        self.row = counters.row(len(bounds) + 2)  # the last number is the sum

    def observe(self, amount: float) -> None:
        """Count `amount` in."""
        row = self.row
        row[bisect_left(self.bounds, amount)] += 1
        row[-1] += amount


def _mapped(path: Path) -> "memoryview[float]":
    with path.open("xb+") as file:
        file.truncate(ROOM * 8)
        return memoryview(mmap.mmap(file.fileno(), ROOM * 8)).cast("d")
