"""Long work on the event loop in short parts with pauses, so that heartbeats are answered in between.

A thread would not help, because it needs the interpreter's lock too. The event loop releases the lock at each wait,
some ten times per heartbeat, and would need up to 5 ms each time to get it back.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable
from time import perf_counter
from typing import TypeVar

T = TypeVar("T")

HOLD_SECONDS = 0.002
"""Maximum duration of a part; up to `MOST_SECONDS` if the pause before it took longer."""

MOST_SECONDS = 0.01
"""Maximum duration of a part if pauses take long because the machine is busy. Otherwise the work would not end."""

REST_SECONDS = 0.001
"""Duration of a pause. A single round of the event loop is not enough: a heartbeat takes some ten rounds."""


async def paced(steps: Iterable[T]) -> AsyncIterator[T]:
    """Yield from `steps`, with a pause whenever the steps and their processing have held the event loop for long.

    No single step may take much longer than `HOLD_SECONDS`.
    """
    hold, began = HOLD_SECONDS, perf_counter()
    for step in steps:
        yield step
        ended = perf_counter()
        if ended - began > hold:
            await rest()
            began = perf_counter()
            hold = min(max(HOLD_SECONDS, began - ended), MOST_SECONDS)


async def rest() -> None:
    """Pause, so that other tasks can run."""
    await asyncio.sleep(REST_SECONDS)
