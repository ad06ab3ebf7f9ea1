"""When the next request of a registration is sent. Pure: random numbers are given."""

import random
from collections.abc import Callable

from registry_gateway.client.retry_after import LONGEST_PAUSE
from registry_gateway.core.time_text import LONGEST

HEARTBEATS = 3
"""Heartbeats in a lease: two may be lost."""

FIRST_PAUSE = 0.4
"""The pause after the first failure, in intervals, before jitter. Each further one is twice as long. With a shorter one
half of all services would come back in the same second after an outage of a few seconds.
"""

FIRST_LOOK = 1.0
"""Seconds until a service that is not well is checked again, before jitter. Each further time it is twice as long."""

SHORTEST = 0.1
"""Shortest interval in seconds, whatever lease a gateway states, and shortest time between two attempts."""

REFUSED_PAUSE = 60.0
"""Longest pause in seconds while the gateway refuses: a key or a document has to be corrected first."""


class Schedule:
    """The delays between the beginnings of two attempts of one registration, in seconds.

    All have jitter, so that services that started together, or whose gateway was restarted, do not send at once.
    """

    def __init__(
        self, lease: float, interval: float | None = None, number: Callable[[], float] = random.random
    ) -> None:
        """Begin with a lease of `lease` seconds, until the gateway states another.

        Args:
            lease: The length of the lease in seconds.
            interval: Seconds between two heartbeats; None: a third of the lease.
            number: Returns random numbers from 0 up to 1.
        """
        self._lease = lease
        self._interval = interval
        self._number = number
        self._failures = 0

    @property
    def interval(self) -> float:
        """Seconds between two heartbeats."""
        return self._interval or max(self._lease / HEARTBEATS, SHORTEST)

    def granted(self, lease: float | None) -> None:
        """Take over the lease that an answer states, if it states a valid one."""
        if lease is not None and 0 < lease <= LONGEST:
            self._lease = lease

    def registered(self) -> float:
        """Return the delay until the first heartbeat: a random part of an interval."""
        self._failures = 0
        return self.interval * (0.1 + 0.9 * self._number())

    def renewed(self) -> float:
        """Return the delay until the next heartbeat: nine tenths of an interval up to all of it.

        After a failure it is as after a registration, because many services are then back in the same moments.
        """
        return self.registered() if self._failures else self.interval * (0.9 + 0.1 * self._number())

    def not_reached(self, asked: float | None = None) -> float:
        """Return the delay until the next attempt while the gateway is unreachable.

        It grows to an interval, and is longer only if `Retry-After` is.
        """
        return self._failed(FIRST_PAUSE * self.interval, self.interval, asked)

    def not_well(self) -> float:
        """Return the delay until the service is checked again. It grows to an interval."""
        return self._failed(FIRST_LOOK, self.interval)

    def refused(self, asked: float | None = None) -> float:
        """Return the delay until the next attempt while the gateway refuses. It grows to `REFUSED_PAUSE`."""
        return self._failed(FIRST_PAUSE * self.interval, max(self.interval, REFUSED_PAUSE), asked)

    def _failed(self, first: float, longest: float, asked: float | None = None) -> float:
        grown = min(longest, first * 2.0 ** min(self._failures, 16))
        self._failures += 1
        asked = min(asked or 0.0, LONGEST_PAUSE)
        return max(grown * (0.2 + 0.8 * self._number()), asked * (1 + 0.2 * self._number()))
