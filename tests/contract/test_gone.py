"""A registration that is removed, in whatever way, leaves its last state for reading, and nothing else."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from registry_gateway.core.commands import Unknown
from registry_gateway.core.errors import NotRegistered, StoreUnavailable
from registry_gateway.core.lease import LeasePolicy
from registry_gateway.core.status import Status
from registry_gateway.registry.registry import Registry
from registry_gateway.store.statements import catalogue, gone
from registry_gateway.store.statements.search import Page, Wanted
from tests.conftest import START, ManualClock
from tests.contract.services import (
    DIALECT,
    ENDS,
    REMEMBERS,
    REVIVES,
    STAYS,
    TTL,
    OpenRegistry,
    advertise,
    deregister,
    found,
    history,
    listen,
    register,
    renew,
)

pytestmark = pytest.mark.anyio

DOCUMENT = b'{"n":"\xff\x00"}'
LIMITED = LeasePolicy(late_renewal="refuse", retention=0, most=1, most_owned=1)


async def last_state(registry: Registry, key: str = "svc") -> gone.LastState | None:
    return await registry.queries.read(lambda c, _now: gone.find(c, DIALECT, key))


async def listed(registry: Registry, **wanted: Any) -> list[str]:
    """The keys of the services that are gone, the last ended first."""
    page = Page(order="ended_at", descending=True, limit=1000)
    filters, policies = Wanted(statuses=(Status.GONE,), **wanted), registry.policies
    left, _ = await registry.queries.read(lambda c, now: catalogue.search(c, filters, page, policies, now))
    assert await registry.queries.read(lambda c, now: catalogue.count(c, filters, policies, now)) == len(left)
    return [registration.key for registration in left]


# --- ways to go; each returns the time of the end


async def by_lapse(registry: Registry, clock: ManualClock) -> float:
    await registry.resume()
    await listen(registry, clock, TTL + 1)
    await registry.expire()
    return START + TTL


async def by_purge(registry: Registry, clock: ManualClock) -> float:
    ended_at = await by_lapse(registry, clock)
    assert await last_state(registry) is None
    await listen(registry, clock, 100)
    await registry.purge()
    return ended_at


async def by_displacement(registry: Registry, clock: ManualClock) -> float:
    """By those that lapsed later, of which only a number is kept."""
    for number in range(3):
        await registry.register(register(f"later-{number}", ttl=TTL + 0.5))
    return await by_lapse(registry, clock)


async def by_deregistration(registry: Registry, clock: ManualClock) -> float:
    clock.advance(7)
    await registry.deregister(deregister(owner="alice"))
    return clock.now()


async def by_force(registry: Registry, clock: ManualClock) -> float:
    clock.advance(7)
    await registry.deregister(deregister(forced=True))
    return clock.now()


async def by_deregistration_after_the_lapse(registry: Registry, clock: ManualClock) -> float:
    await by_lapse(registry, clock)
    await registry.deregister(deregister(owner="alice"))
    return clock.now()


@pytest.mark.parametrize(
    ("policy", "go"),
    [
        (ENDS, by_lapse),
        (ENDS, by_deregistration),
        (ENDS, by_force),
        (REMEMBERS, by_purge),
        (REMEMBERS, by_displacement),
        (REMEMBERS, by_deregistration),
        (REVIVES, by_purge),
        (STAYS, by_deregistration),
        (STAYS, by_deregistration_after_the_lapse),
    ],
)
async def test_each_way_to_go_leaves_the_last_state(
    open_registry: OpenRegistry,
    clock: ManualClock,
    policy: LeasePolicy,
    go: Callable[[Registry, ManualClock], Awaitable[float]],
) -> None:
    registry = open_registry(policy)
    await registry.register(register(owner="alice", approved=True, tools=("rotate",), document=DOCUMENT))
    await registry.advertise(advertise(tools_document=b"[1]"))
    before = await found(registry)
    ended_at = await go(registry, clock)

    assert await registry.find(DIALECT, "svc") is None
    assert await registry.list() == [] or go is by_displacement
    assert await listed(registry) == ["svc"]
    state = await last_state(registry)
    assert state is not None
    left, document, tools_document = state.found
    assert (left.key, left.name, left.version, left.address) == ("svc", "Service", "1.0", "http://svc")
    assert (left.registered_at, left.updated_at) == (before.registration.registered_at, before.registration.updated_at)
    assert (left.owner, left.approved_at, left.client_address) == (None, None, None)
    assert (left.lease.ttl, left.lease.granted_at, left.lease.expires_at) == (TTL, START, min(ended_at, START + TTL))
    assert not left.lease.alive(START)
    assert (document, tools_document) == (DOCUMENT, b"[1]")
    assert [version.version for version in state.versions] == ["1.0"]


async def test_tools_are_found_by_their_name(open_registry: OpenRegistry) -> None:
    registry = open_registry(ENDS)
    await registry.register(register("with", tools=("rotate", "restart")))
    await registry.register(register("without"))
    for key in ("with", "without"):
        await registry.deregister(deregister(key))
    assert await listed(registry, tool="restart") == ["with"]
    assert await listed(registry, tool="rest") == []
    names = await registry.queries.read(lambda c, _now: gone.tools(c, [(DIALECT, "with"), (DIALECT, "without")]))
    assert names == {(DIALECT, "with"): ["rotate", "restart"]}


async def test_it_holds_nothing(open_registry: OpenRegistry, clock: ManualClock) -> None:
    registry = open_registry(LIMITED)
    await registry.register(register(owner="alice", approved=True))
    await registry.subscribe(DIALECT, "svc", "bob", renew().actor)
    [subscription] = await registry.subscriptions()
    await registry.unsubscribe(subscription.id, renew().actor)
    await registry.deregister(deregister(owner="alice"))
    assert await registry.subscriptions() == []
    assert isinstance(await registry.renew(renew(owner="alice")), Unknown)
    with pytest.raises(NotRegistered):
        await registry.deregister(deregister(owner="alice"))
    with pytest.raises(NotRegistered):
        await registry.register(register(mode="update"))
    # Another account may take the key; it counts in both limits, and the approval is not inherited.
    taken = await registry.register(register(mode="create", owner="carol", approved=False))
    assert (taken.created, taken.registration.owner, taken.registration.approved) == (True, "carol", False)
    assert taken.registration.registered_at == clock.now()


async def test_one_that_registers_again_is_not_listed_until_it_goes_again(
    open_registry: OpenRegistry, clock: ManualClock
) -> None:
    registry = open_registry(ENDS)
    for version in ("1.0", "2.0"):
        await registry.register(register(version=version))
        assert (await listed(registry), await last_state(registry)) == ([], None)
        clock.advance(1)
        await registry.deregister(deregister())
        state = await last_state(registry)
        assert state is not None
        assert (state.found[0].version, await listed(registry)) == (version, ["svc"])


async def test_a_registration_that_takes_the_place_of_a_lapsed_one_leaves_nothing(
    open_registry: OpenRegistry, clock: ManualClock
) -> None:
    registry = open_registry(ENDS)
    await registry.register(register())
    await registry.resume()
    await listen(registry, clock, TTL + 1)
    await registry.register(register())
    assert await history(registry) == ["registered", "expired", "registered"]
    rows = await registry.queries.read(lambda c, _now: gone.count(c))
    assert (rows, await listed(registry)) == ({}, [])


async def test_what_ended_last_comes_first(open_registry: OpenRegistry, clock: ManualClock) -> None:
    registry = open_registry(REVIVES)  # the last of them is a registration that is kept, revoked
    other = open_registry(ENDS)
    for key in ("first", "second"):
        await other.register(register(key))
        await other.deregister(deregister(key))
        clock.advance(1)
    await registry.register(register("third"))
    await registry.deregister(deregister("third"))
    assert await listed(registry) == ["third", "second", "first"]
    assert await registry.queries.read(lambda c, _now: gone.count(c)) == {DIALECT: 2}


async def test_it_is_kept_as_long_as_its_events(open_registry: OpenRegistry, clock: ManualClock) -> None:
    registry = open_registry(ENDS)
    for key in ("early", "late"):
        await registry.register(register(key))
        await registry.deregister(deregister(key))
        clock.advance(50)
    await registry.purge(clock.now() - 101)
    assert await listed(registry) == ["late", "early"]
    await registry.purge(clock.now() - 100)
    assert await listed(registry) == ["late", "early"]
    await registry.purge(clock.now() - 99)
    assert await listed(registry) == ["late"]
    for number in range(5):
        await registry.register(register(f"more-{number}"))
    await registry.purge(most_events=6)
    assert (await listed(registry), await history(registry)) == (["late"], ["deregistered", *["registered"] * 5])
    clock.advance(1)
    await registry.register(register("more-5"))
    await registry.purge(most_events=6)
    assert await listed(registry) == []


async def test_there_is_a_most_per_dialect(
    open_registry: OpenRegistry, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gone, "MOST_STATES", 2)
    registry = open_registry(ENDS)
    for number in range(4):
        await registry.register(register(f"s{number}"))
        await registry.deregister(deregister(f"s{number}"))
        clock.advance(1)
    await registry.purge()
    assert await listed(registry) == ["s3", "s2"]


async def test_gateways_that_remove_prune_and_register_at_once(open_registry: OpenRegistry, clock: ManualClock) -> None:
    gateways = [open_registry(ENDS) for _ in range(3)]

    async def live(gateway: Registry, key: str) -> None:
        for _ in range(5):
            # Another gateway may have been faster with the shared key, or have won five races against this batch.
            with contextlib.suppress(NotRegistered, StoreUnavailable):
                await gateway.register(register(key))
                await gateway.deregister(deregister(key))

    keys = [(gateway, f"s{number}-{n}") for n, gateway in enumerate(gateways) for number in range(10)]
    lives = [live(gateway, key) for gateway, key in [*keys, *((gateway, "shared") for gateway in gateways)]]
    await asyncio.gather(*lives, *(gateway.purge(clock.now() + 1) for gateway in gateways))
    registry = gateways[0]
    for key in {entry.registration.key for entry in await registry.list()}:
        await registry.deregister(deregister(key))
    clock.advance(10)
    await registry.register(register("last"))
    await asyncio.gather(*(gateway.purge(clock.now()) for gateway in gateways))
    assert await registry.queries.read(lambda c, _now: gone.count(c)) == {}


async def test_gateways_that_sweep_at_once_leave_each_state_once(
    open_registry: OpenRegistry, clock: ManualClock
) -> None:
    gateways = [open_registry(ENDS) for _ in range(3)]
    await asyncio.gather(*(gateways[0].register(register(f"s{number}")) for number in range(50)))
    await gateways[0].resume()
    await listen(gateways[0], clock, TTL + 1)
    recorded = await asyncio.gather(*(gateway.expire() for gateway in gateways))
    assert sum(recorded) == 50
    assert len(await listed(gateways[0])) == 50
