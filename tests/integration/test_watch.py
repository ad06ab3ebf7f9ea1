"""The watch of the catalogue: a snapshot, then every change once, in order, and none lost between two streams."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import anyio
import httpx
import pytest
from sqlalchemy import delete

from registry_gateway.endpoints.catalogue import watch, watcher_limit
from registry_gateway.registry import event_feed
from registry_gateway.store.engine import Store
from registry_gateway.store.tables import EventRow
from tests.conftest import GatewayFactory, ManualClock, core_of, watchers_of
from tests.integration import chap_service, runspec_agent
from tests.integration.catalogue_reader import listed, problem
from tests.integration.runspec_agent import post_tools, register
from tests.integration.watcher import EVENTS, PATIENCE, Watcher, listening, resuming, watching

pytestmark = pytest.mark.anyio


async def test_what_there_is_then_each_change(client: httpx.AsyncClient, remote: httpx.AsyncClient) -> None:
    await register(client, "a1")
    await post_tools(client, "a1", runspec_agent.ROTATE)
    await chap_service.register(client)
    async with watching(remote) as watcher:
        assert await watcher.snapshot() == (await listed(client))["services"]
        assert watcher.last_id == "3"
        await register(client, "a2")
        change = await watcher.change()
        assert change["service"] == (await listed(client, q="a2"))["services"][0]
        told = (await client.get("/catalog/v1/services/runspec/a2/events")).json()["events"]
        assert [change["event"]] == told
        await client.delete("/instances/a1")
        await client.delete("/v2/services/my-model")
        assert await watcher.changes(2) == [("deregistered", "a1", False), ("deregistered", "my-model", False)]
        assert watcher.last_id == "6"


async def test_a_lapse_is_a_change_and_a_heartbeat_is_none(
    client: httpx.AsyncClient, remote: httpx.AsyncClient, clock: ManualClock
) -> None:
    await register(client, "a1")
    await chap_service.register(client)
    async with watching(remote) as watcher:
        await watcher.snapshot()
        await chap_service.ping(client)
        await runspec_agent.beat(client)
        clock.advance(runspec_agent.TTL)
        await core_of(client).registry.expire()
        changes = [await watcher.change() for _ in range(2)]
        states = {c["event"]["key"]: c["service"] and c["service"]["status"] for c in changes}
        assert states == {"a1": "down", "my-model": "down"}
        await runspec_agent.beat(client)
        assert await watcher.changes(1) == [("recovered", "a1", True)]


async def test_who_comes_back_goes_on_where_it_was(client: httpx.AsyncClient, remote: httpx.AsyncClient) -> None:
    await register(client, "a1")
    async with watching(remote) as watcher:
        await watcher.snapshot()
        last = watcher.last_id
    await register(client, "a2")
    await register(client, "a3")
    for headers, query in (
        (resuming(last), {}),
        (None, {"last_event_id": last}),
        (resuming(last), {"last_event_id": 0}),
    ):
        async with watching(remote, headers, **query) as watcher:
            assert await watcher.snapshot() == []
            assert watcher.last_id == last
            assert await watcher.changes(2) == [("registered", "a2", True), ("registered", "a3", True)]
    async with watching(remote, resuming("0")) as watcher:
        await watcher.snapshot()
        assert len(await watcher.changes(3)) == 3
    async with watching(remote, {"Last-Event-ID": ""}) as watcher:
        assert len(await watcher.snapshot()) == 3


@pytest.mark.parametrize(
    ("kept", "writes"), [(50, 5), *(pytest.param(n, 60, marks=pytest.mark.slow) for n in (50, 20_000))]
)
async def test_no_event_is_lost_or_told_twice_while_others_write(
    client: httpx.AsyncClient,
    remote: httpx.AsyncClient,
    start_gateway: GatewayFactory,
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
    kept: int,
    writes: int,
) -> None:
    monkeypatch.setattr(watch, "KEPT_WEIGHT", kept)
    monkeypatch.setattr(event_feed, "KEPT", kept // 10)  # few: who comes back has to read from the database
    monkeypatch.setattr(event_feed, "BATCH", 7)
    monkeypatch.setattr(event_feed, "PAUSE_SECONDS", 0.005)
    joined = asyncio.Semaphore(0)

    async def write(writer: httpx.AsyncClient, name: str) -> None:
        for n in range(writes):
            await register(writer, f"{name}-{n % 10}", version=str(n))
            await anyio.sleep(0.003)

    async def follow(pieces: int) -> list[int]:
        """Watch, leave after some messages, and come back, until the last one is told."""
        seen: dict[str, str] = {}
        ids: list[int] = []
        while "last" not in seen:
            async with watching(remote, resuming(str(ids[-1])) if ids else None) as watcher:
                seen |= {s["key"]: s["version"] for s in await watcher.snapshot()}
                if not ids:
                    ids.append(int(watcher.last_id))  # where the snapshot stands
                    joined.release()
                for _ in range(pieces):
                    change = await watcher.change()
                    ids.append(change["event"]["id"])
                    seen[change["event"]["key"]] = change["service"]["version"]
                    if "last" in seen:
                        break
        assert seen == {s["key"]: s["version"] for s in (await listed(client, limit=1000))["services"]}
        return ids

    async with start_gateway(database_url) as other:
        followers = [asyncio.create_task(follow(pieces)) for pieces in (1, 3, 11, 40)]
        await asyncio.gather(write(client, "here"), write(other, "there"), write(client, "also"))
        for _ in followers:
            await asyncio.wait_for(joined.acquire(), PATIENCE)
        await register(client, "last")
        with anyio.fail_after(6 * PATIENCE):
            told = await asyncio.gather(*followers)
    recorded = [e.id for e in await core_of(client).registry.events(after=0, limit=100_000)]
    for ids in told:
        assert ids[1:] == [number for number in recorded if number > ids[0]]


async def test_what_others_write_is_noticed_without_being_told(start_gateway: GatewayFactory, sqlite_url: str) -> None:
    async with (
        start_gateway(sqlite_url) as here,
        start_gateway(sqlite_url) as elsewhere,
        listening(here) as remote,
        watching(remote) as watcher,
    ):
        await watcher.snapshot()
        await register(elsewhere, "a1")
        with anyio.fail_after(5 * event_feed.POLL_SECONDS):
            assert await watcher.changes(1) == [("registered", "a1", True)]


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_postgresql_tells_of_what_others_write(
    start_gateway: GatewayFactory, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_feed, "POLL_SECONDS", 3600.0)
    async with (
        start_gateway(database_url) as here,
        start_gateway(database_url) as elsewhere,
        listening(here) as remote,
        watching(remote) as watcher,
    ):
        await watcher.snapshot()
        await anyio.sleep(0.5)  # for the one look when the first watcher comes
        await register(elsewhere, "a1")
        assert await watcher.changes(1) == [("registered", "a1", True)]


async def test_ids_the_log_does_not_have_are_refused_with_what_to_do(
    client: httpx.AsyncClient, clock: ManualClock
) -> None:
    await register(client, "a1")
    clock.advance(60)
    await register(client, "a1")
    await register(client, "a1")
    await core_of(client).registry.purge(events_before=clock.now() - 1)
    kept = await core_of(client).registry.events()
    assert [e.id for e in kept] == [2, 3]
    for number in ("0", "4"):
        refused = problem(await client.get(EVENTS, headers=resuming(number)), 410)
        assert (refused["last_event_id"], refused["first"], refused["last"]) == (int(number), 2, 3)
        assert "start without an id" in refused["detail"]
    for wrong in ("x", "-1", "1.5", "9" * 30, "1, 2"):
        assert problem(await client.get(EVENTS, headers=resuming(wrong)), 400)["parameter"] == "Last-Event-ID"
    assert problem(await client.get(EVENTS, params={"last_event_id": "x"}), 400)["parameter"] == "last_event_id"
    assert problem(await client.get(EVENTS, params={"sort": "name"}), 400)["parameter"] == "sort"
    refused_method = await client.post(EVENTS)
    assert (refused_method.status_code, refused_method.headers["allow"]) == (405, "GET, HEAD")


async def test_a_database_out_of_reach_is_said_so(start_gateway: GatewayFactory) -> None:
    async with start_gateway("postgresql://postgres@127.0.0.1:1/nowhere") as client:
        refused = await client.get(EVENTS)
        problem(refused, 503)
        assert refused.headers["retry-after"] == "1"
        assert watchers_of(client) == 0


async def test_a_stream_can_be_resumed_from_the_last_event_that_was_removed(
    client: httpx.AsyncClient, remote: httpx.AsyncClient, clock: ManualClock
) -> None:
    await register(client, "a1")
    clock.advance(60)
    await register(client, "a1")
    await core_of(client).registry.purge(events_before=clock.now() - 1)
    async with watching(remote, resuming("1")) as watcher:
        await watcher.snapshot()
        assert await watcher.changes(1) == [("updated", "a1", True)]


async def test_nothing_ends_where_nothing_has_happened_for_as_long_as_events_are_kept(
    client: httpx.AsyncClient, remote: httpx.AsyncClient, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_feed, "POLL_SECONDS", 0.01)
    await register(client, "a1")
    await register(client, "a2")
    async with watching(remote) as watcher:
        await watcher.snapshot()
        clock.advance(60)
        await core_of(client).registry.purge(events_before=clock.now())
        await asyncio.sleep(0.1)
        await register(client, "a3")
        assert await watcher.changes(1) == [("registered", "a3", True)]
    async with watching(remote, resuming("2")) as watcher:
        await watcher.snapshot()
        assert await watcher.changes(1) == [("registered", "a3", True)]


async def test_streams_end_when_the_log_has_lost_its_end(
    client: httpx.AsyncClient, remote: httpx.AsyncClient, database_url: str
) -> None:
    for number in range(3):
        await register(client, f"a{number}")
    async with watching(remote) as watcher, watching(remote, name="other") as other:
        await watcher.snapshot()
        await other.snapshot()
        store = Store(database_url)  # such as a standby that had not got them takes over
        await store.write(lambda connection: connection.execute(delete(EventRow).where(EventRow.id > 1)))
        await store.close()
        await watcher.ends()
        await other.ends()
    problem(await client.get(EVENTS, headers=resuming("3")), 410)
    async with watching(remote) as watcher:
        assert len(await watcher.snapshot()) == 3
        await register(client, "a9")
        assert await watcher.changes(1) == [("registered", "a9", True)]


async def test_head_is_answered_and_ends(client: httpx.AsyncClient) -> None:
    answer = await client.head(EVENTS)
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-accel-buffering"] == "no"
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_there_is_room_for_so_many(
    client: httpx.AsyncClient, remote: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watcher_limit, "MOST_WATCHERS", 2)
    async with AsyncExitStack() as watchers:
        for number in (1, 2):
            watcher: Watcher = await watchers.enter_async_context(watching(remote))
            await watcher.snapshot()
            assert watchers_of(client) == number
        refused = await client.get(EVENTS)
        assert problem(refused, 503)["title"] == "Too many watchers"
        assert refused.headers["retry-after"] == "10"
    with anyio.fail_after(5):
        while watchers_of(client):  # noqa: ASYNC110 - it is what others are shown, and no event
            await anyio.sleep(0.01)
    async with watching(remote) as watcher:
        await watcher.snapshot()


async def test_a_quiet_stream_is_kept_alive_by_comments(
    remote: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "PING_SECONDS", 0.05)
    async with remote.stream("GET", EVENTS) as answer:
        lines = answer.aiter_lines()
        with anyio.fail_after(5):
            comments = [line async for line in _until(lines, 3)]
    assert comments == [": still here"] * 3


async def _until(lines: AsyncIterator[str], comments: int) -> AsyncIterator[str]:
    async for line in lines:
        if line.startswith(":"):
            yield line
            comments -= 1
            if not comments:
                return


async def test_events_of_accounts_and_of_the_gateway_are_not_shown(
    client: httpx.AsyncClient, remote: httpx.AsyncClient
) -> None:
    async with watching(remote) as watcher:
        await watcher.snapshot()
        await core_of(client).accounts.create("secret-project", ["registry:manage"], [])
        await register(client, "a1")
        assert await watcher.changes(1) == [("registered", "a1", True)]


async def test_who_is_concerned_by_nothing_resumes_from_where_the_log_is(
    client: httpx.AsyncClient, remote: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "SKIPPED_EVENTS", 5)
    async with watching(remote, name="other") as watcher:
        await watcher.snapshot()
        for n in range(6):
            await register(client, f"a{n}")
        message = await watcher.message()
        assert (message.data, message.event) == ("", "message")  # browsers take the id and dispatch nothing
        assert int(message.id) in (5, 6)


async def test_an_address_has_so_many_watchers_where_that_is_set(
    start_gateway: GatewayFactory, sqlite_url: str
) -> None:
    async with (
        start_gateway(sqlite_url, {"REGISTRY_GATEWAY_WATCHERS_PER_ADDRESS": "1"}) as client,
        listening(client) as remote,
        watching(remote) as watcher,
    ):
        await watcher.snapshot()
        refused = await remote.get(EVENTS)
        assert problem(refused, 429)["detail"].startswith("Your address has 1 watchers")
        assert refused.headers["retry-after"] == "10"
        assert (await client.head(EVENTS)).status_code == 200  # from another address


async def test_so_many_different_filters_are_watched(
    remote: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watcher_limit, "MOST_FILTERS", 2)
    async with watching(remote, None, q="a") as a, watching(remote, None, q="b") as b:
        await a.snapshot()
        await b.snapshot()
        refused = await remote.get(EVENTS)
        assert problem(refused, 503)["title"] == "Too many filters"
        assert refused.headers["retry-after"] == "10"
        async with watching(remote, None, q="a") as other:
            await other.snapshot()
