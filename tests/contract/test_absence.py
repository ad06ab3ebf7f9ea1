"""Nobody lapses because no gateway was there to hear it, and an outage of the database is over when it is over."""

import asyncio
import contextlib
import re
import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from registry_gateway.core.commands import Lapsed, Renewed
from registry_gateway.core.errors import StoreUnavailable
from registry_gateway.core.model import Entry
from registry_gateway.registry.registry import Registry
from registry_gateway.store.engine import Store
from registry_gateway.store.statements.presence import ABSENCE
from tests.conftest import ManualClock
from tests.contract.services import (
    DIALECT,
    ENDS,
    REFUSES,
    REVIVES,
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
from tests.postgresql import SERVERS

pytestmark = pytest.mark.anyio


async def test_after_an_absence_what_was_alive_gets_a_full_lease(
    open_registry: OpenRegistry, clock: ManualClock
) -> None:
    registry = open_registry(ENDS)
    await registry.resume()
    await registry.register(register("short"))
    await registry.register(register("long", ttl=5000))
    clock.advance(1000)
    await registry.resume()
    for key, ttl in (("short", TTL), ("long", 5000)):
        entry = await found(registry, key)
        assert entry.alive
        assert entry.registration.lease.expires_at == clock.now() + ttl
    assert await registry.expire() == 0
    assert isinstance(await registry.renew(renew("short")), Renewed)


async def test_an_absence_is_told_in_the_log_of_events(open_registry: OpenRegistry, clock: ManualClock) -> None:
    registry = open_registry(ENDS)
    await registry.resume()
    left_at = clock.now()
    await registry.register(register())
    clock.advance(1000)
    await registry.resume()
    resumed = (await registry.events())[-1]
    assert resumed.kind.value == "resumed"
    assert resumed.detail == {"absent_since": left_at, "leases": 1, "cause": "gateway"}
    assert resumed.reason == "no gateway for 1000.0 s: 1 live lease(s) extended"


async def test_a_gateway_that_was_there_all_the_time_extends_nothing(
    open_registry: OpenRegistry, clock: ManualClock
) -> None:
    registry = open_registry(ENDS)
    await registry.register(register())
    for _ in range(int(TTL / ABSENCE)):
        await registry.resume()
        clock.advance(ABSENCE)
    await registry.resume()
    assert await registry.find(DIALECT, "svc") is None
    assert await history(registry) == ["registered"]


async def test_another_gateway_that_was_there_is_presence_enough(
    open_registry: OpenRegistry, clock: ManualClock
) -> None:
    away, there = open_registry(ENDS), open_registry(ENDS)
    await away.resume()
    await away.register(register())
    for _ in range(40):
        clock.advance(1)
        await there.resume()
    await away.resume()
    assert await away.find(DIALECT, "svc") is None
    assert "resumed" not in await history(away)


async def test_what_had_ended_before_an_absence_stays_ended(open_registry: OpenRegistry, clock: ManualClock) -> None:
    registry = open_registry(REFUSES)
    await registry.register(register("lapsed"))
    await registry.register(register("left"))
    await registry.register(register("recorded", ttl=1))
    await registry.deregister(deregister("left"))
    clock.advance(1)
    await registry.expire()
    clock.advance(TTL)
    await registry.resume()
    clock.advance(1000)
    await registry.resume()
    assert await registry.list(alive=True) == []
    for key in ("lapsed", "left", "recorded"):
        assert isinstance(await registry.renew(renew(key)), Lapsed)


async def test_gateways_that_come_back_together_make_up_for_it_once(
    open_registry: OpenRegistry, clock: ManualClock
) -> None:
    gateways = [open_registry(ENDS) for _ in range(3)]
    await asyncio.gather(*(gateway.resume() for gateway in gateways))
    await gateways[0].register(register())
    clock.advance(1000)
    await asyncio.gather(*(gateway.resume() for gateway in gateways))
    assert (await found(gateways[1])).registration.lease.expires_at == clock.now() + TTL
    assert (await history(gateways[2])).count("resumed") == 1


Outage = Callable[[], contextlib.AbstractAsyncContextManager[None]]


@pytest.fixture
def outage(database_url: str, request: pytest.FixtureRequest) -> Outage:
    """`async with outage():` the database can't be reached. PostgreSQL cuts every connection; a SQLite file stays
    readable for who has it open, so a gateway that is to notice must not have opened it before.
    """
    if database_url.startswith("sqlite"):
        path = Path(database_url.removeprefix("sqlite:///"))

        @contextlib.asynccontextmanager
        async def moved_away() -> AsyncIterator[None]:
            away = path.with_suffix(".away")
            for file in (path, *path.parent.glob(f"{path.name}-*")):
                shutil.move(file, str(away) + file.name.removeprefix(path.name))
            path.mkdir()  # noqa: ASYNC240 - a moment in a test
            yield
            path.rmdir()  # noqa: ASYNC240 - a moment in a test
            for file in path.parent.glob(f"{away.name}*"):
                shutil.move(file, str(path) + file.name.removeprefix(away.name))

        return moved_away

    psql: Callable[[str], str] = request.getfixturevalue("postgresql")
    name = database_url.partition("?")[0].rpartition("/")[2]

    @contextlib.asynccontextmanager
    async def refused() -> AsyncIterator[None]:
        psql(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        psql(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
        yield
        psql(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")

    return refused


async def test_without_its_database_every_operation_says_so(open_registry: OpenRegistry, outage: Outage) -> None:
    await open_registry(ENDS).register(register())
    registry = open_registry(ENDS)
    async with outage():
        for ask in (
            registry.register(register("other")),
            registry.renew(renew()),
            registry.deregister(deregister()),
            registry.find(DIALECT, "svc"),
            registry.list(),
            registry.events(),
            registry.versions(DIALECT, "svc"),
            registry.subscribe(DIALECT, "svc", "bob", renew().actor),
            registry.resume(),
            registry.expire(),
            registry.purge(),
            registry.moment(),
        ):
            with pytest.raises(StoreUnavailable) as refused:
                await ask
            assert re.match(r"the database (\S+ )?(is unavailable|can't be used): ", str(refused.value))
            assert "\n" not in str(refused.value)


async def test_an_outage_of_the_database_is_over_without_a_restart(
    open_registry: OpenRegistry, clock: ManualClock, outage: Outage
) -> None:
    before, registry = open_registry(ENDS), open_registry(ENDS)
    await before.resume()
    await before.register(register())
    clock.advance(TTL - 1)
    async with outage():
        clock.advance(2)
        with pytest.raises(StoreUnavailable):
            await registry.renew(renew())
        clock.advance(100)
    assert isinstance(await registry.renew(renew()), Renewed)
    assert (await found(registry)).registration.lease.expires_at == clock.now() + TTL
    assert await history(registry) == ["registered", "resumed"]
    await registry.register(register("other"))
    await registry.moment()


@pytest.mark.parametrize("database_url", SERVERS, indirect=True)
async def test_a_database_that_can_only_be_read_is_read_and_no_lease_lapses(
    open_registry: OpenRegistry, clock: ManualClock, database_url: str, postgresql: Callable[[str], str]
) -> None:
    """As when a disk is full, or a standby is asked before it takes over."""
    name = make_url(database_url).database

    def read_only(on: bool) -> None:
        postgresql(f"ALTER DATABASE {name} SET default_transaction_read_only = {on}")
        postgresql(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")

    registry = open_registry(ENDS)
    await registry.register(register("lapsed", ttl=1))
    clock.advance(2)
    await registry.register(register())
    await registry.resume()
    read_only(True)
    try:
        for _ in range(2):
            with pytest.raises(StoreUnavailable):
                await registry.renew(renew())
            clock.advance(10 * TTL)
            assert [entry.registration.key for entry in await registry.list(alive=True)] == ["svc"]
            assert (await found(registry)).alive
            assert await registry.find(DIALECT, "lapsed") is None
            assert await history(registry) == ["registered", "registered"]
    finally:
        read_only(False)
    assert isinstance(await registry.renew(renew()), Renewed)
    assert (await found(registry)).registration.lease.expires_at == clock.now() + TTL
    assert await history(registry) == ["registered", "registered", "resumed"]
    await listen(registry, clock, TTL)
    assert await registry.find(DIALECT, "svc") is None


@pytest.mark.parametrize("first", ["find", "list", "expire", "register", "renew", "advertise", "subscribe"])
async def test_whatever_comes_first_after_an_outage_finds_it_alive(
    open_registry: OpenRegistry, clock: ManualClock, outage: Outage, first: str
) -> None:
    before, registry = open_registry(ENDS), open_registry(ENDS)
    await before.resume()
    await before.register(register())
    async with outage():
        clock.advance(1)
        with pytest.raises(StoreUnavailable):
            await registry.resume()
        clock.advance(100)
    match first:
        case "find":
            assert (await found(registry)).alive
        case "list":
            assert len(await registry.list(alive=True)) == 1
        case "expire":
            assert await registry.expire() == 0
        case "register":
            assert not (await registry.register(register())).created
        case "renew":
            assert isinstance(await registry.renew(renew()), Renewed)
        case "advertise":
            await registry.advertise(advertise())
        case "subscribe":
            await registry.subscribe(DIALECT, "svc", "bob", renew().actor)
    assert (await history(registry)).count("resumed") == (first not in ("find", "list")), "readers write nothing"
    await registry.resume()
    await registry.expire()
    assert (await found(registry)).alive
    recorded = await history(registry)
    assert recorded.count("resumed") == 1
    assert not {"expired", "recovered"} & set(recorded)


@pytest.mark.parametrize("database_url", SERVERS, indirect=True)
async def test_connections_that_are_cut_fail_their_callers_once(
    open_registry: OpenRegistry, clock: ManualClock, database_url: str, postgresql: Callable[[str], str]
) -> None:
    registry = open_registry(REVIVES)
    await registry.register(register())
    name = make_url(database_url).database
    there = f"FROM pg_stat_activity WHERE datname = '{name}'"
    for _ in range(3):
        before = set(postgresql(f"\\t on\nSELECT pid {there}").split())
        assert before
        postgresql(f"SELECT pg_terminate_backend(pid) {there}")
        outcomes = await asyncio.gather(
            registry.renew(renew()), registry.find(DIALECT, "svc"), registry.events(), return_exceptions=True
        )
        for outcome, kind in zip(outcomes, (Renewed, Entry, list), strict=True):
            assert isinstance(outcome, kind | StoreUnavailable), outcome
        assert isinstance(await registry.renew(renew()), Renewed)
        assert (await found(registry)).alive
        assert before.isdisjoint(postgresql(f"\\t on\nSELECT pid {there}").split()), "no connection was cut"
    clock.advance(1)
    assert await registry.expire() == 0


async def test_a_database_that_is_not_there_is_unavailable_and_no_crash(
    open_registry: OpenRegistry, database_url: str, tmp_path: Path
) -> None:
    elsewhere = (
        f"sqlite:///{tmp_path}/nowhere/registry.db"
        if database_url.startswith("sqlite")
        else database_url.replace("/registry_", "/no_registry_")
    )
    registry = open_registry(ENDS, url=elsewhere)
    with pytest.raises(StoreUnavailable):
        await registry.moment()
    with pytest.raises(StoreUnavailable):
        await registry.renew(renew())


async def test_a_server_that_is_not_there_is_unavailable_and_no_crash(tmp_path: Path) -> None:
    store = Store(f"postgresql://postgres@/registry?host={tmp_path}")
    registry = Registry(store, {DIALECT: ENDS}, ManualClock())
    with pytest.raises(StoreUnavailable):
        await registry.renew(renew())
    with pytest.raises(StoreUnavailable):
        await registry.find(DIALECT, "svc")
    await registry.close()
