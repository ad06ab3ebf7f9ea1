"""A CHAP service that pings after its deadline: it is in no answer of the dialect until then, and live from then on."""

import pytest

from registry_gateway.core.lease import Health
from tests.conftest import DAY, START, GatewayFactory, ManualClock, core_of
from tests.integration.catalogue_reader import listed, shown
from tests.integration.chap_service import KEY, REGISTER, TTL, WITH_KEY, iso, payload, ping, register

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("swept", [False, True])
async def test_a_late_ping_revives(
    start_gateway: GatewayFactory, database_url: str, clock: ManualClock, swept: bool
) -> None:
    async with start_gateway(database_url) as client:
        await register(client)
        before = (await client.get("/v2/services/my-model")).json()
        clock.advance(TTL)
        if swept:
            assert await core_of(client).registry.expire() == 1
        assert (await client.get("/v2/services")).json() == {"count": 0, "services": []}
        gone = await client.get("/v2/services/my-model")
        assert (gone.status_code, gone.json()) == (404, {"detail": "Service my-model not found"})

        clock.advance(60)
        late = await ping(client)
        heard = iso(clock.time)
        assert (late.status_code, late.json()) == (
            200,
            {"id": "my-model", "status": "alive", "last_ping_at": heard, "expires_at": iso(clock.time + TTL)},
        )
        times = {"last_ping_at": heard, "last_updated": heard, "expires_at": iso(clock.time + TTL)}
        assert (await client.get("/v2/services")).json() == {"count": 1, "services": [before | times]}
        assert (await client.get("/v2/services/my-model")).json() == before | times
        kinds = [event.kind for event in await core_of(client).registry.events()]
        assert kinds == ["registered", "expired", "recovered"]


async def test_it_is_kept_for_as_long_as_the_setting_says(
    start_gateway: GatewayFactory, sqlite_url: str, clock: ManualClock
) -> None:
    async with start_gateway(sqlite_url, {"REGISTRY_GATEWAY_CHAP_LAPSED_RETENTION": "5"}) as client:
        await register(client)
        clock.advance(TTL + 4.9)
        assert (await ping(client)).status_code == 200
        clock.advance(TTL + 5)
        assert (await ping(client)).status_code == 404
        assert (await client.delete("/v2/services/my-model")).status_code == 404
        assert (await shown(client, "chap", "my-model"))["status"] == "gone"


async def test_by_default_it_is_kept_for_a_day(
    start_gateway: GatewayFactory, sqlite_url: str, clock: ManualClock
) -> None:
    async with start_gateway(sqlite_url) as client:
        await register(client)
        clock.advance(TTL + DAY - 1)
        await core_of(client).registry.expire()
        await core_of(client).registry.purge()
        assert (await ping(client)).status_code == 200


async def test_a_late_ping_needs_the_key_as_ever(
    start_gateway: GatewayFactory, sqlite_url: str, clock: ManualClock
) -> None:
    async with start_gateway(sqlite_url, WITH_KEY) as client:
        key = {"X-Service-Key": KEY}
        assert (await client.post(REGISTER, json=payload(), headers=key)).status_code == 200
        clock.advance(TTL)
        assert (await ping(client)).status_code == 422
        assert (await client.put("/v2/services/my-model/$ping", headers={"X-Service-Key": "x"})).status_code == 401
        assert (await client.get("/v2/services")).json()["count"] == 0
        assert (await client.put("/v2/services/my-model/$ping", headers=key)).status_code == 200


@pytest.mark.parametrize("when", ["live", "lapsed", "swept"])
async def test_one_that_left_stays_away(
    start_gateway: GatewayFactory, database_url: str, clock: ManualClock, when: str
) -> None:
    async with start_gateway(database_url) as client:
        await register(client)
        if when != "live":
            clock.advance(TTL)
        if when == "swept":
            await core_of(client).registry.expire()
        assert (await client.delete("/v2/services/my-model")).status_code == 204
        assert (await ping(client)).status_code == 404
        assert (await client.delete("/v2/services/my-model")).status_code == 404
        kinds = [event.kind for event in await core_of(client).registry.events()]
        assert kinds == ["registered", *(["expired"] if when != "live" else []), "deregistered"]


async def test_the_catalogue_shows_it_as_down_with_its_document_and_its_last_ping(
    start_gateway: GatewayFactory, database_url: str, clock: ManualClock
) -> None:
    async with start_gateway(database_url) as client:
        await register(client)
        clock.advance(10)
        await ping(client)
        clock.advance(TTL)
        for _ in range(2):
            found = await shown(client, "chap", "my-model")
            assert (found["status"], found["health"]) == ("down", Health.LAPSED)
            assert found["document"]["info"]["id"] == "my-model"
            assert (found["lease"]["alive"], found["lease"]["last_seen"]) == (False, START + 10)
            assert found["ended"]["reason"] == "no heartbeat for 30.0 s (lease: 30 s)"
            assert [s["key"] for s in (await listed(client, status="down"))["services"]] == ["my-model"]
            assert [s["key"] for s in (await listed(client))["services"]] == ["my-model"]
            await core_of(client).registry.expire()
        clock.advance(DAY)
        assert (await listed(client))["total"] == 0
        assert (await shown(client, "chap", "my-model"))["status"] == "gone"


async def test_a_late_ping_that_finds_no_room_is_told_to_register(
    start_gateway: GatewayFactory, database_url: str, clock: ManualClock
) -> None:
    async with start_gateway(database_url, {"REGISTRY_GATEWAY_CHAP_MAX_SERVICES": "1"}) as client:
        await register(client, id="a")
        clock.advance(TTL)
        await core_of(client).registry.expire()
        await register(client, id="b")
        late = await ping(client, "a")
        assert (late.status_code, late.json()) == (404, {"detail": "Service a not found"})
        assert (await client.post(REGISTER, json=payload(id="a"))).status_code == 403
        assert (await client.delete("/v2/services/b")).status_code == 204
        assert (await ping(client, "a")).status_code == 200
