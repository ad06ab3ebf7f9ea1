"""Handling of SIGHUP, which reloads files. Until the handler is installed, the signal is ignored or blocked."""

import asyncio
import contextlib
import signal
import threading
from collections.abc import Callable, Iterator

_SIGHUP = getattr(signal, "SIGHUP", None)  # not on every platform


def ignore() -> None:
    """Ignore SIGHUP from here on, if it has the default action and this is the main thread."""
    if _SIGHUP is None or threading.current_thread() is not threading.main_thread():
        return
    if signal.getsignal(_SIGHUP) is signal.SIG_DFL:
        signal.signal(_SIGHUP, signal.SIG_IGN)


@contextlib.contextmanager
def held_back() -> Iterator[None]:
    """Block SIGHUP while the context is open. Processes that are started in it block it until `on_hangup`.

    A child process does not inherit a handler, so without this SIGHUP would end it before it installs its own.
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
    """Run `action` in a thread at each SIGHUP, while the context is open and the event loop runs.

    Nothing is installed if that is not possible (no SIGHUP on the platform, a loop outside the main thread), or if
    the embedding program has a handler of its own.
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
        with held_back():  # the loop restores the default action, which ends the process
            loop.remove_signal_handler(_SIGHUP)
            signal.signal(_SIGHUP, before)
