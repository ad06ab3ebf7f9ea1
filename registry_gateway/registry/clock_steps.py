"""Detection of steps of the lease clock, and of a difference between it and this machine's clock."""

import logging
from typing import NamedTuple

from registry_gateway.observability.metrics import LeaseClock

STEP = 0.5
"""Minimum jump in seconds that counts as a step; NTP corrects smaller differences gradually."""

PRECISE = 1.0
"""Maximum duration in seconds of a reading that later ones are compared with."""

SKEW = 5.0
"""Difference in seconds between this machine's clock and the database server's above which a warning is logged."""

log = logging.getLogger("registry_gateway.clock")


class Reading(NamedTuple):
    """A reading of the lease clock between two instants of the monotonic clock, and of this machine's wall clock."""

    now: float
    wall: float
    after: float
    before: float


class Skew:
    """The lease clock as this process sees it, compared with the monotonic clock."""

    def __init__(self, meter: LeaseClock) -> None:
        """`meter` receives the steps and the difference between the clocks."""
        self._meter = meter
        self._known: Reading | None = None
        self._apart = False

    def step(self, reading: Reading) -> float:
        """Return the seconds by which the lease clock was set since the last reading, at least; 0 if it was not set."""
        known = self._known
        if known is None:
            return 0.0
        moved = reading.now - known.now
        least, most = moved - (reading.before - known.after), moved - (reading.after - known.before)
        return least if least > STEP else most if most < -STEP else 0.0

    def note(self, reading: Reading) -> None:
        """Store the reading of a committed transaction; log a step of the clock, and a difference beyond `SKEW`."""
        step = self.step(reading)
        if step:
            self._meter.stepped()
            word = "forward" if step > 0 else "back"
            log.warning("the clock that leases are judged by was set %s by %.1f s", word, abs(step))
        if step or self._known is None or reading.before - reading.after <= PRECISE:
            self._known = reading
        ahead = self._meter.ahead = reading.wall - reading.now
        if (abs(ahead) > SKEW) is not self._apart:
            self._apart = not self._apart
            word = "ahead of" if ahead > 0 else "behind"
            said = "is %.1f s %s the database server's" if self._apart else "agrees with the database server's again"
            arguments = (abs(ahead), word) if self._apart else ()
            log.warning(f"this machine's clock {said}: leases follow the server's, tokens this machine's", *arguments)
