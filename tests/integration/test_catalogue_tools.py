"""The tools of all services: which there are, who has them, and how they are run."""

import httpx
import pytest

from tests.conftest import GatewayFactory, ManualClock
from tests.integration.catalogue_reader import problem
from tests.integration.runspec_agent import RESTART, ROTATE, post_tools, register
from tests.integration.scaicontrol_account import service

pytestmark = pytest.mark.anyio

TOOLS = "/catalog/v1/tools"


async def fill(client: httpx.AsyncClient) -> None:
    """Two agents and a ScaiControl service with tools."""
    await register(client, "web/1", host="web-1.example.org")
    await post_tools(client, "web/1", ROTATE, RESTART)
    await register(client, "web/2", host="web-2.example.org")
    await post_tools(client, "web/2", {**ROTATE, "description": "Rotate them", "x-command": "rotate; reboot"})
    billing = await service(client)
    await billing.register("scaiflow", base_url="https://flow.example.org", capabilities=["flows", "rotate"])


async def test_each_tool_is_listed_once(start_gateway: GatewayFactory, database_url: str) -> None:
    async with start_gateway(database_url) as client:
        assert (await client.get(TOOLS)).json() == {"total": 0, "next": None, "tools": []}
        await fill(client)
        page = (await client.get(TOOLS)).json()
        assert [(t["name"], t["services"], t["up"]) for t in page["tools"]] == [
            ("flows", 1, 1),
            ("restart", 1, 1),
            ("rotate", 3, 3),
        ]
        flows, restart, rotate = page["tools"]
        assert (flows["description"], flows["extensions"], restart["description"]) == (None, {}, None)
        assert restart["hosts"] == [
            {
                "dialect": "runspec",
                "key": "web/1",
                "name": "portal",
                "address": "web-1.example.org",
                "status": "up",
            }
        ]
        assert [host["key"] for host in rotate["hosts"]] == ["scaiflow", "web/1", "web/2"]


async def test_a_tool_has_its_services_and_the_command_that_runs_it(
    start_gateway: GatewayFactory, database_url: str
) -> None:
    async with start_gateway(database_url) as client:
        await fill(client)
        tool = (await client.get(f"{TOOLS}/rotate")).json()
        assert (tool["name"], tool["total"]) == ("rotate", 3)
        flow, one, two = tool["hosts"]
        assert (flow["description"], flow["command"]) == (None, None)
        assert one["description"] == "Rotate the logs"
        assert one["extensions"]["x-autonomy"] == "confirm"
        assert one["command"] == f"runspec jump rotate --host web-1.example.org --registry {client.base_url}"
        assert two["extensions"]["x-command"] == "rotate; reboot"
        assert len((await client.get(f"{TOOLS}/rotate?limit=1")).json()["hosts"]) == 1
        problem(await client.get(f"{TOOLS}/none"), 404)


async def test_a_command_quotes_what_a_service_sent(start_gateway: GatewayFactory, sqlite_url: str) -> None:
    protected = {"REGISTRY_GATEWAY_RUNSPEC_API_KEY": "s3cret", "REGISTRY_GATEWAY_RUNSPEC_PROTECT_READS": "true"}
    for environment, key in (({}, ""), (protected, " --registry-key YOUR-KEY")):
        async with start_gateway(sqlite_url, environment) as client:
            if environment:
                reader = await service(client, "reader", scopes=["read:catalog"])
                client.headers["Authorization"] = f"Bearer {reader.token}"
            else:
                await register(client, "a", host="web; rm -rf /")
                await post_tools(client, "a", {**ROTATE, "name": "a tool/$(x)"})
            (host,) = (await client.get(f"{TOOLS}/a%20tool/%24(x)")).json()["hosts"]
            words = f"runspec jump 'a tool/$(x)' --host 'web; rm -rf /' --registry {client.base_url}{key}"
            assert host["command"] == words


async def test_filters_and_pages(start_gateway: GatewayFactory, database_url: str) -> None:
    async with start_gateway(database_url) as client:
        await fill(client)

        async def names(**query: str) -> list[str]:
            return [tool["name"] for tool in (await client.get(TOOLS, params=query)).json()["tools"]]

        assert await names(q="R") == ["restart", "rotate"]
        assert await names(dialect="scaicontrol") == ["flows", "rotate"]
        page = (await client.get(f"{TOOLS}?limit=2")).json()
        assert (page["total"], page["next"]) == (3, "restart")
        last = (await client.get(f"{TOOLS}?limit=2&after=restart")).json()
        assert (last["total"], last["next"], [tool["name"] for tool in last["tools"]]) == (3, None, ["rotate"])
        problem(await client.get(f"{TOOLS}?tool=x"), 400)


async def test_live_services_come_first_and_changes_are_seen_at_once(
    start_gateway: GatewayFactory, database_url: str, clock: ManualClock
) -> None:
    async with start_gateway(database_url) as client:
        await register(client, "web/1", host="a")
        await post_tools(client, "web/1", ROTATE)
        clock.advance(60)
        await register(client, "web/2", host="b")
        await post_tools(client, "web/2", ROTATE)

        async def hosts() -> list[tuple[str, str]]:
            found = (await client.get(f"{TOOLS}/rotate")).json()["hosts"]
            return [(host["key"], host["status"]) for host in found]

        assert await hosts() == [("web/1", "up"), ("web/2", "up")]
        clock.advance(40)
        assert await hosts() == [("web/2", "up"), ("web/1", "down")]
        await client.delete("/instances/web/2")
        assert await hosts() == [("web/1", "down")]
        await post_tools(client, "web/1", RESTART)
        problem(await client.get(f"{TOOLS}/rotate"), 404)
