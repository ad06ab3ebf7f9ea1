"""What readers of the runspec registry are answered: tools by name, hosts, any id in a path."""

import json
import random
from typing import Any
from urllib.parse import quote

import pytest
from sqlalchemy import delete

from gateway_runspec import hosted_tools, kept_tools
from registry_gateway.registry import kept_view
from registry_gateway.store.engine import Store
from registry_gateway.store.tables import EventRow, RegistrationRow
from tests.conftest import GatewayFactory, ManualClock, core_of
from tests.integration.runspec_agent import AGENT, RESTART, ROTATE, beat, ids, post_tools, register

pytestmark = pytest.mark.anyio


# --- tools and hosts


async def test_tools_are_grouped_by_name_with_what_each_host_runs(
    start_gateway: GatewayFactory, database_url: str, clock: ManualClock
) -> None:
    async with start_gateway(database_url) as client:
        await register(client, "old", host="web-01")
        await post_tools(client, "old", ROTATE, {**RESTART, "annotations": {"title": "kept, not shared"}})
        clock.advance(1)
        await register(client, "new", host="web-02")
        newer = {**ROTATE, "description": "Rotate them", "x-command": "C:\\rotate", "x-output": "json"}
        await post_tools(client, "new", newer)
        answer = await client.get("/tools")
        assert answer.status_code == 200
        rotate = {
            "name": "rotate",
            "description": "Rotate them",
            "inputSchema": ROTATE["inputSchema"],
            "hosts": [
                {
                    "host": "web-02",
                    "x-command": "C:\\rotate",
                    "x-run-as": "logs",
                    "x-become-method": "dzdo",
                    "x-become-flags": "-n",
                    "x-autonomy": "confirm",
                    "x-output": "json",
                },
                {
                    "host": "web-01",
                    "x-command": "/opt/bin/rotate",
                    "x-run-as": "logs",
                    "x-become-method": "dzdo",
                    "x-become-flags": "-n",
                    "x-autonomy": "confirm",
                },
            ],
        }
        restart: dict[str, Any] = {
            "name": "restart",
            "description": None,
            "inputSchema": {},
            "hosts": [{"host": "web-01", "x-command": "restart", "x-run-as": ""}],
        }
        assert answer.json() == [restart, rotate]
        assert (await client.get("/tools/rotate")).json() == rotate
        assert (await client.get("/tools/restart")).json() == restart
        assert (await client.get("/instances/old")).json()["tools"][1]["annotations"] == {"title": "kept, not shared"}


async def test_the_newest_registration_comes_first_where_a_host_has_several(
    start_gateway: GatewayFactory, database_url: str, clock: ManualClock
) -> None:
    async with start_gateway(database_url) as client:
        for number, key in enumerate(("m", "z", "a")):
            await register(client, key, version=str(number))
            await post_tools(client, key, {**ROTATE, "x-command": key}, RESTART)
            clock.advance(1)
        await beat(client, "m")  # a heartbeat is no registration
        commands = [host["x-command"] for host in (await client.get("/tools/rotate")).json()["hosts"]]
        assert commands == ["a", "z", "m"]
        await register(client, "m", version="3")
        await post_tools(client, "m", {**ROTATE, "x-command": "m again"})
        commands = [host["x-command"] for host in (await client.get("/tools")).json()[1]["hosts"]]
        assert commands == ["m again", "a", "z"]
        newest = {"host": "web-01", "name": "portal", "instance_id": "m", "version": "3", "tool_count": 1}
        assert (await client.get("/hosts")).json() == [newest]


async def test_hosts_are_listed_once_a_name(start_gateway: GatewayFactory, database_url: str) -> None:
    async with start_gateway(database_url) as client:
        await register(client, "b", name="batch", host="web-01")
        await register(client, "p", name="portal", host="web-01")
        await register(client, "w", name="portal", host="db-01")
        await post_tools(client, "p", ROTATE, RESTART)
        portal = {"host": "web-01", "name": "portal", "instance_id": "p", "version": "1.0", "tool_count": 2}
        assert (await client.get("/hosts")).json() == [
            {"host": "db-01", "name": "portal", "instance_id": "w", "version": "1.0", "tool_count": 0},
            {"host": "web-01", "name": "batch", "instance_id": "b", "version": "1.0", "tool_count": 0},
            portal,
        ]


