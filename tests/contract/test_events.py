"""The log of changes: complete, in order, and kept as long as was asked."""

import asyncio

import pytest

from registry_gateway.core.model import Event
from registry_gateway.registry import write_batch
from registry_gateway.registry.registry import CHUNK
from registry_gateway.store.engine import Store
from tests.conftest import START, ManualClock
from tests.contract.services import (
    DIALECT,
    ENDS,
    STAYS,
    TTL,
    OpenRegistry,
    advertise,
    deregister,
    history,
    register,
    renew,
)
from tests.postgresql import SERVERS

pytestmark = pytest.mark.anyio


async def test_the_events_of_a_service_are_in_order(open_registry: OpenRegistry, clock: ManualClock) -> None:
    registry = open_registry(STAYS)
    await registry.register(register(approved=False))
    await registry.advertise(advertise())
    clock.advance(TTL)
    await registry.expire()
    clock.advance(1)
    await registry.renew(renew(version="1.1"))
    await registry.deregister(deregister(reason="end of\nlife ☠"))
    events = await registry.events()
    assert [e.kind.value for e in events] == [
        "registered",
        "updated",
        "expired",
        "recovered",
        "version_changed",
        "deregistered",
    ]
    assert [e.at - START for e in events] == [0, 0, TTL, TTL + 1, TTL + 1, TTL + 1]
    assert [e.id for e in events] == sorted({e.id for e in events})
    assert [e.actor for e in events] == ["account:alice"] * 2 + ["gateway"] + ["account:alice"] * 3
    assert events[-1].reason == "end of\nlife ☠"
    assert events[4].detail == {"old": "1.0", "new": "1.1"}


async def test_heartbeats_in_time_leave_no_events(open_registry: OpenRegistry) -> None:
    registry = open_registry(ENDS)
    await registry.register(register())
    for _ in range(3):
        await registry.renew(renew())
    assert await history(registry) == ["registered"]


async def test_events_are_found_by_key_and_from_a_point_on(open_registry: OpenRegistry) -> None:
    registry = open_registry(ENDS)
    for key in ("a", "b", "a"):
        await registry.register(register(key))
    everything = await registry.events()
    assert [e.key for e in everything] == ["a", "b", "a"]
    assert await registry.events(dialect=DIALECT, key="a") == [everything[0], everything[2]]
    assert await registry.events(dialect="other") == []
    assert await registry.events(after=everything[0].id) == everything[1:]
    assert await registry.events(after=everything[-1].id) == []
    assert await registry.events(limit=2) == everything[1:]


async def test_old_events_are_pruned_and_new_ones_kept(open_registry: OpenRegistry, clock: ManualClock) -> None:
    registry = open_registry(ENDS)
    await asyncio.gather(*(registry.register(register(f"svc-{n}", ttl=1000)) for n in range(CHUNK + 100)))
    clock.advance(10)
    await registry.register(register("new"))
    newest = (await registry.events())[-1]
    await registry.purge(START)
    assert len(await registry.events(limit=5000)) == CHUNK + 101
    await registry.purge(START + 10)
    assert await registry.events(limit=5000) == [newest]
    assert len(await registry.list()) == CHUNK + 101
    await registry.purge(START + 11)
    assert await registry.events() == [newest], "the end of the log, by which it is known where it goes on"
    await registry.register(register("newer"))
    assert [e.id > newest.id for e in await registry.events()] == [False, True]


@pytest.mark.parametrize("database_url", SERVERS, indirect=True)
async def test_who_follows_the_log_misses_no_event_of_another_gateway(
    open_registry: OpenRegistry, database_url: str, clock: ManualClock
) -> None:
    """An event that is committed later must not have a lower id than one that was read already."""
    registry = open_registry(ENDS)
    other = Store(database_url)
    async with other.engine.connect() as connection:
        slow = await connection.begin()  # another gateway, in the middle of its transaction
        await connection.run_sync(write_batch.apply, [register("slow")], {DIALECT: ENDS}, clock.now())
        fast = asyncio.create_task(registry.register(register("fast")))
        done, _ = await asyncio.wait([fast], timeout=0.2)
        seen: list[Event] = list(await registry.events()) if done else []
        await slow.commit()
        await fast
        seen += await registry.events(after=seen[-1].id if seen else 0)
    await other.close()
    assert sorted(event.key for event in seen) == ["fast", "slow"]
