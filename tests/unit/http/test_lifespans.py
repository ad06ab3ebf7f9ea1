"""What mounts open and close: in order, all of them, and in time."""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager

import pytest

from registry_gateway.core.deadlines import CLOSE_WITHIN
from registry_gateway.http.lifespans import Lifespan, entered

pytestmark = pytest.mark.anyio


def lifespan(done: list[str], name: str, *, failing: str = "", hanging: bool = False) -> Lifespan:
    @contextlib.asynccontextmanager
    async def opened() -> AsyncIterator[None]:
        if failing == "opening":
            raise OSError(name)
        done.append(f"+{name}")
        try:
            yield
        finally:
            if failing == "closing":
                raise OSError(name)
            if hanging:
                await asyncio.sleep(3600)
            done.append(f"-{name}")

    def made() -> AbstractAsyncContextManager[None]:
        return opened()

    return made


async def test_they_are_left_in_the_reverse_order() -> None:
    done: list[str] = []
    async with entered({name: lifespan(done, name) for name in "abc"}):
        assert done == ["+a", "+b", "+c"]
    assert done[3:] == ["-c", "-b", "-a"]


async def test_one_that_can_not_be_opened_stops_the_start() -> None:
    done: list[str] = []
    with pytest.raises(OSError, match="b"):
        async with entered({"a": lifespan(done, "a"), "b": lifespan(done, "b", failing="opening")}):
            done.append("started")
    assert done == ["+a", "-a"]


async def test_those_that_fail_or_hang_on_closing_leave_the_others_to_close(caplog: pytest.LogCaptureFixture) -> None:
    done: list[str] = []
    began = 0.0
    with caplog.at_level(logging.ERROR):
        async with entered(
            {
                "a": lifespan(done, "a"),
                "b": lifespan(done, "b", failing="closing"),
                "c": lifespan(done, "c", hanging=True),
                "d": lifespan(done, "d", hanging=True),
            }
        ):
            began = time.monotonic()
    assert done[4:] == ["-a"]
    assert time.monotonic() - began < CLOSE_WITHIN
    assert [record.getMessage() for record in caplog.records] == [
        f"the resources of {name} could not be closed" for name in "dcb"
    ]
