"""The signals that the sidecar handles."""

import asyncio
import signal
from collections.abc import Callable

ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)
"""Signals that end the sidecar."""

HANDLED = (*ENDING, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)
"""Signals that are handled: those that end it, and those that only the service may want."""


class Signals:
    """Handles signals from its creation on, in the running loop. They do not end the process by themselves any more.

    Signals that are ignored stay so, for the service too: those of `nohup`, and of what a script starts with `&`.
    """

    def __init__(self) -> None:
        """Handle signals from now on."""
        self.end = asyncio.Event()
        self._receivers: list[Callable[[signal.Signals], None]] = []
        loop = asyncio.get_running_loop()
        for number in HANDLED:
            if signal.getsignal(number) is not signal.SIG_IGN:
                loop.add_signal_handler(number, self._received, number)

    def add_receiver(self, receiver: Callable[[signal.Signals], None]) -> None:
        """Call `receiver` with each signal from now on."""
        self._receivers.append(receiver)

    def _received(self, number: signal.Signals) -> None:
        if number in ENDING:
            self.end.set()
        for receiver in self._receivers:
            receiver(number)
