"""SIGHUP: how an operator has files read again without a restart. Before that is possible, it does nothing."""

import asyncio
import contextlib
import signal
import threading
from collections.abc import Callable, Iterator

_SIGHUP = getattr(signal, "SIGHUP", None)  # not on every platform


def ignore() -> None:
    """Ignore SIGHUP from here on, where it would end the process and signals can be handled."""
    if _SIGHUP is None or threading.current_thread() is not threading.main_thread():
        return
    if signal.getsignal(_SIGHUP) is signal.SIG_DFL:
        signal.signal(_SIGHUP, signal.SIG_IGN)


@contextlib.contextmanager
def held_back() -> Iterator[None]:
    """Hold SIGHUP back while the context is open; processes that are started in it hold it back until `on_hangup`.

    A process that handles a signal does not hand that on: those it starts would die of it before they can.
    """
    if _SIGHUP is None:
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {_SIGHUP})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextlib.contextmanager
def on_hangup(action: Callable[[], object]) -> Iterator[None]:
    """Do `action` in a thread at each SIGHUP, as long as the context is open and the event loop runs.

    Nothing is installed where it can't be (no SIGHUP on the platform, a loop outside the main thread), or where
    whoever embeds the gateway has a handler of its own.
    """
    loop = asyncio.get_running_loop()
    before = None if _SIGHUP is None else signal.getsignal(_SIGHUP)
    if _SIGHUP is None or before not in (signal.SIG_DFL, signal.SIG_IGN):
        yield
        return
    try:
        loop.add_signal_handler(_SIGHUP, lambda: loop.run_in_executor(None, action))
    except (NotImplementedError, RuntimeError, ValueError):
        yield
        return
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {_SIGHUP})
    try:
        yield
    finally:
        with held_back():  # the loop leaves the default, which ends the process
            loop.remove_signal_handler(_SIGHUP)
            signal.signal(_SIGHUP, before)
