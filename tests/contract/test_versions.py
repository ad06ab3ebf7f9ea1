"""Versions by heartbeat: each is stored, few are recorded, and what is recorded is true in the end."""

import asyncio

import pytest

from registry_gateway.core.model import EventKind
from registry_gateway.core.transitions import VERSION_INTERVAL
from registry_gateway.registry.registry import Registry
from registry_gateway.store.statements.versions import KEPT
from tests.conftest import START, ManualClock
from tests.contract.services import DIALECT, STAYS, OpenRegistry, deregister, found, register, renew

pytestmark = pytest.mark.anyio


async def recorded(registry: Registry) -> list[tuple[object, object, float]]:
    """Return the events `version_changed` as (old, new, seconds since the start)."""
    events = await registry.events(limit=10_000)
    changes = [event for event in events if event.kind is EventKind.VERSION_CHANGED]
    return [(event.detail["old"], event.detail["new"], event.at - START) for event in changes]


async def history(registry: Registry) -> list[tuple[str, float]]:
    return [(v.version, v.since - START) for v in await registry.versions(DIALECT, "svc")]


async def test_one_change_in_ten_seconds_is_recorded_and_every_version_is_stored(
    open_registry: OpenRegistry, clock: ManualClock
) -> None:
    registry = open_registry(STAYS)
    await registry.register(register(version="0", ttl=1000))
    for second in range(35):
        await registry.renew(renew(version=str(second + 1)))
        assert (await found(registry)).registration.version == str(second + 1)
        clock.advance(1)
    assert await recorded(registry) == [("0", "1", 0), ("1", "11", 10), ("11", "21", 20), ("21", "31", 30)]
    assert await history(registry) == [("0", 0), ("1", 0), ("11", 10), ("21", 20), ("31", 30)]


async def test_heartbeats_in_one_commit_are_one_change(open_registry: OpenRegistry) -> None:
    registry = open_registry(STAYS)
    await registry.register(register(version="0"))
    await asyncio.gather(*(registry.renew(renew(version=str(number))) for number in range(1, 51)))
    assert len(await recorded(registry)) == 1
    assert (await found(registry)).registration.version == "50"


@pytest.mark.parametrize("heartbeat", [renew(), renew(version="3")], ids=["without", "with its version"])
async def test_the_first_heartbeat_after_the_interval_records_what_became_of_it(
    open_registry: OpenRegistry, clock: ManualClock, heartbeat: object
) -> None:
    registry, other = open_registry(STAYS), open_registry(STAYS)
    await registry.register(register(version="1"))
    await registry.renew(renew(version="2"))
    await registry.renew(renew(version="3"))
    clock.advance(VERSION_INTERVAL - 1)
    await other.renew(heartbeat)  # type: ignore[arg-type] # a heartbeat
    assert await recorded(registry) == [("1", "2", 0)]
    clock.advance(1)
    for gateway in (other, registry):  # whichever gateway it reaches, and once
        await gateway.renew(heartbeat)  # type: ignore[arg-type] # a heartbeat
    assert await recorded(registry) == [("1", "2", 0), ("2", "3", 10)]
    assert await history(registry) == [("1", 0), ("2", 0), ("3", 10)]


async def test_a_version_that_came_and_went_is_no_change(open_registry: OpenRegistry, clock: ManualClock) -> None:
    registry = open_registry(STAYS)
    await registry.register(register(version="1"))
    for version in ("2", "3", "2"):
        await registry.renew(renew(version=version))
    assert (await found(registry)).registration.version_due is None
    clock.advance(VERSION_INTERVAL)
    await registry.renew(renew())
    assert await recorded(registry) == [("1", "2", 0)]


@pytest.mark.parametrize(
    ("version", "expected"), [("3", [("2", "3", 1)]), ("2", []), ("4", [("2", "4", 1)])], ids=["same", "back", "new"]
)
async def test_a_registration_records_it_from_the_version_last_recorded(
    open_registry: OpenRegistry, clock: ManualClock, version: str, expected: list[tuple[str, str, float]]
) -> None:
    registry = open_registry(STAYS)
    await registry.register(register(version="1"))
    await registry.renew(renew(version="2"))
    await registry.renew(renew(version="3"))
    clock.advance(1)
    await registry.register(register(version=version))
    assert (await recorded(registry))[1:] == expected
    clock.advance(VERSION_INTERVAL)
    await registry.renew(renew())
    assert (await recorded(registry))[1:] == expected
    assert (await history(registry))[-1][0] == (await found(registry)).registration.version == version


async def test_what_leaves_meanwhile_leaves_with_its_last_version(open_registry: OpenRegistry) -> None:
    registry = open_registry(STAYS)
    await registry.register(register(version="1"))
    for version in ("2", "3"):
        await registry.renew(renew(version=version))
    await registry.deregister(deregister())
    assert (await registry.events())[-1].version == "3"
    await registry.register(register(version="1"))
    assert (await found(registry)).registration.version_due is None
    assert await history(registry) == [("1", 0)]


async def test_a_clock_that_was_set_back_delays_nothing(open_registry: OpenRegistry, clock: ManualClock) -> None:
    registry = open_registry(STAYS)
    await registry.register(register(version="1"))
    clock.advance(1)
    await registry.renew(renew(version="2"))
    clock.advance(-3600)
    await registry.renew(renew(version="3"))
    assert [change[:2] for change in await recorded(registry)] == [("1", "2"), ("2", "3")]


async def test_the_last_hundred_versions_are_kept(open_registry: OpenRegistry, clock: ManualClock) -> None:
    registry = open_registry(STAYS)
    await registry.register(register(version="0", ttl=10_000))
    for number in range(1, KEPT + 10):
        command = renew(version=str(number)) if number % 2 else register(version=str(number), ttl=10_000)
        await (registry.renew(command) if number % 2 else registry.register(command))  # type: ignore[arg-type] # by turns
        clock.advance(VERSION_INTERVAL)
    kept = [version for version, _ in await history(registry)]
    assert kept == [str(number) for number in range(10, KEPT + 10)]
