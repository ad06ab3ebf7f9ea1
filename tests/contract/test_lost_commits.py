"""What became of a COMMIT whose answer is lost, and what is said of it."""

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Iterator

import pytest
from sqlalchemy import Connection, create_engine, event, text
from sqlalchemy.engine import make_url

from registry_gateway.core.commands import Registered, Renewed
from registry_gateway.core.errors import OutcomeUnknown, StoreUnavailable
from registry_gateway.registry.registry import Registry
from registry_gateway.store import migrate
from registry_gateway.store.engine import Store
from registry_gateway.store.lanes.thread_lane import ThreadLane
from tests.conftest import ManualClock
from tests.contract.services import DIALECT, STAYS, history, register, renew
from tests.e2e.postgresql_server import own_server
from tests.e2e.relay import Relay

pytestmark = pytest.mark.anyio


@pytest.fixture
def relay(postgresql_url: str) -> Iterator[Relay]:
    """A relay before PostgreSQL."""
    url = make_url(postgresql_url)
    with Relay(f"{url.query['host']}/.s.PGSQL.5432").running() as relay:
        yield relay


@pytest.fixture
async def registry(postgresql_url: str, relay: Relay, clock: ManualClock) -> AsyncIterator[Registry]:
    """A registry behind the relay, in which one service is registered."""
    name = make_url(postgresql_url).database
    registry = Registry(Store(f"postgresql://postgres@127.0.0.1:{relay.port}/{name}"), {DIALECT: STAYS}, clock)
    await registry.register(register("known"))
    yield registry
    await registry.close()


async def test_what_was_committed_is_answered_as_done(registry: Registry, relay: Relay) -> None:
    relay.lose_commits = "answer"
    assert isinstance(await registry.register(register("svc")), Registered)
    assert relay.lost == 1
    assert await history(registry, "svc") == ["registered"]


async def test_a_heartbeat_that_was_committed_is_answered_as_done(
    registry: Registry, relay: Relay, clock: ManualClock
) -> None:
    clock.advance(1)
    relay.lose_commits = "answer"
    renewed = await registry.renew(renew("known"))
    assert isinstance(renewed, Renewed)
    assert relay.lost == 1
    found = await registry.find(DIALECT, "known")
    assert found is not None
    assert found.registration.lease.heartbeat_at == clock.now()


@pytest.mark.parametrize("command", ["register", "renew"])
async def test_what_was_not_committed_is_a_failure_that_changed_nothing(
    registry: Registry, relay: Relay, clock: ManualClock, command: str
) -> None:
    clock.advance(1)
    relay.lose_commits = "request"
    with pytest.raises(StoreUnavailable) as failure:
        await (registry.register(register("svc")) if command == "register" else registry.renew(renew("known")))
    assert relay.lost == 1
    assert not isinstance(failure.value, OutcomeUnknown)
    assert await registry.find(DIALECT, "svc") is None
    known = await registry.find(DIALECT, "known")
    assert known is not None
    assert known.registration.lease.heartbeat_at is None
    assert isinstance(await registry.register(register("svc")), Registered)  # and nothing holds it up


async def test_what_can_not_be_found_out_is_said_to_be_unknown(registry: Registry, relay: Relay) -> None:
    reachable, relay.target = relay.target, 1
    relay.lose_commits = "answer"
    with pytest.raises(OutcomeUnknown):
        await registry.register(register("svc"))
    relay.target = reachable
    assert isinstance(await registry.register(register("other")), Registered)
    assert await history(registry, "svc") == ["registered"]


@pytest.mark.slow
async def test_a_server_that_is_killed_makes_no_answer_untrue(clock: ManualClock) -> None:
    with own_server() as server:
        store = Store(server.url())
        await migrate.upgrade(store)
        registry = Registry(store, {DIALECT: STAYS}, clock)
        outcomes: dict[str, object] = {}

        async def work(who: int) -> None:
            for number in range(100_000):
                key = f"{who}-{number}"
                try:
                    outcomes[key] = await registry.register(register(key))
                except StoreUnavailable as error:
                    outcomes[key] = error
                    return

        try:
            for _ in range(3):
                workers = [asyncio.create_task(work(time.monotonic_ns() + n)) for n in range(20)]
                await asyncio.sleep(0.3)
                server.kill()
                await asyncio.wait(workers)
                await asyncio.to_thread(server.start)
            there = {entry.registration.key for entry in await registry.list(DIALECT)}
        finally:
            await registry.close()
    told = {key for key, outcome in outcomes.items() if isinstance(outcome, Registered)}
    refused = {key for key, outcome in outcomes.items() if type(outcome) is StoreUnavailable}
    assert told
    assert told - there == set(), "acknowledged and lost"
    assert refused & there == set(), "said to have changed nothing"
    assert len(told) + 60 == len(outcomes)


# --- SQLite


Failing = Callable[[Callable[[], None]], ThreadLane]


@pytest.fixture
def failing(sqlite_url: str) -> Failing:
    """Makes the lane of a writer; what it is given is done in each COMMIT, before it."""

    def lane(in_commit: Callable[[], None]) -> ThreadLane:
        engine = create_engine(sqlite_url, connect_args={"isolation_level": None, "check_same_thread": False})
        event.listen(engine, "begin", lambda c: c.connection.cursor().execute("BEGIN IMMEDIATE"))
        event.listen(engine, "commit", lambda _connection: in_commit())
        return ThreadLane(engine.execution_options(writing=True), "write")

    return lane


def _write(connection: Connection) -> None:
    connection.execute(text("INSERT INTO presence (id, present_at) VALUES (1, 1)"))


def _written(url: str) -> bool:
    with sqlite3.connect(str(make_url(url).database)) as connection:
        return bool(connection.execute("SELECT count(*) FROM presence").fetchone()[0])


def _error(code: int) -> Callable[[], None]:
    def fail() -> None:
        error = sqlite3.OperationalError("as SQLite would")
        error.sqlite_errorcode = code
        raise error

    return fail


async def test_a_commit_of_sqlite_that_hangs_is_unknown(sqlite_url: str, failing: Failing) -> None:
    lane = failing(lambda: time.sleep(0.5))
    with pytest.raises(OutcomeUnknown):
        await lane.run(_write, 0.1)
    await lane.close()
    assert _written(sqlite_url)


async def test_a_statement_of_sqlite_that_hangs_changed_nothing(sqlite_url: str, failing: Failing) -> None:
    lane = failing(lambda: None)

    def slow(connection: Connection) -> None:
        _write(connection)
        time.sleep(0.5)

    with pytest.raises(TimeoutError):
        await lane.run(slow, 0.1)
    queued = asyncio.create_task(lane.run(_write, 0.1))
    with pytest.raises(TimeoutError):
        await queued
    await lane.close()
    assert not _written(sqlite_url)


@pytest.mark.parametrize("code", [sqlite3.SQLITE_FULL, sqlite3.SQLITE_BUSY])
async def test_a_commit_that_sqlite_refuses_changed_nothing(sqlite_url: str, failing: Failing, code: int) -> None:
    lane = failing(_error(code))
    with pytest.raises(sqlite3.OperationalError):
        await lane.run(_write, 5)
    await lane.close()
    assert not _written(sqlite_url)


async def test_a_commit_of_sqlite_that_could_not_be_written_out_is_unknown(failing: Failing) -> None:
    lane = failing(_error(sqlite3.SQLITE_IOERR_FSYNC))
    with pytest.raises(OutcomeUnknown):
        await lane.run(_write, 5)
    await lane.close()
