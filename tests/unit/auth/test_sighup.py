"""SIGHUP inside one process: when the action is done, and whose handlers are left alone."""

import asyncio
import os
import signal
import threading
from collections.abc import Iterator

import pytest

from registry_gateway.auth.sighup import on_hangup


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    """SIGHUP as it was."""
    before = signal.getsignal(signal.SIGHUP)
    yield
    signal.signal(signal.SIGHUP, before)


def test_each_signal_does_the_action_off_the_loop_as_long_as_the_context_is_open() -> None:
    async def work() -> None:
        loop = asyncio.get_running_loop()
        done: asyncio.Queue[threading.Thread] = asyncio.Queue()
        with on_hangup(lambda: loop.call_soon_threadsafe(done.put_nowait, threading.current_thread())):
            for _ in range(2):
                os.kill(os.getpid(), signal.SIGHUP)
                assert await asyncio.wait_for(done.get(), 5) is not threading.main_thread()
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_DFL

    asyncio.run(work())


def test_a_handler_of_an_embedding_program_stays() -> None:
    def own(_number: int, _frame: object) -> None: ...

    async def work() -> None:
        with on_hangup(lambda: None):
            assert signal.getsignal(signal.SIGHUP) is own

    signal.signal(signal.SIGHUP, own)
    asyncio.run(work())
    assert signal.getsignal(signal.SIGHUP) is own


def test_a_loop_outside_the_main_thread_goes_without() -> None:
    before = signal.getsignal(signal.SIGHUP)  # ignored, if the tests run under nohup
    entered = []

    async def work() -> None:
        with on_hangup(lambda: None):
            entered.append(signal.getsignal(signal.SIGHUP))

    thread = threading.Thread(target=lambda: asyncio.run(work()))
    thread.start()
    thread.join()
    assert entered == [before]
