"""Registrations that are kept after their lapse for a late heartbeat alone: CHAP's."""

import asyncio

import msgspec
import pytest

from registry_gateway.core.commands import Lapsed, Renewed, Unknown
from registry_gateway.core.errors import NotRegistered, TooMany
from registry_gateway.core.lease import Health
from registry_gateway.store.engine import Store
from registry_gateway.store.statements import first_registrations
from tests.conftest import ManualClock
from tests.contract.services import (
    DIALECT,
    ENDS,
    REMEMBERS,
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

RETENTION = 100.0
"""Seconds that a lapsed registration is kept here."""


@pytest.mark.parametrize("swept", [False, True])
async def test_a_late_heartbeat_revives_what_lapsed(
    open_registry: OpenRegistry, clock: ManualClock, swept: bool
) -> None:
    registry = open_registry(REMEMBERS)
    await registry.register(register())
    before = await found(registry)
    clock.advance(TTL + 50)
    if swept:
        assert await registry.expire() == 1
        assert await registry.purge() == 0
    lapsed = await found(registry)
    assert (lapsed.health, lapsed.document) == (Health.LAPSED, before.document)
    assert await registry.list(alive=True) == []

    assert isinstance(await registry.renew(renew()), Renewed)
    revived = await found(registry)
    assert (revived.health, revived.document) == (Health.HEALTHY, before.document)
    assert revived.registration.registered_at == before.registration.registered_at
    assert revived.registration.lease.expires_at == clock.now() + TTL
    assert await history(registry) == ["registered", "expired", "recovered"]
    await listen(registry, clock, TTL)
    assert await registry.expire() == 1, "its lease is swept like any other"


async def test_it_is_gone_when_the_retention_is_over_purged_or_not(
    open_registry: OpenRegistry, clock: ManualClock
) -> None:
    registry = open_registry(REMEMBERS)
    await registry.register(register())
    clock.advance(TTL)
    await registry.expire()
    clock.advance(RETENTION - 0.001)
    assert (await found(registry)).health is Health.LAPSED
    clock.advance(0.001)
    assert await registry.find(DIALECT, "svc") is None
    assert isinstance(await registry.renew(renew()), Lapsed)
    with pytest.raises(NotRegistered):
        await registry.deregister(deregister())
    assert await registry.purge() == 1
    assert isinstance(await registry.renew(renew()), Unknown)
    assert await history(registry) == ["registered", "expired", "purged"]


async def test_those_that_lapsed_last_are_kept(open_registry: OpenRegistry, clock: ManualClock) -> None:
    registry, other = open_registry(REMEMBERS), open_registry(REMEMBERS)
    names = [f"svc-{n}" for n in range(7)]
    for name in names:
        await registry.register(register(name))
        clock.advance(1)
    await registry.register(register("alive", ttl=1000))
    clock.advance(TTL)
    await asyncio.gather(registry.expire(), other.expire())
    await registry.expire()
    kept = [entry.registration.key for entry in await registry.list() if not entry.alive]
    assert kept == names[-3:]
    assert await history(registry, "svc-0") == ["registered", "expired", "purged"]
    [*_, purged] = await registry.events(dialect=DIALECT, key="svc-0")
    assert purged.reason == "only the 3 lapsed last are kept"
    assert isinstance(await registry.renew(renew("svc-0")), Unknown)
    assert isinstance(await registry.renew(renew("svc-6")), Renewed)


async def test_of_those_that_lapsed_at_once_no_more_are_removed_than_have_to_be(
    open_registry: OpenRegistry, clock: ManualClock
) -> None:
    registry = open_registry(REMEMBERS)
    await asyncio.gather(*(registry.register(register(f"svc-{n}")) for n in range(10)))
    clock.advance(TTL)
    await registry.expire()
    assert len(await registry.list()) == 3


async def test_a_lapsed_one_takes_no_place(open_registry: OpenRegistry, clock: ManualClock) -> None:
    registry = open_registry(msgspec.structs.replace(REMEMBERS, most=2))
    for key in ("a", "b"):
        await registry.register(register(key))
    with pytest.raises(TooMany):
        await registry.register(register("c"))
    clock.advance(TTL)
    await registry.expire()
    await registry.register(register("c"))
    assert isinstance(await registry.renew(renew("a")), Renewed)
    with pytest.raises(TooMany):
        await registry.renew(renew("b"))
    with pytest.raises(TooMany):
        await registry.register(register("b"))
    assert {e.registration.key for e in await registry.list(alive=True)} == {"a", "c"}
    await registry.deregister(deregister("c"))
    assert isinstance(await registry.renew(renew("b")), Renewed)


async def test_many_that_come_back_at_once_share_what_room_there_is(
    open_registry: OpenRegistry, clock: ManualClock
) -> None:
    registry = open_registry(msgspec.structs.replace(REMEMBERS, most=2, most_lapsed=None))
    for number in range(6):
        await registry.register(register(f"svc-{number}"))
        if number % 2:
            clock.advance(TTL)
            await registry.expire()
    asked = (registry.renew(renew(f"svc-{n}")) for n in range(6))
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert [type(answer) for answer in answers] == [Renewed] * 2 + [TooMany] * 4
    assert len(await registry.list(alive=True)) == 2


async def test_a_deregistration_after_the_lapse_takes_effect(open_registry: OpenRegistry, clock: ManualClock) -> None:
    registry = open_registry(REMEMBERS)
    await registry.register(register())
    clock.advance(TTL)
    await registry.deregister(deregister())
    assert await registry.find(DIALECT, "svc") is None
    assert isinstance(await registry.renew(renew()), Unknown)
    assert await history(registry) == ["registered", "expired", "deregistered"]


@pytest.mark.parametrize("swept", [False, True])
async def test_registering_after_the_lapse_is_a_new_registration(
    open_registry: OpenRegistry, clock: ManualClock, swept: bool
) -> None:
    registry = open_registry(REMEMBERS)
    await registry.register(register(version="1.0"))
    clock.advance(TTL)
    if swept:
        await registry.expire()
    anew = await registry.register(register(version="2.0"))
    assert anew.created
    assert (await found(registry)).registration.registered_at == clock.now()
    assert [v.version for v in await registry.versions(DIALECT, "svc")] == ["2.0"]
    assert await history(registry) == ["registered", "expired", "registered"]


async def test_what_an_absence_ended_is_not_called_lapsed(open_registry: OpenRegistry, clock: ManualClock) -> None:
    registry = open_registry(REMEMBERS)
    await registry.start()
    await registry.register(register())
    clock.advance(TTL + 10)
    assert isinstance(await registry.renew(renew()), Renewed)
    assert await history(registry) == ["registered", "resumed"]


async def test_late_heartbeats_and_deregistrations_at_several_gateways(
    open_registry: OpenRegistry, clock: ManualClock
) -> None:
    """Whatever order they come in: after the goodbye nothing brings it back."""
    gateways = [open_registry(REMEMBERS) for _ in range(3)]
    for _ in range(10):
        await gateways[0].register(register())
        clock.advance(TTL + 1)
        asked = [
            gateways[0].renew(renew()),
            gateways[1].deregister(deregister()),
            gateways[2].expire(),
            gateways[2].renew(renew()),
            gateways[0].purge(),
        ]
        answers = await asyncio.gather(*asked, return_exceptions=True)
        assert {type(answer).__name__ for answer in answers} <= {"Renewed", "Unknown", "Done", "int"}, answers
        assert await gateways[0].find(DIALECT, "svc") is None
        assert isinstance(await gateways[1].renew(renew()), Unknown)


async def test_with_late_heartbeats_refused_what_was_kept_is_gone(
    open_registry: OpenRegistry, clock: ManualClock, database_url: str
) -> None:
    """As for a gateway of an older version, or with the other setting, on the same database."""
    registry = open_registry(REMEMBERS)
    await registry.register(register())
    clock.advance(TTL)
    await registry.expire()
    refusing = open_registry(msgspec.structs.replace(ENDS, most=1))
    assert await refusing.find(DIALECT, "svc") is None
    assert isinstance(await refusing.renew(renew()), Lapsed)
    await refusing.register(register("other"))
    assert await refusing.purge() == 1
    store = Store(database_url)
    assert await store.read(lambda c: first_registrations.count(c, DIALECT)) == 1
    await store.close()
