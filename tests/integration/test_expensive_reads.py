"""Expensive questions that anybody may ask: the gateway refuses what is too much, and does all else meanwhile."""

import asyncio

import pytest

from registry_gateway.store.lanes import expensive_reads
from registry_gateway.store.statements import past
from tests.conftest import START, GatewayFactory, core_of
from tests.integration import chap_service
from tests.integration.catalogue_reader import SERVICES, problem
from tests.long_reads import endless

pytestmark = pytest.mark.anyio


@pytest.mark.slow
async def test_readiness_and_administration_do_not_wait_for_them(
    start_gateway: GatewayFactory, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(expensive_reads, "READ_SECONDS", 4.0)
    monkeypatch.setattr(past, "search", lambda connection, *_: endless(connection))
    async with start_gateway(database_url) as client:
        issued = await core_of(client).accounts.create("admin", ["admin:registry"], [])
        administrator = {"Authorization": f"Bearer {issued.token}"}
        await chap_service.register(client)
        asked = [asyncio.create_task(client.get(SERVICES, params={"at": str(START - n)})) for n in range(1, 41)]
        await asyncio.sleep(0.3)
        assert (await client.get("/health/ready")).status_code == 200
        assert (await client.get("/catalog/v1/stats")).json()["services"] == 1
        assert "registry_gateway_database_up 1.0" in (await client.get("/metrics")).text
        for path in ("accounts", "subscriptions"):
            assert (await client.get(f"/admin/v1/{path}", headers=administrator)).status_code == 200
        assert (await client.get("/v2/services")).json()["count"] == 1
        assert (await chap_service.ping(client)).status_code == 200
        assert not all(task.done() for task in asked), "they waited for the expensive ones"
        other = await client.get(SERVICES)
        for answer in (other, *await asyncio.gather(*asked)):
            assert problem(answer, 503)["code"] == "overloaded"
            assert answer.headers["retry-after"] == "2"
        assert (await client.get(SERVICES)).status_code == 200
