"""What a dialect does not show to anybody, the catalogue does not either."""

import pytest

from tests.conftest import GatewayFactory

pytestmark = pytest.mark.anyio


async def test_closing_the_reads_of_a_dialect_closes_the_catalogue(
    start_gateway: GatewayFactory, sqlite_url: str
) -> None:
    closed = {"REGISTRY_GATEWAY_RUNSPEC_API_KEY": "k" * 20, "REGISTRY_GATEWAY_RUNSPEC_PROTECT_READS": "true"}
    async with start_gateway(sqlite_url) as client:
        assert (await client.get("/catalog/v1/services")).status_code == 200
    async with start_gateway(sqlite_url, closed) as client:
        for path in ("services", "services/runspec/agent", "services/runspec/agent/events", "stats", "events"):
            assert (await client.get(f"/catalog/v1/{path}")).status_code == 401, path
