"""Somebody's dependence on a service: while it lasts, the service can't be deregistered."""

import asyncio

import pytest

from registry_gateway.core.errors import AlreadyExists, NotFound, NotRegistered, StillSubscribed
from registry_gateway.core.model import Actor
from tests.conftest import START, ManualClock
from tests.contract.services import DIALECT, REVIVES, STAYS, OpenRegistry, deregister, found, history, register

pytestmark = pytest.mark.anyio

CLI = Actor("cli:root")


async def test_a_subscription_blocks_the_deregistration_until_it_is_cancelled(
    open_registry: OpenRegistry, clock: ManualClock
) -> None:
    registry = open_registry(STAYS)
    await registry.register(register())
    before = await found(registry)
    subscription = await registry.subscribe(DIALECT, "svc", "bob", CLI)
    assert (subscription.state, subscription.subscriber, subscription.created_at) == ("active", "bob", START)
    for forced in (False, True):
        with pytest.raises(StillSubscribed):
            await registry.deregister(deregister(forced=forced))
    assert await found(registry) == before
    clock.advance(1)
    ended = await registry.unsubscribe(subscription.id, CLI)
    assert (ended.state, ended.updated_at) == ("cancelled", START + 1)
    await registry.deregister(deregister())
    assert await history(registry) == ["registered", "subscribed", "unsubscribed", "deregistered"]


async def test_subscribing_needs_a_service_that_has_not_left(open_registry: OpenRegistry) -> None:
    registry = open_registry(REVIVES)
    with pytest.raises(NotRegistered):
        await registry.subscribe(DIALECT, "svc", "bob", CLI)
    await registry.register(register())
    await registry.deregister(deregister())
    with pytest.raises(NotRegistered):
        await registry.subscribe(DIALECT, "svc", "bob", CLI)


async def test_one_subscribes_once_and_again_after_cancelling(open_registry: OpenRegistry) -> None:
    registry = open_registry(STAYS)
    await registry.register(register())
    first = await registry.subscribe(DIALECT, "svc", "bob", CLI)
    with pytest.raises(AlreadyExists):
        await registry.subscribe(DIALECT, "svc", "bob", CLI)
    await registry.subscribe(DIALECT, "svc", "carol", CLI)
    await registry.unsubscribe(first.id, CLI)
    again = await registry.subscribe(DIALECT, "svc", "bob", CLI)
    assert [(s.subscriber, s.state) for s in await registry.subscriptions(DIALECT, "svc")] == [
        ("bob", "cancelled"),
        ("carol", "active"),
        ("bob", "active"),
    ]
    assert again.id > first.id


async def test_cancelling_twice_is_recorded_once(open_registry: OpenRegistry, clock: ManualClock) -> None:
    registry = open_registry(STAYS)
    await registry.register(register())
    subscription = await registry.subscribe(DIALECT, "svc", "bob", CLI)
    first = await registry.unsubscribe(subscription.id, CLI)
    clock.advance(1)
    with pytest.raises(NotFound):
        await registry.unsubscribe(subscription.id, CLI)
    assert await registry.subscriptions() == [first]
    assert (await history(registry)).count("unsubscribed") == 1


async def test_cancelling_what_is_not_there_says_so(open_registry: OpenRegistry) -> None:
    with pytest.raises(NotFound):
        await open_registry(STAYS).unsubscribe(1, CLI)


async def test_subscriptions_go_with_their_service(open_registry: OpenRegistry) -> None:
    registry = open_registry(STAYS)
    await registry.register(register())
    subscription = await registry.subscribe(DIALECT, "svc", "bob", CLI)
    await registry.unsubscribe(subscription.id, CLI)
    await registry.deregister(deregister())
    assert await registry.subscriptions() == []


async def test_of_many_who_subscribe_at_once_each_is_in_once(open_registry: OpenRegistry) -> None:
    gateways = [open_registry(STAYS) for _ in range(3)]
    await gateways[0].register(register())
    outcomes = await asyncio.gather(
        *(gateway.subscribe(DIALECT, "svc", "bob", CLI) for gateway in gateways), return_exceptions=True
    )
    assert sum(isinstance(outcome, AlreadyExists) for outcome in outcomes) == 2
    assert len(await gateways[0].subscriptions()) == 1


async def test_a_subscription_and_a_deregistration_at_once_never_both_succeed(open_registry: OpenRegistry) -> None:
    one, other = open_registry(STAYS), open_registry(STAYS)
    for n in range(5):
        key = f"svc-{n}"
        await one.register(register(key))
        left, subscribed = await asyncio.gather(
            one.deregister(deregister(key)), other.subscribe(DIALECT, key, "bob", CLI), return_exceptions=True
        )
        assert isinstance(left, StillSubscribed) != isinstance(subscribed, NotRegistered)
        assert (await one.find(DIALECT, key) is None) == (await one.subscriptions(DIALECT, key) == [])