async def test_a_tool_nobody_has(start_gateway: GatewayFactory, sqlite_url: str) -> None:
    async with start_gateway(sqlite_url) as client:
        answer = await client.get("/tools/none")
        assert (answer.status_code, answer.json()) == (404, {"detail": "Tool not found"})


@pytest.mark.parametrize("name", ["a b", "größe", "group/rotate", 'quo"te', "back\\slash", "line\nbreak", "tail\n"])
async def test_tool_names_of_all_kinds(start_gateway: GatewayFactory, database_url: str, name: str) -> None:
    escaped = json.dumps({"tools": [{"name": name, "x-command": "as ASCII"}, {"name": name + "!"}]})
    async with start_gateway(database_url) as client:
        await register(client, "one")
        await register(client, "two")
        assert (await client.post("/instances/one/tools", content=escaped)).status_code == 200
        await post_tools(client, "two", {"name": name, "x-command": "as UTF-8"})
        found = await client.get(f"/tools/{quote(name)}")
        assert (found.status_code, found.json()["name"], len(found.json()["hosts"])) == (200, name, 2)
        assert [tool["name"] for tool in (await client.get("/tools")).json()] == sorted([name, name + "!"])


async def test_a_pretty_printed_list_is_the_same_list(start_gateway: GatewayFactory, sqlite_url: str) -> None:
    async with start_gateway(sqlite_url) as client:
        await register(client)
        body = json.dumps({"tools": [ROTATE, RESTART]}, indent=4).replace("\n", "\r\n")
        assert (await client.post("/instances/a1/tools", content=body)).status_code == 200
        assert (await client.get("/instances/a1")).json()["tools"] == [ROTATE, RESTART]
        names = [tool["name"] for tool in (await client.get("/tools")).json()]
        assert names == ["restart", "rotate"]


async def test_ten_thousand_tools(start_gateway: GatewayFactory, database_url: str) -> None:
    tools = [{"name": f"tool-{n:05}", "description": "One of many", "x-command": "many"} for n in range(10_000)]
    async with start_gateway(database_url) as client:
        await register(client)
        await post_tools(client, "a1", *tools)
        assert (await client.get("/instances/a1")).json()["tools"] == tools
        assert [tool["name"] for tool in (await client.get("/tools")).json()] == [tool["name"] for tool in tools]
        assert (await client.get("/tools/tool-09999")).json()["hosts"] == [{"host": "web-01", "x-command": "many"}]
        assert (await client.get("/hosts")).json()[0]["tool_count"] == 10_000


# --- ids and paths


@pytest.mark.parametrize(
    "key",
    [
        "web 01",
        "größe-日本",
        "host/portal",
        "/lead",
        "a//b",
        "a?b#c%d",
        "x/heartbeat",
        "x/tools",
        "line\nbreak",
        "end\n",
    ],
)
async def test_ids_of_all_kinds(start_gateway: GatewayFactory, database_url: str, key: str) -> None:
    async with start_gateway(database_url) as client:
        await register(client, key)
        await register(client, "other")
        await post_tools(client, key, ROTATE)
        path = "/instances/" + quote(key)
        assert (await client.post(f"{path}/heartbeat")).json() == {"status": "ack"}
        by_id = {i["instance_id"]: i for i in (await client.get("/instances")).json()}
        assert by_id[key]["tools"] == [ROTATE]
        if key not in {"x/heartbeat", "x/tools"}:  # whose own paths are another's heartbeat and tools
            assert (await client.get(path)).json() == by_id[key]
            assert (await client.delete(path)).status_code == 200
            assert await ids(client) == ["other"]


