"""CHAP's goodbyes in a rolling restart: DELETE carries only the id, and removes its own sender."""

from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from registry_gateway.core.commands import Deregister
from registry_gateway.core.model import Actor
from tests.conftest import GatewayFactory, ManualClock, core_of, gateway_of
from tests.integration.chap_service import REFUSE_LATE, TTL, ping, register

pytestmark = pytest.mark.anyio

GOODBYE = "/v2/services/my-model"


@contextmanager
def elsewhere(client: httpx.AsyncClient, address: str) -> Iterator[httpx.AsyncClient]:
    """A client of the same gateway at another address."""
    transport = httpx.ASGITransport(gateway_of(client), client=(address, 40000))
    yield httpx.AsyncClient(transport=transport, base_url=client.base_url)


@pytest.mark.parametrize("environment", [{}, REFUSE_LATE], ids=["revive", "refuse"])
async def test_the_old_process_removes_the_new_one_no_longer(
    start_gateway: GatewayFactory, database_url: str, clock: ManualClock, environment: dict[str, str]
) -> None:
    async with start_gateway(database_url, environment) as old:
        with elsewhere(old, "192.0.2.8") as new:
            await register(old)
            clock.advance(10)
            await register(new)
            clock.advance(10)
            said = await old.delete(GOODBYE)
            assert (said.status_code, said.content) == (204, b"")
            assert (await new.get("/v2/services")).json()["count"] == 1
            assert (await ping(new)).status_code == 200
            [*_, event] = await core_of(old).registry.events()
            assert (event.kind, event.client_address) == ("deregistration_ignored", "192.0.2.7")
            assert event.reason == "from 192.0.2.7, which 192.0.2.8 replaced 10.0 s before"
            assert (await new.delete(GOODBYE)).status_code == 204
            assert (await ping(new)).status_code == 404


async def test_behind_one_address_the_first_deregistration_within_a_lease_is_set_aside(
    start_gateway: GatewayFactory, database_url: str, clock: ManualClock
) -> None:
    async with start_gateway(database_url) as client:
        await register(client)
        await register(client)
        assert (await client.delete(GOODBYE)).status_code == 204
        assert (await ping(client)).status_code == 200
        await register(client)
        for _ in range(3):
            clock.advance(TTL / 2)
            assert (await ping(client)).status_code == 200
        assert (await client.delete(GOODBYE)).status_code == 204
        assert (await client.get(GOODBYE)).status_code == 404


@pytest.mark.parametrize("path", ["/v2/services//my-model", "/v2/services/%24register/my-model"])
async def test_by_whichever_path_it_comes(start_gateway: GatewayFactory, sqlite_url: str, path: str) -> None:
    async with start_gateway(sqlite_url) as client:
        await register(client)
        await register(client)
        assert (await client.delete(path)).status_code == 204
        assert (await client.get(GOODBYE)).status_code == 200


async def test_an_administrator_removes_at_once(start_gateway: GatewayFactory, sqlite_url: str) -> None:
    async with start_gateway(sqlite_url) as client:
        await register(client)
        await register(client)
        forced = Deregister(dialect="chap", key="my-model", actor=Actor("cli:root", "192.0.2.7"), forced=True)
        await core_of(client).registry.deregister(forced)
        assert (await client.get(GOODBYE)).status_code == 404
