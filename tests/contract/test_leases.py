"""Leases in the database: renewals in time and late, lapses and their sweep, retention, absences."""

import asyncio

import msgspec
import pytest

from registry_gateway.core.commands import Lapsed, Renewed, Unknown
from registry_gateway.core.errors import NotRegistered
from registry_gateway.core.lease import Health, LeasePolicy
from registry_gateway.registry.registry import Registry
from registry_gateway.store.engine import Store
from tests.conftest import START, ManualClock
from tests.contract.services import (
    DIALECT,
    ENDS,
    REFUSES,
    REVIVES,
    STAYS,
    TTL,
    OpenRegistry,
    deregister,
    found,
    history,
    register,
    renew,
)

pytestmark = pytest.mark.anyio


async def test_a_heartbeat_in_time_gives_a_full_lease(open_registry: OpenRegistry, clock: ManualClock) -> None:
    registry = open_registry(ENDS)
    assert isinstance(await registry.renew(renew()), Unknown)
    await registry.register(register())
    for _ in range(3):
        clock.advance(TTL - 0.001)
        outcome = await registry.renew(renew())
        assert isinstance(outcome, Renewed)
        assert outcome.registration.lease.expires_at == clock.now() + TTL
        assert outcome.registration == (await found(registry)).registration
    assert await history(registry) == ["registered"]


async def test_a_heartbeat_writes_nothing_back_but_the_lease(open_registry: OpenRegistry, clock: ManualClock) -> None:
    registry = open_registry(ENDS)
    await registry.register(register(owner="alice"))
    before = await found(registry)
    clock.advance(1)
    await registry.renew(renew(owner="alice"))
    after = await found(registry)
    lease = msgspec.structs.replace(before.registration.lease, heartbeat_at=clock.now(), expires_at=clock.now() + TTL)
    assert after == msgspec.structs.replace(
        before, registration=msgspec.structs.replace(before.registration, lease=lease), judged_at=clock.now()
    )


async def test_a_read_says_what_was_left_of_the_lease(open_registry: OpenRegistry, clock: ManualClock) -> None:
    registry = open_registry(STAYS)
    await registry.start()
    await registry.register(register())
    for seconds in (0.0, 1.0):
        clock.advance(seconds)
        await registry.resume()
        [listed] = await registry.list(DIALECT)
        assert listed.judged_at == (await found(registry)).judged_at == clock.now()
        assert listed.remaining == (await found(registry)).remaining == TTL - seconds
    clock.advance(TTL - 3)
    assert (await found(registry)).remaining == TTL - 1  # in an outage, a lease stands still
    await registry.resume()
    assert (await found(registry)).remaining == TTL - 1
    for _ in range(int(TTL)):
        clock.advance(1)
        await registry.resume()
    assert (await found(registry)).remaining == 0.0


@pytest.mark.parametrize("swept", [False, True])
async def test_at_its_deadline_a_service_is_gone_swept_or_not(
    open_registry: OpenRegistry, clock: ManualClock, swept: bool
) -> None:
    registry = open_registry(ENDS)
    await registry.register(register())
    clock.advance(TTL)
    if swept:
        assert await registry.expire() == 1
    assert await registry.find(DIALECT, "svc") is None
    assert await registry.list() == []
    assert await registry.list(alive=True) == []
    assert isinstance(await registry.renew(renew()), Unknown if swept else Lapsed)
    with pytest.raises(NotRegistered):
        await registry.deregister(deregister())
    with pytest.raises(NotRegistered):
        await registry.subscribe(DIALECT, "svc", "bob", renew().actor)
    assert (await registry.register(register(mode="create"))).created
    assert await history(registry) == ["registered", "expired", "registered"]


@pytest.mark.parametrize("swept", [False, True])
async def test_where_the_policy_keeps_it_a_lapsed_one_is_shown_as_lapsed_swept_or_not(
    open_registry: OpenRegistry, clock: ManualClock, swept: bool
) -> None:
    registry = open_registry(REFUSES)
    await registry.register(register())
    await registry.register(register("other", ttl=1000))
    clock.advance(TTL)
    if swept:
        assert await registry.expire() == 1
    entry = await found(registry)
    assert (entry.alive, entry.health) == (False, Health.LAPSED)
    assert [e.registration.key for e in await registry.list()] == ["other", "svc"]
    assert [e.registration.key for e in await registry.list(alive=True)] == ["other"]
    outcome = await registry.renew(renew())
    assert isinstance(outcome, Lapsed)
    assert outcome.registration == entry.registration


