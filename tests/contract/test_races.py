"""Several gateways on one database at the same moment: what each caller is told fits one order of events."""

import asyncio
from collections.abc import Iterator, Sequence
from itertools import count
from typing import Literal

import anyio
import anyio.lowlevel
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from registry_gateway.core.commands import Done, Lapsed, Registered, Renewed, Unknown
from registry_gateway.core.errors import AlreadyRegistered, NotOwner, NotRegistered
from registry_gateway.core.lease import LeasePolicy
from registry_gateway.registry import write_batch
from registry_gateway.registry.registry import Registry
from registry_gateway.store.engine import Store
from tests.conftest import ManualClock
from tests.contract.services import (
    DIALECT,
    ENDS,
    REFUSES,
    STAYS,
    OpenRegistry,
    deregister,
    found,
    history,
    register,
    renew,
)
from tests.fuzz import CI
from tests.postgresql import SERVERS

pytestmark = pytest.mark.anyio

Kind = Literal["create", "replace", "renew", "deregister"]


class Ask(msgspec.Struct, frozen=True):
    """Something asked of one of the gateways, some turns of the event loop after its fellows of a wave."""

    kind: Kind
    gateway: int
    delay: int


class Told(msgspec.Struct, frozen=True):
    """What was answered, and the moments it was asked and answered at."""

    kind: Kind
    answer: type
    asked: int
    answered: int


asks = st.builds(
    Ask,
    kind=st.sampled_from(["create", "replace", "renew", "renew", "deregister", "deregister"]),
    gateway=st.integers(0, 1),
    delay=st.integers(0, 12),
)
waves = st.lists(st.lists(asks, min_size=1, max_size=4), min_size=1, max_size=4)
_keys = count()


def consequence(alive: bool, kind: Kind, late: type) -> tuple[type, bool]:
    """Return what one command alone is told, and whether the service is alive after it."""
    match kind:
        case "create":
            return (AlreadyRegistered if alive else Registered), True
        case "replace":
            return Registered, True
        case "renew":
            return (Renewed if alive else late), alive
        case "deregister":
            return (Done if alive else NotRegistered), False


def in_some_order(told: Sequence[Told], alive_at_last: bool, late: tuple[type, ...]) -> bool:
    """Tell whether the answers fit commands done one after the other, none before it was asked or after it was
    answered, with this state at the end.
    """

    def fits(left: frozenset[int], alive: bool) -> bool:
        if not left:
            return alive == alive_at_last
        first_answer = min(told[i].answered for i in left)
        for i in left:
            if told[i].asked > first_answer:
                continue  # another one was answered before this one was asked
            answers = [consequence(alive, told[i].kind, each) for each in late]
            for answer, after in answers:
                if told[i].answer is answer and fits(left - {i}, after):
                    return True
        return False

    return fits(frozenset(range(len(told))), False)


async def ask_all(gateways: Sequence[Registry], key: str, script: Sequence[Sequence[Ask]]) -> list[Told]:
    """Ask wave after wave; within a wave, at the same time."""
    moments: Iterator[int] = count()
    told: list[Told] = []

    async def one(ask: Ask) -> None:
        for _ in range(ask.delay):
            await anyio.lowlevel.checkpoint()
        registry = gateways[ask.gateway]
        asked = next(moments)
        answer: object
        try:
            match ask.kind:
                case "renew":
                    answer = await registry.renew(renew(key))
                case "deregister":
                    answer = await registry.deregister(deregister(key))
                case mode:
                    answer = await registry.register(register(key, mode=mode))
        except (AlreadyRegistered, NotRegistered) as error:
            answer = error
        told.append(Told(ask.kind, type(answer), asked, next(moments)))

    for wave in script:
        await asyncio.gather(*map(one, wave))
    return told


@pytest.fixture
def two_gateways(open_registry: OpenRegistry, policy: LeasePolicy) -> tuple[Registry, Registry]:
    """Two gateways on one database; the second one's clock is behind by a tenth of a second."""
    behind = ManualClock()
    behind.advance(-0.1)
    return open_registry(policy), open_registry(policy, behind)