async def test_a_slash_at_the_end_changes_nothing(start_gateway: GatewayFactory, sqlite_url: str) -> None:
    async with start_gateway(sqlite_url) as client:
        assert (await client.post("/instances/", json=AGENT)).status_code == 201
        assert (await client.post("/instances/a1/tools/", json={"tools": [ROTATE]})).status_code == 200
        assert (await client.post("/instances/a1/heartbeat/")).json() == {"status": "ack"}
        for path in ("/instances/", "/instances/a1/", "/tools/", "/tools/rotate/", "/hosts/", "/export/mobaxterm/"):
            assert (await client.get(path)).status_code == 200, path


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("PUT", "/instances", "GET, HEAD, POST"),
        ("PATCH", "/instances/a1", "DELETE, GET, HEAD"),
        ("PUT", "/instances/a1/heartbeat", "POST"),
        ("GET", "/instances/a1/heartbeat", "POST"),
        ("GET", "/instances/a1/tools", "POST"),
        ("POST", "/tools", "GET, HEAD"),
        ("DELETE", "/tools/rotate", "GET, HEAD"),
        ("POST", "/hosts", "GET, HEAD"),
        ("POST", "/export/superputty", "GET, HEAD"),
    ],
)
async def test_a_wrong_method(
    start_gateway: GatewayFactory, sqlite_url: str, method: str, path: str, allow: str
) -> None:
    async with start_gateway(sqlite_url) as client:
        answer = await client.request(method, path)
        assert (answer.status_code, answer.json()) == (405, {"detail": "Method Not Allowed"})
        assert answer.headers["allow"] == allow


@pytest.mark.parametrize("path", ["/export", "/export/putty", "/hosts/web-01", "/instances/a%00b", "/tools/%00"])
async def test_an_unknown_path(start_gateway: GatewayFactory, sqlite_url: str, path: str) -> None:
    async with start_gateway(sqlite_url) as client:
        answer = await client.get(path)
        assert (answer.status_code, answer.json()) == (404, {"detail": "Not Found"})


@pytest.mark.parametrize(
    ("word", "listed"),
    [(w, ["a1"]) for w in ("true", "True", "1", "on", "t", "y", "YES")]
    + [(w, ["a1", "gone"]) for w in ("false", "FALSE", "0", "off", "f", "n", "no")],
)
async def test_active_in_every_spelling(
    start_gateway: GatewayFactory, sqlite_url: str, word: str, listed: list[str]
) -> None:
    async with start_gateway(sqlite_url) as client:
        await register(client)
        await register(client, "gone")
        await client.delete("/instances/gone")
        assert await ids(client, f"/instances?active={word}") == listed


@pytest.mark.parametrize("word", ["maybe", "", "2", "%20true", "%FF"])
@pytest.mark.parametrize("path", ["/instances", "/tools", "/tools/rotate", "/hosts"])
async def test_active_that_is_no_boolean(start_gateway: GatewayFactory, sqlite_url: str, path: str, word: str) -> None:
    async with start_gateway(sqlite_url) as client:
        answer = await client.get(f"{path}?active={word}")
        problem = "Input should be a valid boolean, unable to interpret input"
        detail = {"type": "bool_parsing", "loc": ["query", "active"], "msg": problem}
        assert (answer.status_code, answer.json()) == (422, {"detail": [detail]})


