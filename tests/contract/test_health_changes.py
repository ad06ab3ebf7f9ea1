"""What services say of their own health: each word is stored, few changes are recorded, and what is recorded is true
in the end.
"""

import asyncio

import pytest

from registry_gateway.core.commands import Renew
from registry_gateway.core.model import EventKind
from registry_gateway.core.transitions import HEALTH_INTERVAL
from registry_gateway.registry.registry import Registry
from tests.conftest import START, ManualClock
from tests.contract.services import ENDS, STAYS, OpenRegistry, deregister, found, listen, register, renew

pytestmark = pytest.mark.anyio


async def recorded(registry: Registry) -> list[tuple[object, object, float]]:
    """Return the events `health_changed` as (old, new, seconds since the start)."""
    events = await registry.events(limit=10_000)
    changes = [event for event in events if event.kind is EventKind.HEALTH_CHANGED]
    return [(event.detail["old_health"], event.detail["new_health"], event.at - START) for event in changes]


async def test_a_change_is_an_event_with_what_was_and_who_said_so(
    open_registry: OpenRegistry, clock: ManualClock
) -> None:
    registry = open_registry(STAYS)
    await registry.register(register(ttl=1000))
    for status, old in (("degraded", None), ("unhealthy", "degraded"), ("healthy", "unhealthy")):
        clock.advance(HEALTH_INTERVAL)
        for _ in range(2):
            await registry.renew(renew(reported=status))
        event = (await registry.events())[-1]
        assert (event.kind, event.detail) == ("health_changed", {"old_health": old, "new_health": status})
        assert (event.actor, event.name, event.version) == ("account:alice", "Service", "1.0")
    assert len(await registry.events()) == 4


async def test_that_it_is_well_is_no_news_where_nothing_else_was_said(open_registry: OpenRegistry) -> None:
    registry = open_registry(STAYS)
    await registry.register(register())
    for heartbeat in (renew(), renew(reported="healthy"), renew(reported="healthy")):
        await registry.renew(heartbeat)
    assert await recorded(registry) == []
    assert (await found(registry)).registration.reported == "healthy"


async def test_one_change_in_ten_seconds_is_recorded_and_every_word_is_stored(
    open_registry: OpenRegistry, clock: ManualClock
) -> None:
    registry = open_registry(STAYS)
    await registry.register(register(ttl=1000))
    for second in range(36):
        status = "healthy" if second % 2 else "degraded"
        await registry.renew(renew(reported=status))
        assert (await found(registry)).registration.reported == status
        clock.advance(1)
    assert await recorded(registry) == [(None, "degraded", 0), ("degraded", "healthy", 11), ("healthy", "degraded", 22),
                                        ("degraded", "healthy", 33)]  # fmt: skip


async def test_heartbeats_in_one_commit_are_one_change(open_registry: OpenRegistry) -> None:
    registry = open_registry(STAYS)
    await registry.register(register())
    words = ["degraded", "unhealthy"] * 20
    await asyncio.gather(*(registry.renew(renew(reported=word)) for word in words))
    assert len(await recorded(registry)) == 1


@pytest.mark.parametrize("heartbeat", [renew(), renew(reported="unhealthy")], ids=["without", "with its health"])
async def test_the_first_heartbeat_after_the_interval_records_what_became_of_it(
    open_registry: OpenRegistry, clock: ManualClock, heartbeat: Renew
) -> None:
    registry, other = open_registry(STAYS), open_registry(STAYS)
    await registry.register(register())
    await registry.renew(renew(reported="degraded"))
    await registry.renew(renew(reported="unhealthy"))
    clock.advance(HEALTH_INTERVAL - 1)
    await other.renew(heartbeat)
    assert await recorded(registry) == [(None, "degraded", 0)]
    clock.advance(1)
    for gateway in (other, registry):  # whichever gateway it reaches, and once
        await gateway.renew(heartbeat)
    assert await recorded(registry) == [(None, "degraded", 0), ("degraded", "unhealthy", 10)]


async def test_what_came_and_went_is_no_change(open_registry: OpenRegistry, clock: ManualClock) -> None:
    registry = open_registry(STAYS)
    await registry.register(register())
    for status in ("degraded", "healthy", "degraded"):
        await registry.renew(renew(reported=status))
    clock.advance(HEALTH_INTERVAL)
    await registry.renew(renew())
    assert await recorded(registry) == [(None, "degraded", 0)]


async def test_a_registration_says_nothing_of_its_health(open_registry: OpenRegistry, clock: ManualClock) -> None:
    registry = open_registry(STAYS)
    await registry.register(register())
    await registry.renew(renew(reported="degraded"))
    clock.advance(1)
    await registry.register(register())
    assert (await found(registry)).registration.reported is None
    await registry.renew(renew(reported="degraded"))
    assert await recorded(registry) == [(None, "degraded", 0)], "not before the interval is over"
    clock.advance(HEALTH_INTERVAL - 1)
    await registry.renew(renew())
    assert await recorded(registry) == [(None, "degraded", 0), (None, "degraded", 10)]


async def test_it_is_another_service_after_its_end(open_registry: OpenRegistry) -> None:
    registry = open_registry(ENDS)
    await registry.register(register())
    await registry.renew(renew(reported="degraded"))
    await registry.deregister(deregister())
    await registry.register(register())
    await registry.renew(renew(reported="degraded"))
    assert await recorded(registry) == [(None, "degraded", 0)] * 2


async def test_a_clock_that_was_set_back_delays_nothing(open_registry: OpenRegistry, clock: ManualClock) -> None:
    registry = open_registry(STAYS)
    await registry.resume()
    await registry.register(register(ttl=10_000))
    await listen(registry, clock, 1)
    await registry.renew(renew(reported="degraded"))
    clock.step(-5)
    await registry.resume()
    await registry.renew(renew(reported="healthy"))
    assert len(await recorded(registry)) == 1
    await listen(registry, clock, HEALTH_INTERVAL)
    await registry.renew(renew())
    assert [change[:2] for change in await recorded(registry)] == [(None, "degraded"), ("degraded", "healthy")]
