"""The service as a child of the sidecar: the signals it gets, its end, and its exit code."""

import asyncio
import os
import signal
import sys

from registry_gateway.sidecar.children import Child
from registry_gateway.sidecar.signals import ENDING

_FROM_TERMINALS = (signal.SIGINT, signal.SIGQUIT)
"""Signals that a terminal sends to all processes in its foreground, so to the service too."""


class Service:
    """A running service."""

    def __init__(self, child: Child, stop_timeout: float) -> None:
        """Take over a process that has `stop_timeout` seconds to end when it is told to."""
        self.ended = child.ended
        self._child = child
        self._stop_timeout = stop_timeout
        self._stop_at: float | None = None

    def pass_on(self, number: signal.Signals) -> None:
        """Send the service a signal that the sidecar was sent."""
        if number in ENDING:
            self._stop_at = self._stop_at or asyncio.get_running_loop().time() + self._stop_timeout
        if not (number in _FROM_TERMINALS and _in_foreground()):
            self._child.signal(number)

    async def finish(self) -> int:
        """Wait for its end, tell it to end if that has not happened, and return the exit code that a shell would have.

        After `stop_timeout` seconds it is killed.
        """
        if not self.ended.done() and self._stop_at is None:
            self.pass_on(signal.SIGTERM)
        try:
            async with asyncio.timeout_at(self._stop_at):
                await asyncio.shield(self.ended)
        except TimeoutError:
            self._child.signal(signal.SIGKILL)
        code = await self.ended
        return code if code >= 0 else 128 - code


def _in_foreground() -> bool:
    try:
        return os.tcgetpgrp(sys.stdin.fileno()) == os.getpgrp()
    except (OSError, ValueError, AttributeError):  # there is no terminal, or no standard input
        return False
