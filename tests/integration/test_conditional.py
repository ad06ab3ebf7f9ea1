"""ETag and If-None-Match on what readers poll."""

import pytest

from tests.conftest import GatewayFactory, ManualClock

pytestmark = pytest.mark.anyio

MODEL = {"url": "http://host:8000", "info": {"id": "my-model", "display_name": "My model"}}
AGENT = {"instance_id": "agent-1", "name": "agent", "version": "1", "host": "host"}
TOOLS = {"tools": [{"name": "uptime"}]}

READS = ["/v2/services", "/v2/services/my-model", "/instances", "/instances/agent-1", "/tools", "/tools/uptime"]


@pytest.mark.parametrize("path", READS)
async def test_a_reader_who_has_it_already_is_sent_nothing(
    start_gateway: GatewayFactory, sqlite_url: str, clock: ManualClock, path: str
) -> None:
    async with start_gateway(sqlite_url) as client:
        await client.post("/v2/services/$register", json=MODEL)
        await client.post("/instances", json=AGENT)
        await client.post("/instances/agent-1/tools", json=TOOLS)
        first = await client.get(path)
        etag = first.headers["etag"]
        for known in (etag, f"W/{etag}", f'"other", {etag}', "*"):
            again = await client.get(path, headers={"If-None-Match": known})
            assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", etag)
            assert "content-length" not in again.headers
        other = await client.get(path, headers={"If-None-Match": '"other"'})
        assert (other.status_code, other.content) == (200, first.content)
        clock.advance(1)
        await client.put("/v2/services/my-model/$ping")
        await client.post("/instances", json=AGENT | {"host": "elsewhere"})
        await client.post("/instances/agent-1/tools", json=TOOLS)
        changed = await client.get(path, headers={"If-None-Match": etag})
        assert changed.status_code == 200
        assert changed.headers["etag"] != etag


async def test_equal_lists_have_equal_tags_on_every_gateway(start_gateway: GatewayFactory, postgresql_url: str) -> None:
    async with start_gateway(postgresql_url) as one, start_gateway(postgresql_url) as another:
        await one.post("/v2/services/$register", json=MODEL)
        tags = {(await client.get("/v2/services")).headers["etag"] for client in (one, another)}
        assert len(tags) == 1