@pytest.mark.parametrize("swept", [False, True])
async def test_a_late_heartbeat_revives_where_the_policy_says_so(
    open_registry: OpenRegistry, clock: ManualClock, swept: bool
) -> None:
    registry = open_registry(REVIVES)
    await registry.register(register())
    clock.advance(TTL + 5)
    if swept:
        await registry.expire()
    assert isinstance(await registry.renew(renew()), Renewed)
    assert (await found(registry)).registration.lease.expires_at == clock.now() + TTL
    assert await history(registry) == ["registered", "expired", "recovered"]
    assert await registry.expire() == 0
    clock.advance(TTL)
    assert await registry.expire() == 1


@pytest.mark.parametrize("swept", [False, True])
async def test_deregistering_a_lapsed_one_records_its_lapse_first(
    open_registry: OpenRegistry, clock: ManualClock, swept: bool
) -> None:
    registry = open_registry(STAYS)
    await registry.register(register())
    clock.advance(TTL)
    if swept:
        await registry.expire()
    await registry.deregister(deregister())
    assert await history(registry) == ["registered", "expired", "deregistered"]


async def test_a_heartbeat_after_deregistration_follows_the_policy(
    open_registry: OpenRegistry, clock: ManualClock
) -> None:
    refusing, reviving = open_registry(REFUSES), open_registry(REVIVES)
    await refusing.register(register())
    await refusing.deregister(deregister())
    assert isinstance(await refusing.renew(renew()), Lapsed)
    assert not (await found(refusing)).alive
    clock.advance(1)
    assert isinstance(await reviving.renew(renew()), Renewed)
    assert (await found(reviving)).alive
    assert await history(reviving) == ["registered", "deregistered", "recovered"]


async def test_each_stage_of_expiry_is_recorded_once(open_registry: OpenRegistry, clock: ManualClock) -> None:
    registry = open_registry(STAYS)
    await registry.register(register())
    seen = []
    for seconds in (TTL, 59, 1, 539, 1, 10_000):
        clock.advance(seconds)
        seen.append((await registry.expire(), await registry.expire(), (await found(registry)).health.value))
    assert seen == [
        (1, 0, "lapsed"),
        (0, 0, "lapsed"),
        (1, 0, "degraded"),
        (0, 0, "degraded"),
        (1, 0, "unreachable"),
        (0, 0, "unreachable"),
    ]
    assert await history(registry) == ["registered", "expired", "degraded", "unreachable"]
    await registry.renew(renew())
    assert (await history(registry))[-1] == "recovered"
    assert (await found(registry)).health is Health.HEALTHY


async def test_a_sweep_that_comes_late_tells_of_every_step_in_order(
    open_registry: OpenRegistry, clock: ManualClock
) -> None:
    registry = open_registry(STAYS)
    await registry.register(register())
    clock.advance(TTL + 1000)
    while await registry.expire():
        pass
    assert await history(registry) == ["registered", "expired", "degraded", "unreachable"]


async def test_many_gateways_sweeping_at_once_record_each_lapse_once(
    open_registry: OpenRegistry, clock: ManualClock
) -> None:
    gateways = [open_registry(STAYS) for _ in range(4)]
    keys = [f"svc-{n:03}" for n in range(700)]  # more than one sweeping transaction takes
    await asyncio.gather(*(gateways[n % 4].register(register(key)) for n, key in enumerate(keys)))
    clock.advance(TTL)
    swept = await asyncio.gather(*(gateway.expire() for gateway in gateways), *(g.expire() for g in gateways))
    swept.append(await gateways[0].expire())
    assert sum(swept) == len(keys)
    expired = [e.key for e in await gateways[0].events(limit=5000) if e.kind.value == "expired"]
    assert sorted(expired) == keys


async def test_a_sweep_that_ends_registrations_removes_the_lapsed_and_no_other(
    open_registry: OpenRegistry, clock: ManualClock
) -> None:
    gateways = [open_registry(ENDS) for _ in range(3)]
    await asyncio.gather(*(gateways[0].register(register(f"svc-{n}")) for n in range(20)))
    clock.advance(TTL - 1)
    await asyncio.gather(*(gateways[0].renew(renew(f"svc-{n}")) for n in range(10)))
    clock.advance(1)
    assert sum(await asyncio.gather(*(gateway.expire() for gateway in gateways))) == 10
    assert sorted(e.registration.key for e in await gateways[1].list()) == [f"svc-{n}" for n in range(10)]
    assert (await history(gateways[2])).count("expired") == 10


