"""Where the time comes from. Everything else is handed it as an argument."""

import time
from typing import Protocol


class Clock(Protocol):
    """The clocks of a process. Times are epoch seconds, but for those of `monotonic`."""

    def now(self) -> float:
        """Return the time of this machine's wall clock."""
        ...

    def monotonic(self) -> float:
        """Return seconds of a clock that is never set. Only differences have a meaning."""
        ...

    def server(self) -> float | None:
        """Return the time of the database server's clock; None: the server has to be asked in the statement."""
        ...


class SystemClock:
    """The machine's clocks."""

    def now(self) -> float:
        """Return the machine's time in seconds since the epoch."""
        return time.time()

    def monotonic(self) -> float:
        """Return the machine's monotonic time in seconds."""
        return time.monotonic()

    def server(self) -> float | None:
        """Return None: only the server knows."""
        return None
