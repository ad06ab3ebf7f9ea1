"""The source of the time. All other code receives the time as an argument."""

import time
from typing import Protocol


class Clock(Protocol):
    """The clocks of a process. Times are epoch seconds, except those of `monotonic`."""

    def now(self) -> float:
        """Return the time of this machine's wall clock."""
        ...

    def monotonic(self) -> float:
        """Return seconds of a clock that is never set. Only differences are meaningful."""
        ...

    def server(self) -> float | None:
        """Return the time of the database server; None if the statement has to read it from the server."""
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
        """Return None: statements read the server's clock."""
        return None
