"""What browsers are told about whatever they may be shown."""

import pytest

from tests.conftest import GatewayFactory
from tests.integration.runspec_agent import AGENT

pytestmark = pytest.mark.anyio

SHOWN = [
    "/v2/services",
    "/v2/services/none",
    "/instances",
    "/instances/a1",
    "/tools",
    "/tools/none",
    "/hosts",
    "/export/superputty",
    "/export/mobaxterm",
    "/catalog/v1/services",
    "/catalog/v1/stats",
    "/catalog/v1/services?nmae=x",
    "/api/v1/registry/register",
    "/admin/v1/accounts",
    "/openapi.json",
    "/docs",
    "/docs/start.js",
    "/",
    "/services/runspec/a1",
    "/page/services.js",
    "/nowhere",
]


async def test_nothing_is_guessed_to_be_a_page(start_gateway: GatewayFactory, sqlite_url: str) -> None:
    async with start_gateway(sqlite_url) as client:
        assert (await client.post("/instances", json={**AGENT, "instance_id": "a1"})).status_code == 201
        for path in SHOWN:
            assert (await client.get(path)).headers.get("x-content-type-options") == "nosniff", path


async def test_the_page_is_in_no_frame_and_sends_no_referrer(start_gateway: GatewayFactory, sqlite_url: str) -> None:
    async with start_gateway(sqlite_url) as client:
        for path in ("/docs", "/docs/start.js"):
            headers = (await client.get(path)).headers
            assert "frame-ancestors 'none'" in headers["content-security-policy"]
            assert headers["referrer-policy"] == "no-referrer"
