"""The limit on changes as each dialect words it, and what goes on unhindered."""

import httpx
import pytest

from registry_gateway.core.rate_limit import SERVICE_RATE
from tests.conftest import GatewayFactory, ManualClock, gateway_of
from tests.integration import chap_service, runspec_agent
from tests.integration.scaicontrol_account import data, refused, service, state

pytestmark = pytest.mark.anyio

LIMIT = {"REGISTRY_GATEWAY_RATE_LIMIT": "2/h"}
ALLOWED = 2 + SERVICE_RATE.count
"""Changes that one service may make at once when nobody else does."""

WORDS = "Too many requests; try again in 5 s"


async def test_chap(start_gateway: GatewayFactory, sqlite_url: str, clock: ManualClock) -> None:
    async with start_gateway(sqlite_url, {**LIMIT, **chap_service.WITH_KEY}) as client:
        client.headers["X-Service-Key"] = chap_service.KEY
        for _ in range(ALLOWED):
            await chap_service.register(client)
        before = (await client.get("/v2/services")).content
        clock.advance(0.25)
        for answer in (
            await client.post(chap_service.REGISTER, json=chap_service.payload()),
            await client.delete("/v2/services/my-model"),
        ):
            assert (answer.status_code, answer.json()) == (429, {"detail": WORDS})
            assert answer.headers["retry-after"] == "5"
        assert (await client.get("/v2/services")).content == before
        for _ in range(20):
            assert (await chap_service.ping(client)).status_code == 200
        await chap_service.register(client, id="another")
        clock.advance(5)
        await chap_service.register(client)


async def test_runspec(start_gateway: GatewayFactory, sqlite_url: str, clock: ManualClock) -> None:
    async with start_gateway(sqlite_url, {**LIMIT, **runspec_agent.WITH_KEY}) as client:
        client.headers["X-API-Key"] = runspec_agent.KEY
        await runspec_agent.register(client)
        for _ in range(ALLOWED - 1):
            await runspec_agent.post_tools(client, "a1", runspec_agent.ROTATE)
        before = (await client.get("/instances")).content
        for answer in (
            await client.post("/instances", json=runspec_agent.AGENT),
            await client.post("/instances/a1/tools", json={"tools": []}),
            await client.delete("/instances/a1"),
        ):
            assert (answer.status_code, answer.json()) == (429, {"detail": WORDS})
            assert answer.headers["retry-after"] == "5"
        assert (await client.get("/instances")).content == before
        for _ in range(20):
            assert await runspec_agent.beat(client) == "ack"
        await runspec_agent.register(client, "a2")
        await runspec_agent.post_tools(client, "a2", runspec_agent.ROTATE)
        clock.advance(5)
        await runspec_agent.register(client)


async def test_scaicontrol(start_gateway: GatewayFactory, sqlite_url: str, clock: ManualClock) -> None:
    async with start_gateway(sqlite_url, LIMIT) as client:
        billing, other = await service(client), await service(client, "other")
        data(await billing.register("a"), 201)
        for number in range(ALLOWED - 1):
            data(await billing.update("a", version=f"2.{number}"))
        before = await state(client)
        for answer in (await billing.update("a"), await billing.deregister("a")):
            assert refused(answer, 429, "rate_limited") == WORDS
            assert answer.headers["retry-after"] == "5"
        assert await state(client) == before
        for _ in range(20):
            data(await billing.heartbeat("a"))
        data(await billing.register("b"), 201)
        data(await other.register("c"), 201)
        clock.advance(5)
        data(await billing.update("a"))


async def test_without_keys_the_address_counts(start_gateway: GatewayFactory, sqlite_url: str) -> None:
    async with start_gateway(sqlite_url, LIMIT) as client:
        for _ in range(ALLOWED):
            await chap_service.register(client)
        elsewhere = httpx.ASGITransport(gateway_of(client), client=("192.0.2.8", 40000))
        async with httpx.AsyncClient(transport=elsewhere, base_url="http://gateway:8765") as another:
            assert (await client.post(chap_service.REGISTER, json=chap_service.payload())).status_code == 429
            await chap_service.register(another)


async def test_what_fails_counts_but_a_wrong_key_does_not(start_gateway: GatewayFactory, sqlite_url: str) -> None:
    async with start_gateway(sqlite_url, {**LIMIT, **chap_service.WITH_KEY}) as client:
        for _ in range(100):
            answer = await client.delete("/v2/services/none", headers={"X-Service-Key": "wrong"})
            assert answer.status_code == 401
        client.headers["X-Service-Key"] = chap_service.KEY
        statuses = [(await client.delete("/v2/services/none")).status_code for _ in range(ALLOWED + 1)]
        assert statuses == [404] * ALLOWED + [429]


async def test_unless_it_is_set_there_is_no_limit(start_gateway: GatewayFactory, sqlite_url: str) -> None:
    async with start_gateway(sqlite_url) as client:
        for _ in range(50):
            await chap_service.register(client)


async def test_a_fleet_that_lost_its_leases_registers_again_at_once(
    start_gateway: GatewayFactory, sqlite_url: str, clock: ManualClock
) -> None:
    """As after an hour without network: each ping is a 404, and all services register with one key."""
    settings = {"REGISTRY_GATEWAY_RATE_LIMIT": "3/h", **chap_service.WITH_KEY, **chap_service.REFUSE_LATE}
    async with start_gateway(sqlite_url, settings) as client:
        client.headers["X-Service-Key"] = chap_service.KEY
        fleet = [f"s{number}" for number in range(50)]
        for key in fleet:
            await chap_service.register(client, id=key)
        clock.advance(3600)
        for key in fleet:
            assert (await chap_service.ping(client, key)).status_code == 404
            await chap_service.register(client, id=key)
        for key in fleet:  # a deployment at once thereafter: each leaves, and its successor registers
            assert (await client.delete(f"/v2/services/{key}")).status_code == 204
            await chap_service.register(client, id=key)
        assert (await client.get("/v2/services")).json()["count"] == len(fleet)
