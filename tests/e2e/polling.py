"""Waiting for what another process does, by asking again rather than by guessing a sleep."""

import time
from collections.abc import Callable
from typing import TypeVar

Answer = TypeVar("Answer")

PAUSE = 0.05
"""Seconds between two looks: short beside every lease here, long beside one request on loopback."""

PATIENCE = 60.0
"""Seconds a wait may take: for a loaded machine, since what works is seen within a fraction of it. A chapkit service
alone takes nine to start, and twenty programs start together.
"""


def wait_until(look: Callable[[], Answer | None], what: str, *, evidence: Callable[[], str] = str) -> Answer:
    """Look until the answer is true and return it; when patience runs out, fail with `what` and evidence."""
    answer = last_answer(look)
    if not answer:
        raise AssertionError(f"after {PATIENCE:g} s still not so: {what}\n{evidence()}")
    return answer


def last_answer(look: Callable[[], Answer]) -> Answer:
    """Look until the answer is true or patience runs out, and leave the judgement to the caller."""
    deadline = time.monotonic() + PATIENCE
    while not (answer := look()) and time.monotonic() < deadline:
        time.sleep(PAUSE)
    return answer


def watch(look: Callable[[], object], *, seconds: float) -> None:
    """Look again and again for so many seconds: for what must hold all the time, not just at the end."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        look()
        time.sleep(4 * PAUSE)  # it asks for long, of a server that has other things to do
