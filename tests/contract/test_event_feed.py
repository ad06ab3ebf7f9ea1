"""The feed of events: all of them in order, from any id that is kept, to any number of followers, through outages."""

import asyncio
import time

import anyio
import pytest
from sqlalchemy import delete

from registry_gateway.core.clock import SystemClock
from registry_gateway.core.errors import NotInLog
from registry_gateway.core.model import Event
from registry_gateway.registry import event_feed
from registry_gateway.registry.event_feed import EventFeed, Follower
from registry_gateway.registry.registry import Registry
from registry_gateway.store.engine import Store
from registry_gateway.store.tables import EventRow
from tests.conftest import ManualClock
from tests.contract.services import DIALECT, ENDS, OpenRegistry, deregister, register
from tests.e2e.postgresql_server import own_server
from tests.postgresql import migrated

pytestmark = pytest.mark.anyio

PATIENCE = 20.0
"""Seconds that news may take on a loaded machine."""


async def happen(registry: Registry, number: int, name: str = "svc") -> None:
    """Have so many events, each in a commit of its own."""
    for n in range(number):
        await registry.register(register(f"{name}-{n}"))


async def events_of(follower: Follower, number: int) -> list[Event]:
    """Return at least so many of the next events."""
    found: list[Event] = []
    with anyio.fail_after(PATIENCE):
        while len(found) < number:
            found += (await anext(follower)).events
    return found


async def recorded(registry: Registry) -> list[Event]:
    return list(await registry.events(limit=10_000))


def readers() -> int:
    """How many tasks read the log now."""
    return sum(task.get_name() == "event feed" for task in asyncio.all_tasks())


async def test_what_there_is_and_what_comes_are_one_sequence(open_registry: OpenRegistry) -> None:
    here, elsewhere = open_registry(ENDS), open_registry(ENDS)
    await happen(here, 3, "before")
    follower = here.feed.follow(0)
    assert len(await events_of(follower, 3)) == 3
    await happen(elsewhere, 3, "after")
    await here.deregister(deregister("after-0"))
    await events_of(follower, 4)
    everything = await recorded(here)
    assert follower.position == everything[-1].id
    for after in (0, everything[0].id, everything[4].id):
        rest = [event for event in everything if event.id > after]
        assert await events_of(here.feed.follow(after), len(rest)) == rest


@pytest.mark.slow
async def test_many_followers_have_one_reader_and_miss_nothing(
    open_registry: OpenRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_feed, "BATCH", 5)
    monkeypatch.setattr(event_feed, "KEPT", 10)  # who is slow reads from the database
    monkeypatch.setattr(event_feed, "PAUSE_SECONDS", 0.01)
    here, elsewhere = open_registry(ENDS), open_registry(ENDS)

    async def follow(number: int) -> list[Event]:
        follower = here.feed.follow(0)
        found: list[Event] = []
        while len(found) < 60:
            found += (await anext(follower)).events
            await anyio.sleep(0.002 * number)
        return found

    following = [asyncio.create_task(follow(number)) for number in range(40)]
    await asyncio.gather(happen(here, 30, "here"), happen(elsewhere, 30, "there"))
    assert readers() <= 1
    with anyio.fail_after(PATIENCE):
        found = await asyncio.gather(*following)
    everything = await recorded(here)
    assert len(everything) == 60
    assert all(seen == everything for seen in found)


async def test_those_at_the_end_get_the_same_batch(open_registry: OpenRegistry) -> None:
    registry = open_registry(ENDS)
    followers = [asyncio.create_task(anext(registry.feed.follow(0))) for _ in range(20)]
    with anyio.fail_after(PATIENCE):
        while len(registry.feed._waiting) < len(followers):  # noqa: ASYNC110 - all have come to the end of the log
            await anyio.sleep(0.02)
    assert readers() == 1
    await registry.register(register())
    with anyio.fail_after(PATIENCE):
        batches = await asyncio.gather(*followers)
    assert len(set(batches)) == 1
    assert batches[0].shared


async def test_what_is_of_one_change_stays_together(
    open_registry: OpenRegistry, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_feed, "BATCH", 4)
    registry = open_registry(ENDS)
    await registry.register(register())
    for version in "234":
        clock.advance(1)
        await registry.register(register(version=version))  # `updated` and `version_changed`
    follower = registry.feed.follow(0)
    assert [len((await anext(follower)).events) for _ in range(3)] == [3, 2, 2]


async def test_one_that_was_cancelled_goes_on_where_it_was(open_registry: OpenRegistry) -> None:
    registry = open_registry(ENDS)
    follower = registry.feed.follow(0)
    for n in range(5):
        with anyio.move_on_after(0.05):
            await anext(follower)
            pytest.fail("nothing has happened")
        await registry.register(register(f"svc-{n}"))
        assert [event.key for event in await events_of(follower, 1)] == [f"svc-{n}"]


