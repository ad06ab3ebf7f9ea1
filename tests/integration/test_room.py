"""How many services the dialects with shared keys may have: a limit if the operator sets one."""

import anyio
import httpx
import pytest

from tests.conftest import DAY, GatewayFactory, ManualClock, core_of
from tests.integration import chap_service, runspec_agent

pytestmark = pytest.mark.anyio

TWO = {"REGISTRY_GATEWAY_CHAP_MAX_SERVICES": "2", "REGISTRY_GATEWAY_RUNSPEC_MAX_INSTANCES": "2"}
FULL = {"detail": "There are as many services registered as there may be; one must be deregistered first"}


async def test_chap(start_gateway: GatewayFactory, database_url: str, clock: ManualClock) -> None:
    async with start_gateway(database_url, TWO) as client:
        for key in ("a", "b"):
            await chap_service.register(client, id=key)
        before = (await client.get("/v2/services")).content
        answer = await client.post(chap_service.REGISTER, json=chap_service.payload(id="c"))
        assert (answer.status_code, answer.json()) == (403, FULL)
        assert (await client.get("/v2/services")).content == before

        await chap_service.register(client, id="a", version="2")
        assert (await chap_service.ping(client, "b")).status_code == 200
        await runspec_agent.register(client)  # another dialect's are not counted
        assert (await client.delete("/v2/services/b")).status_code == 204
        await chap_service.register(client, id="c")
        clock.advance(chap_service.TTL)
        await chap_service.register(client, id="a")  # anew, in its own place


async def test_runspec(start_gateway: GatewayFactory, database_url: str, clock: ManualClock) -> None:
    async with start_gateway(database_url, TWO) as client:
        for key in ("a1", "a2"):
            await runspec_agent.register(client, key)
        clock.advance(runspec_agent.TTL)
        answer = await client.post("/instances", json={**runspec_agent.AGENT, "instance_id": "a3"})
        assert (answer.status_code, answer.json()) == (403, FULL)
        assert await runspec_agent.ids(client, "/instances?active=false") == ["a1", "a2"]

        await runspec_agent.post_tools(client, "a1", runspec_agent.ROTATE)
        assert await runspec_agent.beat(client, "a1") == "ack"
        await runspec_agent.register(client, "a2")
        assert (await client.delete("/instances/a2")).status_code == 200
        assert (await client.post("/instances", json={**runspec_agent.AGENT, "instance_id": "a3"})).status_code == 403
        await runspec_agent.register(client, "a2")
        assert (await client.delete("/instances/a2")).status_code == 200
        clock.advance(30 * DAY + 1)
        await core_of(client).registry.purge()
        await runspec_agent.register(client, "a3")


async def test_registrations_at_once_are_counted_one_after_the_other(
    start_gateway: GatewayFactory, database_url: str
) -> None:
    async with start_gateway(database_url, TWO) as client:
        statuses: list[int] = []

        async def register(key: str) -> None:
            answer = await client.post(chap_service.REGISTER, json=chap_service.payload(id=key))
            statuses.append(answer.status_code)

        async with anyio.create_task_group() as tasks:
            for number in range(8):
                tasks.start_soon(register, f"s{number}")
        assert sorted(statuses) == [200, 200, *[403] * 6]


async def test_what_was_there_before_the_limit_stays(start_gateway: GatewayFactory, sqlite_url: str) -> None:
    async with start_gateway(sqlite_url) as client:
        for key in ("a", "b", "c"):
            await chap_service.register(client, id=key)
    async with start_gateway(sqlite_url, TWO) as client:
        for key in ("a", "b", "c"):
            await chap_service.register(client, id=key)
            assert (await chap_service.ping(client, key)).status_code == 200
        answer = await client.post(chap_service.REGISTER, json=chap_service.payload(id="d"))
        assert answer.status_code == 403


FIVE = {"REGISTRY_GATEWAY_RUNSPEC_MAX_TOOLS": "5"}


def tools(*names: str) -> list[dict[str, str]]:
    """Tools of these names."""
    return [{"name": name} for name in names]


async def test_tools_of_all_instances(start_gateway: GatewayFactory, database_url: str, clock: ManualClock) -> None:
    async with start_gateway(database_url, FIVE) as client:

        async def post(key: str, *names: str) -> httpx.Response:
            return await client.post(f"/instances/{key}/tools", json={"tools": tools(*names)})

        for key in ("a1", "a2"):
            await runspec_agent.register(client, key)
        assert (await post("a1", "x", "x", "a\nb")).status_code == 200  # each counts, whatever it is called
        before = (await client.get("/tools")).content
        refused = await post("a2", "p", "q", "r")
        message = "There would be 6 tools in all with these, and there may be 5"
        assert (refused.status_code, refused.json()) == (403, {"detail": message})
        assert (await client.get("/tools")).content == before
        assert await runspec_agent.beat(client, "a2") == "refresh"
        assert (await post("a2", "p", "q")).status_code == 200
        assert (await post("a2", "p", "q", "r")).status_code == 403
        assert (await post("a1", "y")).status_code == 200  # fewer than before
        assert (await post("a2", "p", "q", "r", "s")).status_code == 200
        assert (await client.delete("/instances/a2")).status_code == 200
        assert (await post("a1", "y", "z")).status_code == 403  # what is kept counts
        clock.advance(30 * DAY + 1)
        await core_of(client).registry.purge()
        await runspec_agent.register(client, "a3")
        assert (await post("a3", *"vwxz")).status_code == 200


async def test_tool_lists_at_once_are_counted_one_after_the_other(
    start_gateway: GatewayFactory, database_url: str
) -> None:
    async with start_gateway(database_url, FIVE) as client:
        statuses: list[int] = []
        for number in range(8):
            await runspec_agent.register(client, f"a{number}")

        async def post(key: str) -> None:
            answer = await client.post(f"/instances/{key}/tools", json={"tools": tools("x", "y")})
            statuses.append(answer.status_code)

        async with anyio.create_task_group() as tasks:
            for number in range(8):
                tasks.start_soon(post, f"a{number}")
        assert sorted(statuses) == [200, 200, *[403] * 6]


async def test_more_tools_than_the_limit_may_only_become_fewer(start_gateway: GatewayFactory, sqlite_url: str) -> None:
    async with start_gateway(sqlite_url) as client:
        await runspec_agent.register(client, "a1")
        assert (await client.post("/instances/a1/tools", json={"tools": tools(*"abcdefgh")})).status_code == 200
    async with start_gateway(sqlite_url, FIVE) as client:
        assert (await client.post("/instances/a1/tools", json={"tools": tools(*"abcdefghi")})).status_code == 403
        assert (await client.post("/instances/a1/tools", json={"tools": tools(*"abcdefg")})).status_code == 200
