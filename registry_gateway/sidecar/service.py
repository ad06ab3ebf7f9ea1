"""The service as a child of the sidecar: the signals it gets, its end, and its exit code."""

import asyncio
import contextlib
import logging
import math
import signal

from registry_gateway.sidecar.children import Child
from registry_gateway.sidecar.signals import ENDING

logger = logging.getLogger("registry_gateway.sidecar")

KILLED_WITHIN = 5.0
"""Seconds to wait for the end of a service that was killed."""

_FROM_TERMINALS = (signal.SIGINT, signal.SIGQUIT)
"""Signals that a terminal sends to all processes in its foreground, so perhaps to the service too."""


class Service:
    """A running service."""

    def __init__(self, child: Child, stop_timeout: float) -> None:
        """Take over a process that has `stop_timeout` seconds to end after the first signal that ends it."""
        self.ended = child.ended
        self._child = child
        self._stop_timeout = stop_timeout
        self._told_at = math.inf
        self._terminated = False

    def pass_on(self, number: signal.Signals) -> None:
        """Send the service a signal that the sidecar was sent."""
        if number in ENDING:
            self._told_at = min(self._told_at, asyncio.get_running_loop().time())
        self._terminated = self._terminated or number == signal.SIGTERM
        if not (number in _FROM_TERMINALS and self._child.in_foreground()):
            self._child.signal(number)

    async def finish(self) -> int:
        """Wait for its end, after SIGTERM if it still runs, and return the exit code that a shell would have.

        If it was not sent SIGTERM it is after half of `stop_timeout`: it may ignore SIGINT, or SIGINT was sent to the
        sidecar alone in the foreground of a terminal. After `stop_timeout` it is killed.
        """
        if self._told_at == math.inf:
            self.pass_on(signal.SIGTERM)
        if not await self._ends_by(self._told_at + self._stop_timeout / 2) and not self._terminated:
            self.pass_on(signal.SIGTERM)
        if not await self._ends_by(self._told_at + self._stop_timeout):
            self._child.signal(signal.SIGKILL)
            if not await self._ends_by(asyncio.get_running_loop().time() + KILLED_WITHIN):
                logger.warning("the service can't be killed; it is left running")
                return 128 + signal.SIGKILL
        code = self.ended.result()
        return code if code >= 0 else 128 - code

    async def _ends_by(self, when: float) -> bool:
        """Wait for its end until a time of the loop's clock, and return whether it has ended."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(when):
                await asyncio.shield(self.ended)
        return self.ended.done()
