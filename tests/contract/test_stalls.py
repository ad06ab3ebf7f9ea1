"""Stalls, crashes and clocks that are set: no living service lapses through them, and a dead one still does."""

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest
from sqlalchemy import text

from registry_gateway.core.clock import SystemClock
from registry_gateway.core.commands import Lapsed, Renewed, Unknown
from registry_gateway.core.errors import StoreUnavailable
from registry_gateway.core.lease import LeasePolicy
from registry_gateway.registry.registry import Registry
from registry_gateway.store.engine import Store
from registry_gateway.store.statements import presence
from registry_gateway.store.statements.presence import ABSENCE, RESTART
from tests.conftest import ManualClock
from tests.contract.services import (
    DIALECT,
    ENDS,
    REMEMBERS,
    REVIVES,
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

LIVING = [f"living-{n}" for n in range(8)]
STEPS = [30.0, -30.0, 40.0, -40.0, 3600.0, -3600.0, 86_400.0]


async def beat(*gateways: Registry) -> set[type]:
    """Send a heartbeat of each living service, to one gateway after the other; return what kinds of answers came."""
    return {
        type(answer)
        for answer in await asyncio.gather(
            *(gateways[n % len(gateways)].renew(renew(key)) for n, key in enumerate(LIVING))
        )
    }


async def listed(registry: Registry) -> set[str]:
    """Return the keys of what is listed as alive."""
    return {entry.registration.key for entry in await registry.list(alive=True)}


async def populate(registry: Registry, ttl: float = TTL) -> None:
    """Start a gateway, with living services and a dead one."""
    await registry.start()
    await asyncio.gather(*(registry.register(register(key, ttl=ttl)) for key in (*LIVING, "dead")))


async def lapses_of_the_living(registry: Registry) -> set[str]:
    """Return the kinds of events of lapses, and of recoveries from them, that the living services have."""
    events = await registry.events(limit=10_000)
    return {event.kind.value for event in events if event.key in LIVING and event.kind.value != "registered"}


@pytest.mark.parametrize("first", ["beat", "expire", "purge", "list", "resume"])
@pytest.mark.parametrize("policy", [ENDS, REMEMBERS, REVIVES, STAYS], ids=["ends", "remembers", "revives", "stays"])
async def test_after_a_stall_nothing_that_comes_first_lets_a_lease_lapse(
    open_registry: OpenRegistry, clock: ManualClock, policy: object, first: str
) -> None:
    registry, other = open_registry(policy), open_registry(policy)  # type: ignore[arg-type] # of the parameters
    await populate(registry)
    clock.advance(1)
    await registry.resume()
    clock.advance(TTL + 10)
    match first:
        case "beat":
            assert await beat(registry, other) == {Renewed}
        case "expire":
            assert await other.expire() == 0
        case "purge":
            assert await registry.purge() == 0
        case "list":
            assert await listed(other) == {*LIVING, "dead"}
        case "resume":
            await other.resume()
    assert await listed(registry) == {*LIVING, "dead"}
    assert await beat(registry, other) == {Renewed}
    await listen(registry, clock, TTL - 1)
    assert await beat(registry, other) == {Renewed}
    await registry.expire()
    assert await listed(other) == set(LIVING), "what is dead lapses after a lease of listened time"
    assert await lapses_of_the_living(registry) == set()
    assert (await history(registry)).count("resumed") == 1


async def test_absences_add_up_and_a_crash_loop_costs_no_lease(open_registry: OpenRegistry, clock: ManualClock) -> None:
    await populate(open_registry(ENDS), ttl=3)
    for _ in range(10):
        clock.advance(2)  # down
        registry = open_registry(ENDS)
        await registry.start()
        assert await registry.expire() == 0
        clock.advance(0.15)  # up, and no heartbeat comes through
        assert await listed(registry) == {*LIVING, "dead"}
    assert await beat(registry) == {Renewed}
    await listen(registry, clock, 2)
    assert await beat(registry) == {Renewed}
    clock.advance(1)
    await registry.expire()
    assert await listed(registry) == set(LIVING)
    assert await lapses_of_the_living(registry) == set()


async def test_an_absence_adds_its_own_length_and_never_more_than_a_full_term(
    open_registry: OpenRegistry, clock: ManualClock
) -> None:
    registry = open_registry(ENDS)
    await registry.start()
    await registry.register(register("old"))
    await listen(registry, clock, 10)
    await registry.register(register("new"))
    clock.advance(50)
    await registry.resume()
    ends = {key: (await found(registry, key)).registration.lease.expires_at - clock.now() for key in ("old", "new")}
    assert ends == {"old": TTL - 10, "new": TTL}
    await registry.renew(renew("old"))
    clock.advance(ABSENCE + 0.1)
    await registry.renew(renew("new"))
    await registry.resume()
    ends = {key: (await found(registry, key)).registration.lease.expires_at - clock.now() for key in ("old", "new")}
    assert ends == {"old": TTL, "new": TTL}


async def test_a_start_makes_up_for_a_short_absence_and_says_nothing(
    open_registry: OpenRegistry, clock: ManualClock
) -> None:
    registry = open_registry(ENDS)
    await registry.start()
    await registry.register(register())
    await listen(registry, clock, 5)
    ends = (await found(registry)).registration.lease.expires_at
    clock.advance(ABSENCE - 0.1)
    await registry.resume()
    assert (await found(registry)).registration.lease.expires_at == ends, "between two signs nothing is made up for"
    clock.advance(RESTART + 0.1)
    await open_registry(ENDS).start()
    assert (await found(registry)).registration.lease.expires_at == pytest.approx(ends + RESTART + 0.1)
    assert await history(registry) == ["registered"]


async def test_a_dead_service_lapses_after_one_lease_of_listened_time(
    open_registry: OpenRegistry, clock: ManualClock
) -> None:
    registry = open_registry(ENDS)
    await registry.start()
    await registry.register(register())
    for _ in range(3):
        await listen(registry, clock, TTL / 3 - 1)
        assert (await found(registry)).alive
        clock.advance(1000)
        await registry.resume()
    await listen(registry, clock, 3)
    assert await registry.find(DIALECT, "svc") is None
    assert await registry.expire() == 1


async def test_a_late_heartbeat_after_the_lapse_is_refused(open_registry: OpenRegistry, clock: ManualClock) -> None:
    registry = open_registry(ENDS)
    await registry.start()
    await registry.register(register())
    await listen(registry, clock, TTL)
    assert isinstance(await registry.renew(renew()), Lapsed)
    assert await registry.expire() == 1
    assert isinstance(await registry.renew(renew()), Unknown)
    assert await history(registry) == ["registered", "expired"]


async def test_of_heartbeats_in_one_batch_only_the_late_are_judged(
    open_registry: OpenRegistry, clock: ManualClock
) -> None:
    registry = open_registry(ENDS)
    await registry.start()
    await registry.register(register("late"))
    await listen(registry, clock, TTL - 1)
    await registry.register(register("early"))
    clock.advance(1)
    asked = [registry.renew(renew(key)) for key in ("early", "late", "unknown")]
    answers = await asyncio.gather(
        *asked, registry.deregister(deregister("early")), registry.register(register("late"))
    )
    assert [type(answer).__name__ for answer in answers] == ["Renewed", "Lapsed", "Unknown", "Done", "Registered"]
    assert await history(registry, "late") == ["registered", "expired", "registered"]
    assert await history(registry, "early") == ["registered", "deregistered"]


@pytest.mark.parametrize("key", ["nobody", "svc"])
async def test_a_heartbeat_that_is_in_time_or_of_nobody_leaves_presence_alone(
    open_registry: OpenRegistry, clock: ManualClock, database_url: str, key: str
) -> None:
    registry = open_registry(ENDS)
    await registry.start()
    await registry.register(register(ttl=1000))
    before = clock.now()
    clock.advance(100)
    store = Store(database_url)
    version = "PRAGMA data_version" if store.sqlite else "SELECT xmin::text FROM presence"
    async with store.engine.connect() as watching:
        was = (await watching.execute(text(version))).scalar_one()
        assert isinstance(await registry.renew(renew(key)), Unknown if key == "nobody" else Renewed)
        assert await watching.run_sync(presence.last) == before
        if not store.sqlite or key == "nobody":
            assert (await watching.execute(text(version))).scalar_one() == was
    assert await history(registry) == ["registered"]
    await store.close()


async def test_gateways_that_come_back_under_load_wait_for_each_other_and_not_in_a_circle(
    open_registry: OpenRegistry, clock: ManualClock, database_url: str
) -> None:
    gateways = [open_registry(ENDS) for _ in range(3)]
    await populate(gateways[0])
    for _ in range(5):
        clock.advance(TTL + 10)
        answers, *_ = await asyncio.gather(
            beat(*gateways), *(g.expire() for g in gateways), *(g.resume() for g in gateways), beat(*reversed(gateways))
        )
        assert answers == {Renewed}
        assert await listed(gateways[1]) >= set(LIVING)
    assert await lapses_of_the_living(gateways[2]) == set()
    assert (await history(gateways[2])).count("resumed") == 5
    if database_url.startswith("postgresql"):
        store = Store(database_url)
        query = text("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
        assert await store.read(lambda connection: connection.execute(query).scalar_one()) == 0
        await store.close()


# --- clocks that are set


@pytest.mark.parametrize("first", ["beat", "expire", "restart"])
@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("policy", [ENDS, pytest.param(REMEMBERS, marks=pytest.mark.slow)], ids=["ends", "remembers"])
async def test_a_clock_that_is_set_costs_no_lease(
    open_registry: OpenRegistry, clock: ManualClock, policy: LeasePolicy, step: float, first: str
) -> None:
    registry = open_registry(policy)
    await populate(registry, ttl=6)
    await listen(registry, clock, 2)
    assert await beat(registry) == {Renewed}
    clock.step(step)
    match first:
        case "beat":
            assert await beat(registry) == {Renewed}
        case "expire":
            assert await registry.expire() == 0
        case "restart":
            registry = open_registry(policy)
            await registry.start()
    assert await listed(registry) >= set(LIVING)
    for _ in range(6):
        await listen(registry, clock, 2)
        await registry.expire()
        assert await listed(registry) >= set(LIVING)
        assert await beat(registry) == {Renewed}
    assert await listed(registry) == set(LIVING), "a dead one is listed for no more than one lease longer"
    clock.advance(5)
    await registry.resume()
    lease = (await found(registry, LIVING[0])).registration.lease
    assert lease.expires_at == clock.now() + 6, "an outage is made up for as ever"
    assert lease.last_seen <= clock.now()
    assert await lapses_of_the_living(registry) == set()


async def test_there_and_back_leaves_no_trace(open_registry: OpenRegistry, clock: ManualClock) -> None:
    registry = open_registry(ENDS)
    await populate(registry)
    for step in (3600.0, -3600.0):
        clock.step(step)
        await listen(registry, clock, 6)
        assert await beat(registry) == {Renewed}
    clock.advance(TTL + 5)
    assert await beat(registry) == {Renewed}
    await listen(registry, clock, TTL)
    assert await listed(registry) == set()


async def test_the_time_since_the_deadline_stays_when_the_clock_is_set_back(
    open_registry: OpenRegistry, clock: ManualClock
) -> None:
    registry = open_registry(STAYS)
    await registry.start()
    await registry.register(register())
    await listen(registry, clock, TTL)
    assert await registry.expire() == 1
    clock.advance(60)
    assert await registry.expire() == 1
    clock.step(-3600)
    await registry.resume()
    assert (await found(registry)).health.value == "degraded"
    clock.advance(540)
    assert await registry.expire() == 1
    assert await history(registry, "svc") == ["registered", "expired", "degraded", "unreachable"]


@pytest.mark.parametrize(("step", "words"), [(3600.0, "forward"), (-3600.0, "back")])
async def test_a_step_is_logged_counted_and_on_record(
    open_registry: OpenRegistry,
    clock: ManualClock,
    caplog: pytest.LogCaptureFixture,
    step: float,
    words: str,
) -> None:
    registry = open_registry(ENDS)
    await registry.start()
    await registry.register(register())
    clock.step(step)
    await registry.resume()
    await registry.resume()
    assert [record.message for record in caplog.records if record.name == "registry_gateway.clock"] == [
        f"the clock that leases are judged by was set {words} by 3600.0 s"
    ]
    assert registry.metrics.clock.steps[0] == 1
    resumed = (await registry.events())[-1]
    assert (resumed.reason or "").startswith(f"the clock was set {words} by 3600.0 s: 1 ")
    assert resumed.detail["clock_step"] == step


class Wrong(ManualClock):
    """The clocks of a machine whose wall clock is an hour ahead of the database server's."""

    def __init__(self, server: ManualClock) -> None:
        super().__init__()
        self._server = server

    def now(self) -> float:
        return self._server.now() + 3600

    def server(self) -> float:
        return self._server.now()


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_on_postgresql_the_clock_of_a_gateway_does_not_matter(
    open_registry: OpenRegistry, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    right, wrong = open_registry(ENDS), open_registry(ENDS, Wrong(clock))
    await populate(right)
    await wrong.start()
    for _ in range(6):
        await wrong.expire()
        await right.expire()
        assert await listed(right) == await listed(wrong) >= set(LIVING)
        assert await beat(wrong, right) == {Renewed}
        await listen(wrong, clock, 6)
    assert await listed(wrong) == set(LIVING)
    assert await lapses_of_the_living(right) == set()
    assert "resumed" not in await history(right)
    assert wrong.metrics.clock.ahead == 3600
    assert "3600.0 s ahead of the database server's" in caplog.text


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_on_postgresql_the_time_is_the_servers(open_registry: OpenRegistry) -> None:
    class Ahead(SystemClock):
        def now(self) -> float:
            return time.time() + 3600

    registry = open_registry(ENDS, Ahead())
    await registry.start()
    began = time.time()
    await registry.register(register())
    renewed = await registry.renew(renew())
    assert isinstance(renewed, Renewed)
    moment = await registry.moment()
    entry = await found(registry)
    for stamp in (moment.now, entry.registration.registered_at, renewed.registration.lease.expires_at - TTL):
        assert began - 1 < stamp < time.time() + 1
    assert [listed.registration for listed in await registry.list(alive=True)] == [entry.registration]
    assert await registry.expire() == 0


# --- waits, in real time


Held = Callable[[], AbstractAsyncContextManager[None]]


@pytest.fixture
def held(database_url: str) -> Held:
    """`async with held():` another process holds the lock that a heartbeat of `svc` needs."""

    @asynccontextmanager
    async def locked() -> AsyncIterator[None]:
        if database_url.startswith("sqlite"):
            other = sqlite3.connect(database_url.removeprefix("sqlite:///"), isolation_level=None)
            other.execute("BEGIN IMMEDIATE")
            yield
            other.close()
            return
        store = Store(database_url)
        async with store.engine.connect() as connection:
            await connection.execute(text("SELECT key FROM registrations FOR UPDATE"))
            yield
            await connection.rollback()
        await store.close()

    return locked


async def test_a_wait_for_a_lock_that_outlasts_the_lease_costs_no_lease(
    open_registry: OpenRegistry, held: Held
) -> None:
    registry, reading = open_registry(ENDS, SystemClock()), open_registry(ENDS, SystemClock())
    await registry.start()
    await registry.register(register(ttl=3))
    for warm in (registry, reading):
        assert await listed(warm) == {"svc"}
        assert (await found(warm)).alive
    assert isinstance(await registry.renew(renew()), Renewed)
    async with held():
        asked = asyncio.create_task(registry.renew(renew())), asyncio.create_task(registry.expire())
        for _ in range(18):
            await asyncio.sleep(0.2)
            assert (await found(reading)).alive
            assert await listed(reading) == {"svc"}
    renewed, expired = await asyncio.gather(*asked, return_exceptions=True)
    assert isinstance(renewed, Renewed | StoreUnavailable), renewed
    assert isinstance(expired, StoreUnavailable) or expired == 0, expired
    assert isinstance(await registry.renew(renew()), Renewed)
    assert await registry.expire() == 0
    assert set(await history(registry)) <= {"registered", "resumed"}
