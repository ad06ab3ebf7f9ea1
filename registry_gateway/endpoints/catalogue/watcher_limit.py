"""Limits on watchers: per process, per client address, and on the number of different filters."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

from registry_gateway.http.problem_details import Refused
from registry_gateway.store.statements.search import Wanted

MOST_WATCHERS = 2_000
"""Most watchers of one process."""

MOST_FILTERS = 200
"""Most different filters of the watchers of one process. Each is evaluated for every event."""

_LATER = {"Retry-After": "10"}

T = TypeVar("T")


class WatcherLimit:
    """The watchers of a process. `taken` is their present number."""

    def __init__(self, per_address: int | None) -> None:
        """Allow `per_address` watchers per client address; None: no limit per address."""
        self._per_address = per_address
        self._by_address: Counter[str] = Counter()
        self._by_filters: Counter[Wanted] = Counter()
        self.taken = 0

    @contextmanager
    def count(self, address: str, wanted: Wanted) -> Iterator[None]:
        """Count a watcher while the context is open.

        Raises:
            Refused: 503: the process has its maximum of watchers or of different filters; 429: the address has its
                maximum of watchers.
        """
        self._check(address, wanted)
        self.taken += 1
        try:
            with _counted(self._by_address, address), _counted(self._by_filters, wanted):
                yield
        finally:
            self.taken -= 1

    def _check(self, address: str, wanted: Wanted) -> None:
        if self.taken >= MOST_WATCHERS:
            detail = f"This gateway has {MOST_WATCHERS} watchers, its maximum; use another gateway, or try again later"
            raise Refused(503, "Too many watchers", detail, _LATER)
        if self._per_address is not None and self._by_address[address] >= self._per_address:
            detail = f"Your address has {self._per_address} watchers, the maximum; close one first"
            raise Refused(429, "Too many watchers", detail, _LATER)
        if len(self._by_filters) >= MOST_FILTERS and wanted not in self._by_filters:
            detail = f"{MOST_FILTERS} different filters are watched, the maximum of this gateway; try again later"
            raise Refused(503, "Too many filters", detail, _LATER)


@contextmanager
def _counted(counts: Counter[T], what: T) -> Iterator[None]:
    counts[what] += 1
    try:
        yield
    finally:
        counts[what] -= 1
        if not counts[what]:
            del counts[what]
