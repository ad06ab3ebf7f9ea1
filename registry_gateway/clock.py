"""Where the time comes from. Everything else is handed it as an argument."""

import time
from typing import Protocol


class Clock(Protocol):
    """Tells the time as epoch seconds."""

    def now(self) -> float:
        """Return the current time in seconds since the epoch."""
        ...


class SystemClock:
    """The machine's wall clock."""

    def now(self) -> float:
        """Return the machine's time in seconds since the epoch."""
        return time.time()