async def test_a_kept_list_of_tools_has_every_change(
    start_gateway: GatewayFactory, database_url: str, clock: ManualClock
) -> None:
    """GET /tools is rendered once and kept; whatever changes it must show at once, from another gateway too."""
    agent = {"instance_id": "kept", "name": "n", "version": "1", "host": "first"}
    async with start_gateway(database_url) as client, start_gateway(database_url) as other:

        async def hosts(**query: str) -> list[str]:
            tools = (await client.get("/tools", params=query)).json()
            assert tools == (await other.get("/tools", params=query)).json()
            return [host["host"] for tool in tools for host in tool["hosts"]]

        assert await hosts() == []
        await client.post("/instances", json=agent)
        assert await hosts() == []
        await other.post("/instances/kept/tools", json={"tools": [{"name": "uptime"}]})
        assert await hosts() == ["first"]
        clock.advance(89)
        await other.post("/instances/kept/heartbeat")
        clock.advance(89)
        assert await hosts() == ["first"], "put off by a heartbeat, which leaves no event"
        clock.advance(1)
        assert await hosts() == [], "a lapse nobody has swept yet"
        assert await hosts(active="false") == ["first"]
        await other.post("/instances/kept/heartbeat")
        assert await hosts() == ["first"]
        await client.delete("/instances/kept")
        assert await hosts() == []


async def test_a_kept_list_of_tools_does_not_outlive_what_a_failover_lost(
    start_gateway: GatewayFactory, database_url: str
) -> None:
    async with start_gateway(database_url) as client:
        await register(client, "kept")
        await post_tools(client, "kept", ROTATE)
        await register(client, "lost", host="lost-01")
        await post_tools(client, "lost", RESTART)
        assert len((await client.get("/tools?active=false")).json()) == 2
        store = Store(database_url)  # such as a standby that had not got them takes over
        await store.write(lambda c: c.execute(delete(EventRow).where(EventRow.key == "lost")))
        await store.write(lambda c: c.execute(delete(RegistrationRow).where(RegistrationRow.key == "lost")))
        await store.close()
        assert len((await client.get("/tools?active=false")).json()) == 1


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 2, 3))])
async def test_a_kept_list_of_tools_is_the_one_that_would_be_made_anew(
    start_gateway: GatewayFactory, database_url: str, clock: ManualClock, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever happens, in whatever order, through whichever gateway; with parts kept or too many of them."""
    monkeypatch.setattr(kept_view, "MOST_CHANGES", 6)
    monkeypatch.setattr(kept_tools, "LARGE_TOOLS", 2 if seed == 3 else 100)
    choose = random.Random(seed)
    async with start_gateway(database_url) as client, start_gateway(database_url) as other:
        registry = core_of(client).registry
        for step in range(60):
            writer, key = choose.choice((client, other)), f"agent-{choose.randrange(5)}"
            for _ in range(choose.choice((0, 1, 1, 5))):
                match choose.randrange(7):
                    case 0 | 1:
                        await writer.post("/instances", json=AGENT | {"instance_id": key, "host": f"host-{step}"})
                    case 2 | 3:
                        tools = [{"name": name, "description": str(step)} for name in choose.sample("abcd", 2)]
                        await writer.post(f"/instances/{key}/tools", json={"tools": tools})
                    case 4:
                        await writer.post(f"/instances/{key}/heartbeat")
                    case 5:
                        await writer.delete(f"/instances/{key}")
                    case _:
                        await registry.expire()
            clock.advance(choose.choice((0, 0, 20, 89, 91)))
            if step % 10 == 9:
                await core_of(other).registry.resume()
            for live_only in (True, False):
                entries = await registry.list("runspec", alive=live_only)
                parts = [hosted_tools.part(entry, list(hosted_tools.hosted(entry))) for entry in entries]
                expected = b"".join(hosted_tools.tools(parts))
                answer = await client.get("/tools", params={"active": str(live_only)})
                assert answer.content == expected, (step, live_only)


async def test_tools_are_right_where_few_events_are_kept(start_gateway: GatewayFactory, database_url: str) -> None:
    async with start_gateway(database_url) as client:
        await register(client, "a1")
        await post_tools(client, "a1", ROTATE)
        assert len((await client.get("/tools")).json()) == 1
        await post_tools(client, "a1")  # its event is removed before the list is asked for again
        for _ in range(3):
            await register(client, "a2")
        await core_of(client).registry.purge(most_events=1)
        assert (await client.get("/tools")).json() == []