async def test_a_dialect_that_is_switched_off_is_left_alone(
    open_registry: OpenRegistry, database_url: str, clock: ManualClock
) -> None:
    await open_registry(ENDS).register(register())
    clock.advance(TTL)
    without = Registry(Store(database_url), {}, clock)
    assert (await without.expire(), await without.purge()) == (0, 0)
    assert (await found(without)).health is Health.LAPSED
    await without.close()


@pytest.mark.parametrize(("policy", "kept_for"), [(REVIVES, 100.0), (REFUSES, 100.0)])
async def test_what_has_ended_is_kept_for_its_retention_and_then_purged(
    open_registry: OpenRegistry, clock: ManualClock, policy: LeasePolicy, kept_for: float
) -> None:
    registry = open_registry(policy)
    await registry.register(register("lapses"))
    await registry.register(register("leaves"))
    await registry.register(register("lives", ttl=1000))
    clock.advance(10)
    await registry.deregister(deregister("leaves"))
    clock.advance(TTL - 10)
    await registry.expire()
    clock.advance(kept_for - TTL + 10 - 0.5)
    assert await registry.purge() == 0
    clock.advance(0.5)
    assert await registry.purge() == 1
    assert await registry.find(DIALECT, "leaves") is None
    clock.advance(TTL - 10)
    assert await registry.purge() == 1
    assert await registry.find(DIALECT, "lapses") is None
    assert await registry.purge() == 0
    assert [e.registration.key for e in await registry.list()] == ["lives"]
    assert (await history(registry, "lapses")) == ["registered", "expired", "purged"]
    assert (await history(registry, "leaves")) == ["registered", "deregistered", "purged"]


async def test_without_a_retention_nothing_is_ever_purged(open_registry: OpenRegistry, clock: ManualClock) -> None:
    registry = open_registry(STAYS)
    await registry.register(register())
    clock.advance(1e8)
    await registry.expire()
    assert await registry.purge() == 0
    assert (await found(registry)).health is Health.UNREACHABLE


async def test_one_that_came_back_is_not_purged_for_its_past(open_registry: OpenRegistry, clock: ManualClock) -> None:
    registry = open_registry(REVIVES)
    await registry.register(register())
    clock.advance(TTL)
    await registry.expire()
    clock.advance(1)
    await registry.renew(renew())
    clock.advance(100)
    assert await registry.purge() == 0
    assert (await found(registry)).health is Health.LAPSED


@pytest.mark.parametrize("behind", [0.05, 3600.0])
async def test_what_one_gateway_ended_stays_ended_for_one_whose_clock_is_behind(
    open_registry: OpenRegistry, clock: ManualClock, behind: float
) -> None:
    slow_clock = ManualClock()
    slow_clock.time = START - behind
    ahead, slow = open_registry(REFUSES), open_registry(REFUSES, slow_clock)
    await ahead.register(register("left", ttl=1e6))
    await ahead.register(register("lapsed"))
    await ahead.deregister(deregister("left"))
    clock.advance(TTL)
    slow_clock.advance(TTL)
    assert await ahead.expire() == 1
    for key in ("left", "lapsed"):
        assert isinstance(await slow.renew(renew(key)), Lapsed)
        assert not (await found(slow, key)).alive
    assert await slow.list(alive=True) == []
    with pytest.raises(NotRegistered):
        await slow.deregister(deregister("left"))


async def test_a_lapse_is_recorded_each_time_even_if_clocks_disagree(
    open_registry: OpenRegistry, clock: ManualClock
) -> None:
    slow_clock = ManualClock()
    slow_clock.time = START - 1
    ahead, slow = open_registry(REVIVES), open_registry(REVIVES, slow_clock)
    await ahead.register(register())
    clock.advance(TTL)
    slow_clock.advance(TTL)
    assert await ahead.expire() == 1
    assert isinstance(await slow.renew(renew()), Renewed)
    clock.advance(TTL)
    assert await ahead.expire() == 1
    assert await history(ahead) == ["registered", "expired", "recovered", "expired"]
