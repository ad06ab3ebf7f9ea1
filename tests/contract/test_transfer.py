"""Moving a registry between databases."""

from pathlib import Path

import pytest

from registry_gateway.core.commands import Advertise, Deregister, Register, Renew, Renewed
from registry_gateway.core.errors import AlreadyExists, StoreUnavailable
from registry_gateway.core.lease import LeasePolicy
from registry_gateway.core.model import Actor
from registry_gateway.registry.registry import Registry
from registry_gateway.store import migrate
from registry_gateway.store.copy import copy
from registry_gateway.store.engine import Store
from tests.conftest import ManualClock
from tests.postgresql import SERVERS

pytestmark = pytest.mark.anyio

ACTOR = Actor("test", "192.0.2.7")
POLICIES = {"plain": LeasePolicy(late_renewal="refuse", retention=None)}
DOCUMENT = b'{"name":"\\u0000 and \xc3\xa4"}'


async def _fill(store: Store, clock: ManualClock) -> Registry:
    registry = Registry(store, POLICIES, clock)
    for n in range(3):
        await registry.register(
            Register(
                dialect="plain",
                key=f"service-{n}",
                name="A service",
                version="1",
                ttl=30,
                document=DOCUMENT,
                mode="create",
                actor=ACTOR,
                address=f"http://service-{n}",
            )
        )
    await registry.advertise(Advertise("plain", "service-0", b"[1, 2]", ACTOR, ("rotate", "restart")))
    await registry.subscribe("plain", "service-1", "somebody", ACTOR)
    await registry.register(
        Register(
            dialect="plain",
            key="gone",
            name="Gone",
            version="1",
            ttl=30,
            document=DOCUMENT,
            mode="create",
            actor=ACTOR,
        )
    )
    await registry.deregister(Deregister(dialect="plain", key="gone", actor=ACTOR))
    await registry.resume()
    return registry


@pytest.mark.parametrize("database_url", SERVERS, indirect=True)
async def test_a_registry_moves_to_postgresql_and_back(
    sqlite_url: str, database_url: str, tmp_path: Path, clock: ManualClock
) -> None:
    first, second, third = Store(sqlite_url), Store(database_url), Store(f"sqlite:///{tmp_path}/third.db")
    await migrate.upgrade(third)
    source = await _fill(first, clock)
    copied = await copy(first, second)
    assert (copied["registrations"], copied["gone"]) == (3, 1)
    assert copied == await copy(second, third)
    for store in (second, third):
        moved = Registry(store, POLICIES, clock)
        assert await moved.list("plain") == await source.list("plain")
        assert await moved.events() == await source.events()
        assert await moved.versions("plain", "service-2") == await source.versions("plain", "service-2")
        assert await moved.subscriptions() == await source.subscriptions()
        assert await moved.tools("plain", "service-0") == ["rotate", "restart"]
    logged = await source.events()
    assert (logged[0].client_address, logged[0].service_address) == ("192.0.2.7", "http://service-0")
    for store in (first, second, third):
        await store.close()


@pytest.mark.parametrize("database_url", SERVERS, indirect=True)
async def test_a_moved_registry_goes_on_where_it_was(sqlite_url: str, database_url: str, clock: ManualClock) -> None:
    first, second = Store(sqlite_url), Store(database_url)
    source = await _fill(first, clock)
    last = (await source.events())[-1].id
    await copy(first, second)
    moved = Registry(second, POLICIES, clock)
    clock.advance(10)
    assert isinstance(await moved.renew(Renew("plain", "service-0", ACTOR)), Renewed)
    await moved.subscribe("plain", "service-0", "another", ACTOR)
    assert [event.id for event in await moved.events(after=last)] == [last + 1], "ids go on after the copied ones"
    await first.close()
    await second.close()


@pytest.mark.parametrize("database_url", SERVERS, indirect=True)
async def test_a_target_with_rows_is_left_alone(sqlite_url: str, database_url: str, clock: ManualClock) -> None:
    first, second = Store(sqlite_url), Store(database_url)
    await _fill(first, clock)
    target = await _fill(second, clock)
    before = await target.list("plain")
    with pytest.raises(AlreadyExists, match="not empty"):
        await copy(first, second)
    assert await target.list("plain") == before
    await first.close()
    await second.close()


async def test_an_unmigrated_target_is_refused(sqlite_url: str, tmp_path: Path) -> None:
    first, second = Store(sqlite_url), Store(f"sqlite:///{tmp_path}/empty.db")
    with pytest.raises(StoreUnavailable, match=r"target.*migration none"):
        await copy(first, second)
    await first.close()
    await second.close()
