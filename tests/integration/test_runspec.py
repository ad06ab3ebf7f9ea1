"""A runspec agent's life on the wire: registration, tools, heartbeats, silence, departure."""

from typing import Any

import pytest

from tests.conftest import DAY, START, GatewayFactory, ManualClock, core_of
from tests.integration.runspec_agent import (
    AGENT,
    RESTART,
    ROTATE,
    TTL,
    beat,
    ids,
    post_tools,
    register,
)

pytestmark = pytest.mark.anyio


# --- an agent's life


async def test_an_agent_registers_posts_its_tools_and_leaves(
    start_gateway: GatewayFactory, database_url: str, clock: ManualClock
) -> None:
    async with start_gateway(database_url) as client:
        await register(client)
        expected = {**AGENT, "active": True, "last_seen": START, "tools": []}
        assert (await client.get("/instances")).json() == [expected]
        assert await beat(client) == "refresh"

        await post_tools(client, "a1", ROTATE, RESTART)
        clock.advance(30)
        assert await beat(client) == "ack"
        expected |= {"last_seen": START + 30, "tools": [ROTATE, RESTART]}
        found = await client.get("/instances/a1")
        assert (found.status_code, found.json()) == (200, expected)
        assert found.headers["content-type"] == "application/json"
        assert isinstance(found.json()["last_seen"], float)

        left = await client.delete("/instances/a1")
        assert (left.status_code, left.json()) == (200, {"status": "ok"})
        assert (await client.get("/instances")).json() == []
        assert (await client.get("/instances/a1")).json() == expected | {"active": False}


async def test_unknown_members_of_a_registration_come_back(start_gateway: GatewayFactory, sqlite_url: str) -> None:
    async with start_gateway(sqlite_url) as client:
        await register(client, labels={"rack": 7}, active="sort of", last_seen=1, tools=["x"])
        expected = {**AGENT, "labels": {"rack": 7}, "active": True, "last_seen": START, "tools": []}
        assert (await client.get("/instances/a1")).json() == expected


async def test_registering_again_replaces_the_record_and_empties_its_tools(
    start_gateway: GatewayFactory, database_url: str
) -> None:
    async with start_gateway(database_url) as client:
        await register(client, labels=1)
        await post_tools(client, "a1", ROTATE)
        await register(client, version="2.0")
        again = {**AGENT, "version": "2.0", "active": True, "last_seen": START, "tools": []}
        assert (await client.get("/instances")).json() == [again]
        assert (await client.get("/tools")).json() == []
        assert await beat(client) == "refresh"


async def test_a_tool_list_replaces_the_one_before(start_gateway: GatewayFactory, database_url: str) -> None:
    async with start_gateway(database_url) as client:
        await register(client)
        await post_tools(client, "a1", ROTATE, RESTART)
        await post_tools(client, "a1", RESTART)
        assert (await client.get("/instances/a1")).json()["tools"] == [RESTART]


async def test_an_empty_tool_list_is_a_tool_list(start_gateway: GatewayFactory, database_url: str) -> None:
    async with start_gateway(database_url) as client:
        await register(client)
        await post_tools(client, "a1")
        assert await beat(client) == "ack"
        assert (await client.get("/instances/a1")).json()["tools"] == []
        assert (await client.get("/hosts")).json()[0]["tool_count"] == 0


@pytest.mark.parametrize("body", ["", "{}", '{"system": null}', '{"system": {"pid": 7, "uptime": 90}, "later": [1]}'])
async def test_heartbeats_with_and_without_a_body(start_gateway: GatewayFactory, sqlite_url: str, body: str) -> None:
    async with start_gateway(sqlite_url) as client:
        await register(client)
        answer = await client.post("/instances/a1/heartbeat", content=body)
        assert (answer.status_code, answer.json()) == (200, {"status": "refresh"})


async def test_a_heartbeat_in_chunks(start_gateway: GatewayFactory, sqlite_url: str) -> None:
    async def chunks() -> Any:
        yield b'{"system":'
        yield b" 3}"

    async with start_gateway(sqlite_url) as client:
        answer = await client.post("/instances/a1/heartbeat", content=chunks())
        assert answer.status_code == 422


async def test_what_is_not_there(start_gateway: GatewayFactory, database_url: str) -> None:
    async with start_gateway(database_url) as client:
        assert await beat(client, "nobody") == "refresh"
        left = await client.delete("/instances/nobody")
        assert (left.status_code, left.json()) == (200, {"status": "ok"})
        missing = {"detail": "Instance not found"}
        for answer in (
            await client.get("/instances/nobody"),
            await client.post("/instances/nobody/tools", json={"tools": []}),
        ):
            assert (answer.status_code, answer.json()) == (404, missing)
        assert (await client.get("/instances?active=false")).json() == []


