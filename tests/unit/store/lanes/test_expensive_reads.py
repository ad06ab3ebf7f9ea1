"""The gate in front of expensive reads: how many are let in, how many wait, and how long."""

import asyncio

import anyio
import pytest

from registry_gateway.core.errors import Overloaded
from registry_gateway.store.lanes.expensive_reads import Gate

pytestmark = pytest.mark.anyio


async def test_so_many_at_once_and_the_others_in_turn() -> None:
    gate, inside, most = Gate(2), 0, 0

    async def search() -> None:
        nonlocal inside, most
        async with gate.passed():
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0)
            inside -= 1

    await asyncio.gather(*[search() for _ in range(50)])
    assert (most, inside, gate.waiting) == (2, 0, 0)


async def test_beyond_the_room_a_refusal_comes_at_once() -> None:
    gate = Gate(1, waiting=2, wait_seconds=60)
    async with gate.passed(), anyio.create_task_group() as tasks:
        for _ in range(2):
            tasks.start_soon(_pass, gate)
        await anyio.wait_all_tasks_blocked()
        with anyio.fail_after(1), pytest.raises(Overloaded, match="waiting"):
            await _pass(gate)
        tasks.cancel_scope.cancel()
    await _pass(gate)


async def test_the_wait_has_an_end() -> None:
    gate = Gate(1, wait_seconds=0.02)
    async with gate.passed():
        with pytest.raises(Overloaded, match="running"):
            await _pass(gate)
    await _pass(gate)
    assert gate.waiting == 0


async def test_an_error_inside_gives_the_turn_back() -> None:
    gate = Gate(1, wait_seconds=0.02)
    with pytest.raises(ZeroDivisionError):
        async with gate.passed():
            raise ZeroDivisionError
    await _pass(gate)


async def _pass(gate: Gate) -> None:
    async with gate.passed():
        pass


async def test_a_turn_is_given_on_after_a_pause_as_long_as_it_took() -> None:
    gate, loop = Gate(1, wait_seconds=60, pausing=True), asyncio.get_running_loop()
    ended = began = 0.0

    async def first() -> None:
        nonlocal ended
        async with gate.passed():
            await asyncio.sleep(0.2)
            ended = loop.time()

    async def second() -> None:
        nonlocal began
        async with gate.passed():
            began = loop.time()

    async with asyncio.timeout(10), asyncio.TaskGroup() as both:
        both.create_task(first())
        both.create_task(second())
    assert began - ended >= 0.19
