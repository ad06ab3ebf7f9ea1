"""SIGHUP: how an operator has files read again without a restart."""

import asyncio
import contextlib
import signal
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def on_hangup(action: Callable[[], object]) -> Iterator[None]:
    """Do `action` in a thread at each SIGHUP, as long as the context is open and the event loop runs.

    Nothing is installed where it can't be (no SIGHUP on the platform, a loop outside the main thread), or where
    whoever embeds the gateway has a handler of its own.
    """
    loop = asyncio.get_running_loop()
    number = getattr(signal, "SIGHUP", None)
    if number is None or signal.getsignal(number) not in (signal.SIG_DFL, signal.SIG_IGN):
        yield
        return
    try:
        loop.add_signal_handler(number, lambda: loop.run_in_executor(None, action))
    except (NotImplementedError, RuntimeError, ValueError):
        yield
        return
    try:
        yield
    finally:
        loop.remove_signal_handler(number)
