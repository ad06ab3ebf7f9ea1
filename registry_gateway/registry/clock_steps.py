"""Whether the clock that leases are judged by was set, and how far this machine's clock is from it."""

import logging
from typing import NamedTuple

from registry_gateway.observability.metrics import LeaseClock

STEP = 0.5
"""Seconds by which a clock has to jump to count as set; less is the drift that NTP corrects."""

PRECISE = 1.0
"""Seconds a reading may take to be compared with the next one."""

SKEW = 5.0
"""Seconds this machine's clock may differ from the database server's before the log says so."""

log = logging.getLogger("registry_gateway.clock")


class Reading(NamedTuple):
    """The lease clock, read between two instants of the monotonic clock; and this machine's wall clock beside it."""

    now: float
    wall: float
    after: float
    before: float


class Skew:
    """The lease clock as this process has seen it, beside the monotonic clock."""

    def __init__(self, meter: LeaseClock) -> None:
        """Take where it is counted."""
        self._meter = meter
        self._known: Reading | None = None
        self._apart = False

    def step(self, reading: Reading) -> float:
        """Return by how many seconds the lease clock was set since the last reading: at least, and 0 if it was not."""
        known = self._known
        if known is None:
            return 0.0
        moved = reading.now - known.now
        least, most = moved - (reading.before - known.after), moved - (reading.after - known.before)
        return least if least > STEP else most if most < -STEP else 0.0

    def note(self, reading: Reading) -> None:
        """Take a reading of a transaction that is in; log if the clock was set, or if this machine's is far from it."""
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