@pytest.mark.parametrize("policy", [ENDS, REFUSES], ids=["gone", "kept"])
@settings(
    max_examples=40 if CI else 15,
    deadline=None,
    # Every example uses a key of its own, so they can share a database.
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(script=waves)
async def test_a_deregistered_service_never_comes_back_through_a_late_ping(
    two_gateways: tuple[Registry, Registry], script: list[list[Ask]]
) -> None:
    key = f"svc-{next(_keys)}"
    registered = Ask("replace", gateway=0, delay=0)
    told = await ask_all(two_gateways, key, [[registered], *script])
    for pinged in (t for t in told if t.answer is Renewed):
        for left in (t for t in told if t.answer is Done and t.answered < pinged.asked):
            assert any(
                back.answer is Registered and back.answered > left.asked and back.asked < pinged.answered
                for back in told
            ), told
    entry = await two_gateways[0].find(DIALECT, key)
    alive = entry is not None and entry.alive
    assert in_some_order(told, alive, (Unknown, Lapsed)), told
    other = await two_gateways[1].find(DIALECT, key)
    assert (other is not None and other.alive) == alive


async def test_of_many_who_create_one_key_at_once_exactly_one_does(open_registry: OpenRegistry) -> None:
    gateways = [open_registry(ENDS), open_registry(ENDS)]
    for n in range(5):
        outcomes = await asyncio.gather(
            *(gateways[i % 2].register(register(f"svc-{n}", mode="create")) for i in range(10)),
            return_exceptions=True,
        )
        assert sum(isinstance(outcome, Registered) for outcome in outcomes) == 1
        assert sum(isinstance(outcome, AlreadyRegistered) for outcome in outcomes) == 9
        assert await history(gateways[0], f"svc-{n}") == ["registered"]


async def test_of_owners_who_race_for_a_key_one_gets_it(open_registry: OpenRegistry) -> None:
    gateways = [open_registry(STAYS), open_registry(STAYS)]
    for n in range(5):
        key = f"svc-{n}"
        outcomes = await asyncio.gather(
            *(
                gateways[i % 2].register(register(key, owner=f"owner-{i}", version=str(i), document=b"%d" % i))
                for i in range(6)
            ),
            return_exceptions=True,
        )
        [winner] = [o for o in outcomes if isinstance(o, Registered)]
        assert sum(isinstance(outcome, NotOwner) for outcome in outcomes) == 5
        entry = await found(gateways[0], key)
        number = entry.registration.version
        assert entry.registration == winner.registration
        assert (entry.registration.owner, entry.document) == (f"owner-{number}", number.encode())


async def test_concurrent_registrations_leave_one_whole_document(open_registry: OpenRegistry) -> None:
    gateways = [open_registry(ENDS), open_registry(ENDS)]
    for _ in range(5):
        await asyncio.gather(
            *(gateways[i % 2].register(register(version=str(i), document=b"%d" % i)) for i in range(8))
        )
        entry = await found(gateways[0])
        assert entry.document == entry.registration.version.encode()


async def test_no_update_of_two_gateways_is_lost(open_registry: OpenRegistry) -> None:
    gateways = [open_registry(STAYS), open_registry(STAYS)]
    await gateways[0].register(register(version="0"))
    for n in range(5):
        await asyncio.gather(
            gateways[0].renew(renew(version=f"{n}.a")),
            gateways[1].renew(renew(reported=f"report {n}")),
            gateways[0].renew(renew()),
        )
        registration = (await found(gateways[1])).registration
        assert (registration.version, registration.reported) == (f"{n}.a", f"report {n}")


@pytest.mark.parametrize("database_url", SERVERS, indirect=True)
async def test_a_creation_that_loses_the_race_in_the_database_is_refused(database_url: str, clock: ManualClock) -> None:
    store, other = Store(database_url), Store(database_url)
    registry = Registry(store, {DIALECT: ENDS}, clock)
    async with other.engine.connect() as connection, other.engine.connect() as observer:
        winner = await connection.begin()
        await connection.run_sync(write_batch.apply, [register(mode="create")], {DIALECT: ENDS}, clock.now())
        loser: asyncio.Task[Registered] = asyncio.create_task(registry.register(register(mode="create")))
        with anyio.fail_after(30):
            while not await waiting_for_a_lock(observer):
                await observer.rollback()  # within a transaction it shows the same each time
                await anyio.sleep(0.01)
        assert not loser.done()
        await winner.commit()
    with pytest.raises(AlreadyRegistered):
        await loser
    await registry.close()
    await other.close()


async def waiting_for_a_lock(connection: AsyncConnection) -> int:
    """Return how many transactions on the database wait for another one."""
    query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    waiting: int = (await connection.execute(text(query))).scalar_one()
    return waiting


@pytest.mark.parametrize("database_url", SERVERS, indirect=True)
async def test_gateways_that_register_the_same_services_in_another_order_do_not_deadlock(
    open_registry: OpenRegistry, database_url: str, clock: ManualClock
) -> None:
    up, down = open_registry(ENDS), open_registry(ENDS)
    other = Store(database_url)
    async with other.engine.connect() as holder, other.engine.connect() as observer:
        between = await holder.begin()  # makes both wait in the middle of what they insert
        await holder.run_sync(write_batch.apply, [register("m")], {DIALECT: ENDS}, clock.now())
        keys = "abmyz"
        racing = asyncio.gather(
            *(up.register(register(key)) for key in keys), *(down.register(register(key)) for key in keys[::-1])
        )
        with anyio.fail_after(5):
            while await waiting_for_a_lock(observer) < 2:
                await observer.rollback()
        await between.rollback()
        outcomes = await racing
        assert sum(outcome.created for outcome in outcomes) == len(keys)
        await observer.rollback()
        query = text("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
        assert (await observer.execute(query)).scalar_one() == 0
    await other.close()