# --- silence


async def test_an_agent_is_stale_at_the_instant_of_its_deadline(
    start_gateway: GatewayFactory, database_url: str, clock: ManualClock
) -> None:
    async with start_gateway(database_url) as client:
        await register(client)
        await post_tools(client, "a1", ROTATE)
        clock.advance(TTL - 0.001)
        assert await ids(client) == ["a1"]
        assert len((await client.get("/tools")).json()) == 1
        clock.advance(0.001)
        assert await ids(client) == []
        for path in ("/tools", "/hosts"):
            assert (await client.get(path)).json() == []
            assert len((await client.get(path, params={"active": "false"})).json()) == 1
        assert (await client.get("/tools/rotate")).status_code == 404
        assert (await client.get("/tools/rotate?active=0")).status_code == 200
        assert await ids(client, "/instances?active=false") == ["a1"]
        stale = (await client.get("/instances/a1")).json()
        assert (stale["active"], stale["last_seen"]) == (False, START)


async def test_the_lease_follows_the_configured_interval(
    start_gateway: GatewayFactory, sqlite_url: str, clock: ManualClock
) -> None:
    async with start_gateway(sqlite_url, {"REGISTRY_GATEWAY_RUNSPEC_HEARTBEAT_INTERVAL": "2"}) as client:
        await register(client)
        clock.advance(5.9)
        assert await ids(client) == ["a1"]
        clock.advance(0.1)
        assert await ids(client) == []


@pytest.mark.parametrize("swept", [False, True])
async def test_a_heartbeat_revives_a_stale_agent(
    start_gateway: GatewayFactory, database_url: str, clock: ManualClock, swept: bool
) -> None:
    async with start_gateway(database_url) as client:
        await register(client)
        await post_tools(client, "a1", ROTATE)
        clock.advance(1000)
        if swept:
            assert await core_of(client).registry.expire() == 1
        assert await beat(client) == "ack"
        expected = {**AGENT, "active": True, "last_seen": START + 1000, "tools": [ROTATE]}
        assert (await client.get("/instances")).json() == [expected]
        kinds = [event.kind for event in await core_of(client).registry.events()]
        assert kinds == ["registered", "updated", "expired", "recovered"]


async def test_a_heartbeat_revives_a_deregistered_agent(
    start_gateway: GatewayFactory, database_url: str, clock: ManualClock
) -> None:
    async with start_gateway(database_url) as client:
        await register(client)
        await post_tools(client, "a1", ROTATE)
        await client.delete("/instances/a1")
        await client.delete("/instances/a1")
        clock.advance(5)
        assert await ids(client) == []
        assert await beat(client) == "ack"
        assert await ids(client) == ["a1"]
        kinds = [event.kind for event in await core_of(client).registry.events()]
        assert kinds == ["registered", "updated", "deregistered", "recovered"]


async def test_tools_of_an_inactive_agent_are_taken_and_revive_nothing(
    start_gateway: GatewayFactory, database_url: str, clock: ManualClock
) -> None:
    async with start_gateway(database_url) as client:
        await register(client)
        clock.advance(TTL)
        await post_tools(client, "a1", ROTATE)
        assert (await client.get("/tools")).json() == []
        assert await beat(client) == "ack"
        assert len((await client.get("/tools")).json()) == 1


@pytest.mark.parametrize("deregistered", [False, True])
async def test_inactive_agents_are_kept_for_the_retention_then_purged(
    start_gateway: GatewayFactory, database_url: str, clock: ManualClock, deregistered: bool
) -> None:
    async with start_gateway(database_url, {"REGISTRY_GATEWAY_RETENTION_DAYS": "2"}) as client:
        await register(client)
        await register(client, "a2")
        ended = 0.0 if deregistered else TTL
        if deregistered:
            await client.delete("/instances/a1")
        clock.advance(2 * DAY + ended - 1)
        await beat(client, "a2")
        registry = core_of(client).registry
        await registry.expire()
        assert await registry.purge() == 0
        assert await ids(client, "/instances?active=false") == ["a1", "a2"]
        clock.advance(1)
        assert await registry.purge() == 1
        assert await ids(client, "/instances?active=false") == ["a2"]
        assert await beat(client) == "refresh"
        assert (await client.get("/instances/a1")).status_code == 404


async def test_a_restart_loses_nothing(start_gateway: GatewayFactory, database_url: str) -> None:
    async with start_gateway(database_url) as client:
        await register(client)
        await post_tools(client, "a1", ROTATE)
        before = [(await client.get(path)).content for path in ("/instances", "/tools", "/hosts")]
    async with start_gateway(database_url) as client:
        assert [(await client.get(path)).content for path in ("/instances", "/tools", "/hosts")] == before
        assert await beat(client) == "ack"
