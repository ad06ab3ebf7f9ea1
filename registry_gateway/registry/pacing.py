"""Long work on the event loop, done in short parts with rests between, so that heartbeats are answered meanwhile.

A thread would not help: it needs the interpreter's lock as well. The event loop lets go of that whenever it waits for
something, and would have to wait up to 5 ms to get it back, some ten times for each heartbeat.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable
from time import perf_counter
from typing import TypeVar

T = TypeVar("T")

HOLD_SECONDS = 0.002
"""How long a part may keep the event loop; longer, up to `MOST_SECONDS`, if the rest before it took longer."""

MOST_SECONDS = 0.01
"""Most seconds of a part where rests take long, because the machine is busy. Otherwise the work would not end."""

REST_SECONDS = 0.001
"""How long others then have it. Just going round the loop once is not enough: a heartbeat takes some ten rounds."""


async def paced(steps: Iterable[T]) -> AsyncIterator[T]:
    """Yield from `steps`, and rest whenever these, and what is done with them, have kept the event loop for long.

    No step may take much longer than `HOLD_SECONDS` by itself.
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
    """Leave the event loop to others for a moment."""
    await asyncio.sleep(REST_SECONDS)
