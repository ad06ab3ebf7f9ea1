"""The most events that are kept: the oldest go first, also where several gateways remove them, without a gap."""

import asyncio
from itertools import pairwise

import pytest

from registry_gateway.core.errors import NotInLog
from registry_gateway.registry.maintenance import run_maintenance
from registry_gateway.registry.registry import CHUNK, Registry
from registry_gateway.settings import Settings
from registry_gateway.store.engine import Store
from registry_gateway.store.statements import lapses
from tests.conftest import START, ManualClock
from tests.contract.services import DIALECT, ENDS, TTL, OpenRegistry, register, renew

pytestmark = pytest.mark.anyio


async def ids(registry: Registry) -> list[int]:
    return [event.id for event in await registry.events(limit=10_000)]


async def happen(registry: Registry, events: int) -> None:
    """Have so many events, each in a commit of many."""
    await asyncio.gather(*(registry.register(register(f"s{number}")) for number in range(events)))


async def test_the_oldest_are_removed_beyond_it(open_registry: OpenRegistry) -> None:
    registry = open_registry(ENDS)
    await happen(registry, 2 * CHUNK + 20)
    everything = await ids(registry)
    await registry.purge()
    assert await ids(registry) == everything
    await registry.purge(most_events=10_000)
    assert await ids(registry) == everything
    await registry.purge(START, most_events=15)
    assert await ids(registry) == everything[-15:]
    await registry.purge(most_events=1)
    assert await ids(registry) == everything[-1:]


async def test_a_reader_from_before_the_first_event_is_refused(open_registry: OpenRegistry) -> None:
    registry = open_registry(ENDS)
    await happen(registry, 20)
    everything = await ids(registry)
    await registry.purge(most_events=5)
    assert [e.id for e in await registry.events(after=everything[-6])] == everything[-5:]
    for key in (None, "s0"):
        with pytest.raises(NotInLog) as gap:
            await registry.events(after=everything[-7], dialect=key and DIALECT, key=key)
        assert gap.value.first == everything[-5]


async def test_gateways_that_remove_at_once_leave_no_gap_to_those_who_read(open_registry: OpenRegistry) -> None:
    gateways = [open_registry(ENDS) for _ in range(3)]
    reader = open_registry(ENDS)
    await happen(gateways[0], 4 * CHUNK)
    oldest = (await ids(reader))[0]
    purges = asyncio.gather(*(gateway.purge(most_events=100) for gateway in gateways))
    gaps = 0
    while not purges.done():
        try:
            found = [e.id for e in await reader.events(after=oldest - 1, limit=CHUNK)]
        except NotInLog as gap:
            oldest, gaps = gap.first, gaps + 1
            continue
        assert all(later == earlier + 1 for earlier, later in pairwise(found))
    await purges
    assert len(await ids(reader)) == 100
    assert gaps


async def test_a_gateway_that_keeps_house_removes_them(open_registry: OpenRegistry, clock: ManualClock) -> None:
    registry = open_registry(ENDS)
    await happen(registry, 50)
    settings = Settings(max_events=10, purge_interval=5.0)
    maintenance = asyncio.create_task(run_maintenance(registry, settings, clock))
    for _ in range(500):
        if len(await ids(registry)) == 10:
            break
        await asyncio.sleep(0.02)
    maintenance.cancel()
    await asyncio.wait([maintenance])
    assert len(await ids(registry)) == 10


async def test_a_sweep_knows_that_more_leases_were_renewed_than_it_puts_off(
    database_url: str, open_registry: OpenRegistry, clock: ManualClock
) -> None:
    registry, store = open_registry(ENDS), Store(database_url)
    await happen(registry, 30)
    clock.advance(TTL - 1)
    await asyncio.gather(*(registry.renew(renew(f"s{number}")) for number in range(30)))
    clock.advance(1)
    swept = [await store.write(lambda c: lapses.expire(c, {DIALECT: ENDS}, 20, clock.now())) for _ in range(2)]
    await store.close()
    assert swept == [([], True), ([], False)]  # the first one knows that there is more
