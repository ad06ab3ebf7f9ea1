"""What a watcher with filters is sent: what the list with these filters shows, and what leaves it."""

import asyncio
import json
from urllib.parse import urlencode

import httpx
import pytest
from sqlalchemy import text

from registry_gateway.auth.bearer import READ
from registry_gateway.endpoints.catalogue import watch
from registry_gateway.endpoints.catalogue.query import Watching
from registry_gateway.endpoints.catalogue.reader import Reader
from registry_gateway.http.query import decode
from tests.conftest import DAY, GatewayFactory, ManualClock, core_of, watchers_of
from tests.integration import chap_service
from tests.integration.catalogue_reader import keys, problem
from tests.integration.runspec_agent import RESTART, ROTATE, post_tools, register
from tests.integration.watcher import EVENTS, listening, watching

pytestmark = pytest.mark.anyio

PROTECTED = {"REGISTRY_GATEWAY_PROTECT_CATALOG": "true"}

HOSTS = ["web", "Web:80", "web.example", "web/x", "http://web", "http://WEB:1/x", "http://a/?u=x://web/", "wEb%", "we_"]
QUERIES: list[dict[str, object]] = [
    {},
    {"dialect": "chap"},
    {"dialect": "runspec,chap", "name": "portal"},
    {"version": "2"},
    {"name": "portal", "version": "2"},
    *(dict[str, object](host=host) for host in ("web", "WEB", "we_", "web%", "web.example", "x")),
    *(dict[str, object](q=text) for text in ("PORT", "a1", "://", "%", "_", "my-model", "\\")),
    {"tool": "rotate"},
    {"tool": "rot"},
    {"tool": "ROT", "match": "contains"},
    {"name": "ORT", "version": "2", "match": "contains"},
    {"host": "eb/", "match": "contains"},
    {"status": "down"},
    {"status": "up,down"},
    {"status": "gone"},
    {"status": "gone,up", "tool": "restart"},
]


async def test_filters_mean_what_they_mean_in_the_list(
    client: httpx.AsyncClient, remote: httpx.AsyncClient, clock: ManualClock
) -> None:
    await register(client, "silent", name="portal", version="2")
    clock.advance(100)
    await core_of(client).registry.expire()
    for number, host in enumerate(HOSTS):
        await register(client, f"h{number}", host=host, name="portal" if number % 2 else "other", version=f"{number}")
    await register(client, "a1", version="2")
    await post_tools(client, "a1", ROTATE, RESTART)
    await register(client, "left")
    await client.delete("/instances/left")
    await chap_service.register(client)
    core = core_of(client)
    changes = await Reader(core.registry.queries, DAY).changes(await core.feed.read(0))
    for query in QUERIES:
        expected = await keys(client, **query)
        async with watching(remote, None, **query) as watcher:
            assert [service["key"] for service in await watcher.snapshot()] == expected, query
        parameters = urlencode({name: str(value) for name, value in query.items()})
        sent = changes.messages(decode(parameters.encode(), Watching).wanted())
        told = [json.loads(line.removeprefix(b"data: ")) for line in sent.splitlines() if line.startswith(b"data: ")]
        assert {change["event"]["key"] for change in told if change["service"] is not None} == set(expected), query
        if "dialect" in query:
            assert {change["event"]["dialect"] for change in told} <= set(str(query["dialect"]).split(","))


async def test_what_leaves_a_view_is_sent_and_what_was_never_in_it_is_not(
    client: httpx.AsyncClient, remote: httpx.AsyncClient
) -> None:
    await register(client, "a1", name="portal", host="web", version="1")
    filters: list[dict[str, object]] = [
        {"name": "portal"},
        {"host": "web"},
        {"version": "1"},
        {"name": "portal", "host": "web", "version": "1"},
        {"q": "porta"},
    ]
    for query in filters:
        async with watching(remote, None, **query) as watcher:
            assert len(await watcher.snapshot()) == 1
            await register(client, "b1", name="shop", host="db", version="2")
            await register(client, "a1", name="shop", host="db", version="2")
            told = await watcher.changes(2)
            assert told == [("updated", "a1", False), ("version_changed", "a1", False)], query
            await client.delete("/instances/b1")
            await register(client, "a1", name="portal", host="web", version="1")
            assert await watcher.changes(2) == [("updated", "a1", True), ("version_changed", "a1", True)], query


async def test_a_tool_that_is_withdrawn_leaves_the_view(client: httpx.AsyncClient, remote: httpx.AsyncClient) -> None:
    await register(client)
    await post_tools(client, "a1", ROTATE)
    async with watching(remote, tool="rotate") as watcher:
        assert len(await watcher.snapshot()) == 1
        await post_tools(client, "a1", RESTART)
        await post_tools(client, "a1", ROTATE)
        told = await watcher.changes(2)
        assert [change[:2] for change in told] == [("updated", "a1")] * 2
        assert told[-1][2]


async def test_a_status_is_judged_when_the_change_is_sent(
    client: httpx.AsyncClient, remote: httpx.AsyncClient, clock: ManualClock
) -> None:
    await register(client)
    async with watching(remote, status="up") as up, watching(remote, status="down") as down:
        assert len(await up.snapshot()) == 1
        assert await down.snapshot() == []
        clock.advance(100)
        await core_of(client).registry.expire()
        assert await up.changes(1) == [("expired", "a1", False)]
        assert await down.changes(1) == [("expired", "a1", True)]


async def test_a_protected_watch_needs_a_token_as_long_as_it_lasts(
    start_gateway: GatewayFactory, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "RECHECK_SECONDS", 0.1)
    async with start_gateway(database_url, PROTECTED) as client, listening(client) as remote:
        accounts = core_of(client).accounts
        token = (await accounts.create("dashboard", [READ], [])).token
        other = (await accounts.create("service", ["registry:manage"], [])).token
        problem(await client.get(EVENTS), 401)
        problem(await client.get(EVENTS, params={"last_event_id": "x"}), 401)
        problem(await client.get(EVENTS, headers={"Authorization": f"Bearer {other}"}), 403)
        async with watching(remote, {"Authorization": f"Bearer {token}"}) as watcher:
            await watcher.snapshot()
            await register(client)
            assert await watcher.changes(1) == [("registered", "a1", True)]
            await accounts.revoke("dashboard")
            await watcher.ends()
        problem(await client.get(EVENTS, headers={"Authorization": f"Bearer {token}"}), 401)


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_who_leaves_while_its_token_is_looked_at_breaks_no_connection_of_others(
    start_gateway: GatewayFactory,
    database_url: str,
    clock: ManualClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(watch, "RECHECK_SECONDS", 0.1)
    async with start_gateway(database_url, PROTECTED) as client, listening(client) as remote:
        token = (await core_of(client).accounts.create("dashboard", [READ], [])).token
        store = core_of(client).registry._store

        async def looking_up() -> int:
            """The server process that look-ups are made in."""
            return await store.find(lambda connection: connection.execute(text("SELECT pg_backend_pid()")).scalar_one())

        async with store.engine.connect() as busy:
            async with watching(remote, {"Authorization": f"Bearer {token}"}) as watcher:
                await watcher.snapshot()
                before = await looking_up()
                await busy.execute(text("LOCK TABLE tokens IN ACCESS EXCLUSIVE MODE"))
                clock.advance(60)
                await asyncio.sleep(0.5)
            await asyncio.sleep(0.5)
            assert watchers_of(client) == 0
            await busy.rollback()
        assert await looking_up() == before
