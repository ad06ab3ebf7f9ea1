"""When a request that failed is made again. Pure: clock and random numbers are given."""

import random
import time
from collections.abc import Callable

from registry_gateway.client.errors import GatewayError
from registry_gateway.client.retry_after import LONGEST_PAUSE

FIRST = 0.25
"""Seconds of the first pause, before jitter. Each further one is twice as long."""

LONGEST = 30.0
"""Longest pause in seconds, unless `Retry-After` is longer."""


class Pauses:
    """Pauses that grow, with jitter, so that the clients of a restarted gateway do not all send at once."""

    def __init__(self, first: float = FIRST, number: Callable[[], float] = random.random) -> None:
        """Begin with a pause of half to all of `first` seconds. `number` returns numbers from 0 up to 1."""
        self._first = first
        self._number = number
        self._grown = first

    def next(self, asked: float | None = None) -> float:
        """Return the seconds of the next pause, at least those of `Retry-After`, up to `LONGEST_PAUSE`."""
        pause = self._grown * (1 + self._number()) / 2
        self._grown = min(self._grown * 2, LONGEST)
        return max(pause, min(asked or 0.0, LONGEST_PAUSE))

    def restart(self) -> None:
        """Begin with a short pause again."""
        self._grown = self._first


class Attempts:
    """The attempts to get one answer, within a limit of time."""

    def __init__(
        self, seconds: float, pauses: Pauses | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Allow attempts for `seconds` from now; 0 allows one. `clock` returns seconds that only grow."""
        self._clock = clock
        self._ends_at = clock() + seconds
        self._pauses = pauses or Pauses()

    def pause(self, error: GatewayError) -> float:
        """Return the seconds to wait after an attempt that failed.

        Raises:
            GatewayError: `error`: a repetition would not help, or would come too late.
        """
        if not error.passing:
            raise error
        seconds = self._pauses.next(error.retry_after)
        if self._clock() + seconds > self._ends_at:
            raise error
        return seconds
