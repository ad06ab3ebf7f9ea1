"""Lists that grow with what is registered: made with rests, in which heartbeats are answered, and sent whole."""

import httpx
import pytest

from registry_gateway.http import rendered
from registry_gateway.http.rendered import Rendered
from registry_gateway.registry import pacing
from tests.conftest import GatewayFactory
from tests.integration import chap_service, runspec_agent
from tests.integration.watcher import listening

pytestmark = pytest.mark.anyio

AGENTS = 40
TOOLS = 30

LISTS = [
    "/tools",
    "/tools?active=false",
    "/tools/tool-7",
    "/instances",
    "/hosts",
    "/export/superputty",
    "/export/mobaxterm",
    "/v2/services",
    "/catalog/v1/services?limit=1000",
    "/sd/prometheus",
]


async def fill(client: httpx.AsyncClient) -> None:
    """Register agents with tools, and as many CHAP services."""
    for number in range(AGENTS):
        await runspec_agent.register(client, f"a{number}", host=f"host-{number}", name=f"agent-{number}")
        tools = [{"name": f"tool-{n}", "description": "d" * 50} for n in range(TOOLS)]
        await runspec_agent.post_tools(client, f"a{number}", *tools)
        await chap_service.register(client, id=f"s{number}")


async def test_they_rest_between_their_elements_and_say_the_same(
    start_gateway: GatewayFactory, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rests = 0

    async def rest() -> None:
        nonlocal rests
        rests += 1

    async with start_gateway(database_url) as client:
        await fill(client)
        at_once = {path: (await client.get(path)).content for path in LISTS}
    monkeypatch.setattr(pacing, "HOLD_SECONDS", -1.0)
    monkeypatch.setattr(pacing, "MOST_SECONDS", -1.0)
    monkeypatch.setattr(pacing, "rest", rest)
    async with start_gateway(database_url) as client:
        for path in LISTS:
            rests = 0
            answer = await client.get(path)
            assert answer.status_code == 200
            assert answer.content == at_once[path], path
            assert rests >= AGENTS, path


async def test_in_pieces_they_are_the_same_to_a_real_client(
    start_gateway: GatewayFactory, sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with start_gateway(sqlite_url) as client, listening(client) as remote:
        await fill(client)
        whole = {path: await remote.get(path) for path in LISTS}
        monkeypatch.setattr(rendered, "PIECE_BYTES", 1_000)
        await chap_service.register(client, id="another")  # what is kept is made anew
        await client.delete("/v2/services/another")
        await runspec_agent.register(client, "another")
        await client.delete("/instances/another")
        tagged = 0
        for path in LISTS:
            answer = await remote.get(path)
            if "active=false" not in path:
                assert answer.content == whole[path].content, path
            assert int(answer.headers["content-length"]) == len(answer.content)
            if "etag" in answer.headers:
                tagged += 1
                assert answer.headers["etag"] == Rendered(answer.content).etag
                known = {"If-None-Match": answer.headers["etag"]}
                assert (await remote.get(path, headers=known)).status_code == 304
            head = await remote.head(path)
            assert (head.status_code, head.content) == (200, b"")
            assert head.headers["content-length"] == answer.headers["content-length"]
        assert tagged
