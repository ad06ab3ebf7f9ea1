"""First registrations where a rate limit is set: a loop of new keys is stopped, a fleet that returns is not."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable

import msgspec
import pytest

from registry_gateway.core.errors import RateLimited
from registry_gateway.core.lease import LeasePolicy
from registry_gateway.core.model import ANONYMOUS, Actor
from registry_gateway.core.rate_limit import NEWCOMER_FACTOR, SERVICE_RATE, Rate
from registry_gateway.registry.registry import Registry
from registry_gateway.store.engine import Store
from tests.conftest import ManualClock
from tests.contract.services import (
    ACTOR,
    DIALECT,
    ENDS,
    REMEMBERS,
    REVIVES,
    STAYS,
    TTL,
    advertise,
    deregister,
    history,
    register,
    renew,
)

pytestmark = pytest.mark.anyio

RATE = Rate(1, 60.0)
ALLOWED = RATE.count + NEWCOMER_FACTOR * RATE.count
"""First registrations that a caller without any may make at once: 21."""

Limited = Callable[[LeasePolicy], Registry]


@pytest.fixture
async def limited(database_url: str, clock: ManualClock) -> AsyncIterator[Limited]:
    """Open registries with a rate limit, each with what it remembers of callers."""
    opened: list[Registry] = []

    def open_one(policy: LeasePolicy) -> Registry:
        opened.append(Registry(Store(database_url), {DIALECT: policy}, clock, RATE))
        return opened[-1]

    yield open_one
    for registry in opened:
        await registry.close()


async def passed(attempts: Iterable[Awaitable[object]]) -> int:
    """Return how many of `attempts` were let in, one after the other."""
    count = 0
    for attempt in attempts:
        try:
            await attempt
            count += 1
        except RateLimited:
            pass
    return count


def keys(count: int, prefix: str = "s") -> list[str]:
    return [f"{prefix}{number}" for number in range(count)]


@pytest.mark.parametrize("policy", [ENDS, REVIVES, STAYS], ids=["ends", "revives", "stays"])
async def test_a_loop_of_new_keys_is_stopped(limited: Limited, clock: ManualClock, policy: LeasePolicy) -> None:
    registry = limited(policy)

    async def pair(key: str) -> None:
        await registry.register(register(key))
        await registry.deregister(deregister(key))

    assert await passed(pair(key) for key in keys(60)) == ALLOWED
    before = await history(registry)
    with pytest.raises(RateLimited) as refused:
        await registry.register(register("one-more"))
    assert refused.value.retry_after == 3
    assert await history(registry) == before
    assert await registry.find(DIALECT, "one-more") is None
    clock.advance(60)
    assert await passed(pair(key) for key in keys(60, "t")) == ALLOWED


async def test_new_keys_that_stay_make_no_room_for_more(limited: Limited, clock: ManualClock) -> None:
    registry = limited(STAYS)
    total = await passed(registry.register(register(key, ttl=1e6)) for key in keys(60))
    assert total == ALLOWED
    for minute in range(4):
        clock.advance(60)
        total += await passed(registry.register(register(key, ttl=1e6)) for key in keys(60, f"m{minute}-"))
    assert total <= ALLOWED * 5 + 3 * RATE.count  # it was counted once more, when all was back
    assert len(await registry.list()) == total


async def fleet(registry: Registry, size: int) -> list[str]:
    """Register a fleet by an administrator's import, as far as the limit is concerned."""
    for key in keys(size):
        await registry.register(register(key, actor=Actor(f"import {key}")))
    return keys(size)


@pytest.mark.parametrize("policy", [ENDS, REMEMBERS], ids=["ends", "remembers"])
async def test_a_fleet_whose_leases_ran_out_returns_at_once(
    limited: Limited, clock: ManualClock, policy: LeasePolicy
) -> None:
    registry = limited(policy)
    services = await fleet(registry, 2 * ALLOWED)
    clock.advance(TTL)
    await registry.expire()
    restarted = limited(policy)  # it is in the log, not in a memory
    assert await passed(restarted.register(register(key)) for key in services) == len(services)


async def test_what_is_kept_for_a_late_heartbeat_makes_no_room(limited: Limited, clock: ManualClock) -> None:
    policy = msgspec.structs.replace(REMEMBERS, most_lapsed=None)
    registry = limited(policy)
    await fleet(registry, 3 * ALLOWED)
    clock.advance(TTL)
    await registry.expire()
    assert await passed(registry.register(register(key)) for key in keys(60, "new-")) == ALLOWED


@pytest.mark.parametrize("policy", [ENDS, REVIVES, STAYS], ids=["ends", "revives", "stays"])
async def test_a_fleet_that_leaves_and_returns_at_once_fits(limited: Limited, policy: LeasePolicy) -> None:
    registry = limited(policy)
    services = await fleet(registry, 2 * ALLOWED)
    assert await passed(registry.deregister(deregister(key)) for key in services) == len(services)
    assert await passed(registry.register(register(key)) for key in services) == len(services)
    assert await passed(registry.advertise(advertise(key)) for key in services) == len(services)


async def test_a_fleet_that_returns_under_new_keys_fits(limited: Limited) -> None:
    registry = limited(REVIVES)
    services = await fleet(registry, 2 * ALLOWED)
    new = keys(2 * len(services), "new-")
    assert await passed(registry.register(register(key)) for key in new) == len(services) + 3 * RATE.count


async def test_all_at_once_are_counted_once_each(limited: Limited) -> None:
    registry = limited(ENDS)
    outcomes = await asyncio.gather(*(registry.register(register(k)) for k in keys(60)), return_exceptions=True)
    assert sum(isinstance(outcome, RateLimited) for outcome in outcomes) == 60 - ALLOWED
    assert len(await registry.list()) == ALLOWED


async def test_only_an_accounts_own_services_count_for_it(limited: Limited) -> None:
    registry = limited(STAYS)
    for key in keys(2 * ALLOWED):
        await registry.register(register(key, owner="account:bob", actor=Actor(f"import {key}")))
    alice = [registry.register(register(f"a{key}", owner=ACTOR.name)) for key in keys(60)]
    assert await passed(alice) == ALLOWED
    bob = [registry.register(register(f"b{key}", owner="account:bob", actor=Actor("account:bob"))) for key in keys(60)]
    assert await passed(bob) == 2 * ALLOWED + 3 * RATE.count


async def test_each_address_is_a_caller_where_no_credential_is_asked_for(limited: Limited) -> None:
    registry = limited(ENDS)
    for number, allowed in ((1, ALLOWED), (2, ALLOWED + 3 * RATE.count)):  # those of all addresses are counted
        actor = Actor(ANONYMOUS, f"192.0.2.{number}")
        each = [registry.register(register(key, actor=actor)) for key in keys(60, f"a{number}-")]
        assert await passed(each) == allowed


async def test_a_registered_service_may_register_again_when_newcomers_may_not(limited: Limited) -> None:
    registry = limited(ENDS)
    await registry.register(register("old"))
    await passed(registry.register(register(key)) for key in keys(60))
    assert await passed(registry.register(register("old")) for _ in range(10)) == SERVICE_RATE.count
    for _ in range(20):
        await registry.renew(renew("old"))


async def test_administrators_always_may(limited: Limited) -> None:
    registry = limited(ENDS)
    admitted = await fleet(registry, 50)
    operator = Actor("cli:root")
    removals = [registry.deregister(deregister(key, actor=operator, forced=True)) for key in admitted]
    assert await passed(removals) == 50