async def test_an_id_from_before_the_first_is_reported(open_registry: OpenRegistry) -> None:
    registry = open_registry(ENDS)
    await happen(registry, 20)
    everything = await recorded(registry)
    await registry.purge(most_events=5)
    with pytest.raises(NotInLog) as gap:
        await anext(registry.feed.follow(everything[-7].id))
    assert (gap.value.first, gap.value.last) == (everything[-5].id, everything[-1].id)
    assert await events_of(registry.feed.follow(gap.value.first - 1), 5) == everything[-5:]
    with pytest.raises(NotInLog):
        await registry.feed.read(everything[-7].id)


async def test_an_id_the_log_does_not_have_is_reported(open_registry: OpenRegistry) -> None:
    registry = open_registry(ENDS)
    await happen(registry, 2)
    last = (await recorded(registry))[-1].id
    with pytest.raises(NotInLog, match=f"^The log has no event {last + 1}: it ends with event {last}$"):
        await anext(registry.feed.follow(last + 1))


async def test_followers_are_refused_when_the_log_loses_its_end(open_registry: OpenRegistry, database_url: str) -> None:
    registry = open_registry(ENDS)
    await happen(registry, 3)
    first, _, last = await recorded(registry)
    following = [asyncio.create_task(anext(registry.feed.follow(last.id))) for _ in range(3)]
    waiting = asyncio.create_task(registry.feed.changed(last.id, within=PATIENCE))
    await anyio.sleep(0.2)
    store = Store(database_url)  # such as a standby that had not got them takes over
    await store.write(lambda connection: connection.execute(delete(EventRow).where(EventRow.id > first.id)))
    await store.close()
    with anyio.fail_after(PATIENCE):
        ends = await asyncio.gather(*following, return_exceptions=True)
        assert await waiting is True
    assert [type(end) for end in ends] == [NotInLog] * 3
    await registry.register(register("next"))
    assert [event.key for event in await events_of(registry.feed.follow(first.id), 1)] == ["next"]


async def test_waiting_for_the_next_change(open_registry: OpenRegistry) -> None:
    here, elsewhere = open_registry(ENDS), open_registry(ENDS)
    await happen(here, 3)
    last = (await here.moment()).event
    assert await here.feed.changed(0, within=PATIENCE)
    assert await here.feed.changed(last - 1, within=PATIENCE)
    began = time.monotonic()
    assert not await here.feed.changed(last, within=0.2)
    assert time.monotonic() - began >= 0.2
    waiting = asyncio.create_task(here.feed.changed(last, within=PATIENCE))
    await anyio.sleep(0.1)
    await elsewhere.register(register("next"))
    assert await waiting
    assert await here.feed.changed(0, within=0)


async def test_it_ends_when_the_gateway_stops(open_registry: OpenRegistry) -> None:
    registry = open_registry(ENDS)
    waiting = asyncio.create_task(registry.feed.changed(0, within=3600))

    async def follow() -> int:
        return sum([len(batch.events) async for batch in registry.feed.follow(0)])

    following = asyncio.create_task(follow())
    await anyio.sleep(0.1)
    registry.feed.end()
    with anyio.fail_after(5):
        assert await waiting is False
        assert await following == 0
        assert not await registry.feed.changed(0, within=3600)
        await registry.feed.close()
    assert readers() == 0


async def test_the_log_is_not_read_without_followers(
    open_registry: OpenRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_feed, "LINGER_SECONDS", 0.1)
    monkeypatch.setattr(event_feed, "POLL_SECONDS", 0.05)
    registry = open_registry(ENDS)
    assert not await registry.feed.changed(0, within=0.2)
    with anyio.fail_after(PATIENCE):
        while readers():  # noqa: ASYNC110 - a task that ends by itself
            await anyio.sleep(0.02)
    await registry.register(register())
    assert len(await events_of(registry.feed.follow(0), 1)) == 1


@pytest.mark.slow
async def test_a_restart_of_the_database_is_outlived() -> None:
    with own_server() as server:
        await asyncio.to_thread(migrated, server.url())
        store = Store(server.url())
        feed, writer = EventFeed(store), Registry(Store(server.url()), {DIALECT: ENDS}, SystemClock())
        try:
            follower = feed.follow(0)
            late = feed.follow(0)
            await writer.register(register("before"))
            assert [event.key for event in await events_of(follower, 1)] == ["before"]
            waiting = asyncio.create_task(events_of(follower, 1))
            await anyio.sleep(0.3)
            await asyncio.to_thread(server.kill)
            coming = asyncio.create_task(events_of(late, 2))
            await anyio.sleep(1.5)
            (server.data / "postmaster.pid").unlink(missing_ok=True)
            await asyncio.to_thread(server.start)
            for _ in range(50):
                try:
                    await writer.register(register("after"))
                    break
                except Exception:
                    await anyio.sleep(0.2)
            assert [event.key for event in await waiting] == ["after"]
            assert [event.key for event in await coming] == ["before", "after"]
        finally:
            await feed.close()
            await store.close()
            await writer.close()
