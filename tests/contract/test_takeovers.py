"""Rolling restarts: the goodbye of the old process, and everything that may happen at the same moment."""

import asyncio

import pytest

from registry_gateway.core.commands import Renewed, Unknown
from registry_gateway.core.model import Actor
from registry_gateway.registry.registry import Registry
from tests.conftest import ManualClock
from tests.contract.services import (
    DIALECT,
    REMEMBERS,
    STAYS,
    TTL,
    OpenRegistry,
    deregister,
    found,
    history,
    listen,
    register,
    renew,
)

pytestmark = pytest.mark.anyio

OLD, NEW = Actor("anonymous", "192.0.2.1"), Actor("anonymous", "192.0.2.2")


async def taken_over(registry: Registry, old: Actor = OLD, new: Actor = NEW) -> None:
    """Register a service from one address, and while it lives from another one."""
    await registry.register(register(actor=old))
    assert not (await registry.register(register(actor=new, address="http://new"))).created


@pytest.mark.parametrize("new", [OLD, NEW], ids=["one address", "two addresses"])
async def test_a_deregistration_by_the_replaced_process_is_set_aside_once(
    open_registry: OpenRegistry, clock: ManualClock, new: Actor
) -> None:
    registry, other = open_registry(REMEMBERS), open_registry(REMEMBERS)
    await taken_over(registry, OLD, new)
    clock.advance(TTL / 2)
    assert isinstance(await registry.renew(renew()), Renewed)
    before = (await found(registry)).registration.lease
    await other.deregister(deregister(actor=OLD, reason=None))
    entry = await found(registry)
    assert entry.registration.lease == before, "it is left to its lease"
    assert entry.registration.address == "http://new"
    assert await history(registry) == ["registered", "updated", "deregistration_ignored"]
    await other.deregister(deregister(actor=OLD))
    assert await registry.find(DIALECT, "svc") is None
    assert isinstance(await registry.renew(renew()), Unknown)


async def test_without_a_process_it_lapses_within_one_lease(open_registry: OpenRegistry, clock: ManualClock) -> None:
    registry = open_registry(REMEMBERS)
    await registry.start()
    await taken_over(registry, OLD, OLD)
    await registry.deregister(deregister(actor=OLD))
    await listen(registry, clock, TTL)
    assert not (await found(registry)).alive
    assert await registry.expire() == 1


async def test_a_takeover_survives_heartbeats_a_lapse_and_a_restart(
    open_registry: OpenRegistry, clock: ManualClock
) -> None:
    registry = open_registry(REMEMBERS)
    await registry.start()
    await taken_over(registry)
    await registry.renew(renew())
    await listen(registry, clock, TTL + 1)
    await registry.expire()
    assert isinstance(await registry.renew(renew()), Renewed)
    again = open_registry(REMEMBERS)
    await again.start()
    await again.deregister(deregister(actor=OLD))
    assert (await found(again)).alive


async def test_administrators_remove_at_once(open_registry: OpenRegistry) -> None:
    registry = open_registry(REMEMBERS)
    await taken_over(registry)
    await registry.deregister(deregister(actor=OLD, forced=True))
    assert await registry.find(DIALECT, "svc") is None


async def test_a_dialect_without_the_rule_removes_at_once(open_registry: OpenRegistry) -> None:
    registry = open_registry(STAYS)
    await taken_over(registry)
    await registry.deregister(deregister(actor=OLD))
    assert await registry.find(DIALECT, "svc") is None


@pytest.mark.parametrize("step", [3_600.0, 86_400.0])
async def test_a_clock_that_is_set_back_makes_the_window_no_longer(
    open_registry: OpenRegistry, clock: ManualClock, step: float
) -> None:
    registry = open_registry(REMEMBERS)
    await registry.start()
    await taken_over(registry)
    clock.time -= step
    await registry.resume()
    clock.advance(3_600.5)
    await registry.resume()
    await registry.renew(renew())
    await registry.deregister(deregister(actor=OLD))
    assert await registry.find(DIALECT, "svc") is None


@pytest.mark.parametrize("new", [OLD, NEW], ids=["one address", "two addresses"])
async def test_a_rolling_restart_races_and_the_new_process_stays(open_registry: OpenRegistry, new: Actor) -> None:
    """The new process has registered; goodbye of the old one, both their pings and a sweep meet at three gateways."""
    gateways = [open_registry(REMEMBERS) for _ in range(3)]
    for n in range(12):
        key = f"svc-{n}"
        await gateways[n % 3].register(register(key, actor=OLD))
        await gateways[(n + 1) % 3].register(register(key, actor=new, address="http://new"))
        await asyncio.gather(
            gateways[(n + 2) % 3].deregister(deregister(key, actor=OLD)),
            *(gateway.renew(renew(key, actor=actor)) for gateway in gateways for actor in (OLD, new)),
            gateways[n % 3].expire(),
        )
        entry = await found(gateways[0], key)
        assert (entry.alive, entry.registration.address) == (True, "http://new")
        assert (await history(gateways[0], key)).count("deregistration_ignored") == 1


async def test_of_deregistrations_that_race_exactly_one_is_set_aside(open_registry: OpenRegistry) -> None:
    gateways = [open_registry(REMEMBERS) for _ in range(3)]
    for n in range(12):
        key = f"svc-{n}"
        await gateways[0].register(register(key, actor=OLD))
        await gateways[0].register(register(key, actor=NEW))
        await asyncio.gather(
            *(gateway.deregister(deregister(key, actor=OLD)) for gateway in gateways), return_exceptions=True
        )
        told = await history(gateways[1], key)
        assert (told.count("deregistration_ignored"), told.count("deregistered")) == (1, 1), told
        assert await gateways[1].find(DIALECT, key) is None


async def test_a_deregistration_that_races_the_takeover_is_before_it_or_set_aside(open_registry: OpenRegistry) -> None:
    """Before it, the new process registers anew; after it, the goodbye is set aside. The new one stays."""
    gateways = [open_registry(REMEMBERS) for _ in range(3)]
    for n in range(20):
        key = f"svc-{n}"
        await gateways[0].register(register(key, actor=OLD))
        asked = [
            gateways[1].register(register(key, actor=NEW, address="http://new")),
            gateways[2].deregister(deregister(key, actor=OLD)),
        ]
        await asyncio.gather(*(asked if n % 2 else reversed(asked)))
        entry = await found(gateways[0], key)
        assert (entry.alive, entry.registration.address) == (True, "http://new")
        assert await history(gateways[0], key) in (
            ["registered", "updated", "deregistration_ignored"],
            ["registered", "deregistered", "registered"],
        )
