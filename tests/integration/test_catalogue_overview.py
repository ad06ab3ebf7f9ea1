"""The overview: counts, the last day, mass lapses, emptied dialects and absences."""

from typing import Any

import httpx
import pytest

from registry_gateway.core.errors import StoreUnavailable
from registry_gateway.registry import timeline
from tests.conftest import START, GatewayFactory, ManualClock, core_of
from tests.integration import chap_service, runspec_agent
from tests.integration.catalogue_reader import problem

pytestmark = pytest.mark.anyio

OVERVIEW = "/catalog/v1/overview"
MINUTE = 60.0


async def overview(client: httpx.AsyncClient) -> dict[str, Any]:
    """The overview."""
    answer = await client.get(OVERVIEW)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def models(client: httpx.AsyncClient, count: int, first: int = 0) -> None:
    """Register CHAP services, whose lease is 30 s."""
    for number in range(first, first + count):
        await chap_service.register(client, id=f"model-{number}")


async def pings(client: httpx.AsyncClient, count: int) -> None:
    """Send the heartbeats of the first CHAP services."""
    for number in range(count):
        assert (await client.put(f"/v2/services/model-{number}/$ping")).status_code == 200


def codes(found: dict[str, Any]) -> list[str]:
    """Severity and code of the findings."""
    return [f"{finding['severity']} {finding['code']}" for finding in found["findings"]]


async def test_of_an_empty_registry(start_gateway: GatewayFactory, database_url: str) -> None:
    async with start_gateway(database_url) as client:
        found = await overview(client)
        assert found["by_status"] == {"pending": 0, "up": 0, "degraded": 0, "down": 0}
        assert set(found["by_dialect"]) == {"chap", "runspec", "scaicontrol"}
        assert found["last_hour"] == {"expired": 0, "recovered": 0, "registered": 0, "deregistered": 0}
        assert found["last_day"]["live"] == [0] * 145
        assert (found["mass_lapses"], found["emptied"], found["absences"], found["findings"]) == ([], [], [], [])


@pytest.mark.parametrize("part", [1, 50_000])
async def test_counts_and_the_last_day(
    start_gateway: GatewayFactory, database_url: str, clock: ManualClock, monkeypatch: pytest.MonkeyPatch, part: int
) -> None:
    monkeypatch.setattr(timeline, "PART_IDS", part)
    async with start_gateway(database_url) as client:
        registry = core_of(client).registry
        await models(client, 3)
        await runspec_agent.register(client, "web/1")
        clock.advance(40)
        await registry.expire()
        await pings(client, 1)
        assert (await client.delete("/v2/services/model-1")).status_code == 204  # it has lapsed before
        clock.advance(600)
        await registry.expire()
        await runspec_agent.register(client, "web/1")
        await client.delete("/instances/web%2F1")
        clock.advance(600)
        await runspec_agent.register(client, "web/2")
        found = await overview(client)
        assert found["at"] == START + 1240
        assert found["by_dialect"]["chap"] == {"pending": 0, "up": 0, "degraded": 0, "down": 2}
        assert found["by_status"] == {"pending": 0, "up": 1, "degraded": 0, "down": 2}
        assert found["last_hour"] == {"expired": 5, "recovered": 2, "registered": 5, "deregistered": 2}
        day = found["last_day"]
        assert day["live"][-4:] == [0, 1 + 1, 0, 1]
        assert day["expired"][-4:] == [0, 3, 2, 0]
        clock.advance(86_400)  # what is more than a day old is dropped
        await registry.expire()
        later = await overview(client)
        assert later["last_day"]["live"][-3:] == [1, 1, 0]
        assert sum(later["last_day"]["expired"]) == 1


async def test_it_is_computed_once_a_minute(
    start_gateway: GatewayFactory, database_url: str, clock: ManualClock
) -> None:
    async with start_gateway(database_url) as client:
        first = await client.get(OVERVIEW)
        await models(client, 1)
        clock.advance(MINUTE - 1)
        again = await client.get(OVERVIEW, headers={"If-None-Match": first.headers["etag"]})
        assert again.status_code == 304
        clock.advance(1)
        assert (await overview(client))["last_hour"]["registered"] == 1


async def test_a_mass_lapse(start_gateway: GatewayFactory, database_url: str, clock: ManualClock) -> None:
    async with start_gateway(database_url) as client:
        registry = core_of(client).registry
        await registry.resume()
        await models(client, 25)
        for _ in range(31):
            clock.advance(1)
            await registry.resume()
            if clock.time == START + 15:
                await pings(client, 19)
        await registry.expire()
        found = await overview(client)
        assert found["mass_lapses"] == [
            {
                "dialect": "chap",
                "began_at": START + 31,
                "ended_at": START + 31,
                "services": 6,
                "live_before": 25,
                "recovered": 0,
                "absences": [],
            }
        ]
        assert codes(found) == ["error mass_lapse"]
        [finding] = found["findings"]
        assert finding["summary"] == (
            "6 of 25 chap services lapsed within 1 s, from 2027-01-15 08:00:31 UTC on; the gateway and its database "
            "were present all the time; 0 of them are live again"
        )
        assert "registry-gateway events --since 24h --kind expired --dialect chap" in finding["advice"]
        await client.put("/v2/services/model-20/$ping")
        clock.advance(MINUTE)
        assert (await overview(client))["mass_lapses"][0]["recovered"] == 1


async def test_lapses_after_an_outage(start_gateway: GatewayFactory, database_url: str, clock: ManualClock) -> None:
    async with start_gateway(database_url) as client:
        registry = core_of(client).registry
        await registry.resume()
        await models(client, 6)
        clock.advance(312)
        await registry.resume()
        for _ in range(31):
            clock.advance(1)
            await registry.resume()
        await registry.expire()
        found = await overview(client)
        absence = {"since": START, "until": START + 312, "cause": "gateway"}
        assert found["absences"] == [absence]
        assert [lapse["absences"] for lapse in found["mass_lapses"]] == [[absence]]
        assert found["emptied"] == [{"dialect": "chap", "at": START + 343, "services": 6}]
        assert codes(found) == ["error mass_lapse", "error dialect_emptied", "warning gateway_away"]
        lapse, emptied, away = (finding["summary"] for finding in found["findings"])
        assert "; before that no gateway was running for 312 s; 0 of them are live again" in lapse
        assert emptied == (
            "chap has no live service: it had 6 within the last day, and the last one ended at 2027-01-15 08:05:43 UTC"
        )
        assert away == ("No gateway was running for 312 s from 2027-01-15 08:00:00 UTC on; leases were extended by it")


async def test_a_database_that_could_not_be_written(
    start_gateway: GatewayFactory, database_url: str, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with start_gateway(database_url) as client:
        registry = core_of(client).registry
        await registry.resume()
        store = registry._store

        async def refuse(*_work: object) -> None:
            raise StoreUnavailable("the disk is full")

        with monkeypatch.context() as broken:
            broken.setattr(store, "write", refuse)
            with pytest.raises(StoreUnavailable):
                await registry.resume()
        clock.advance(20)
        assert (await overview(client))["absences"] == [{"since": START, "until": None, "cause": None}]
        await registry.resume()
        clock.advance(MINUTE)
        await registry.resume()
        found = await overview(client)
        assert [(a["cause"], a["until"]) for a in found["absences"]] == [
            ("gateway", START + 80),
            ("database", START + 20),
        ]
        [event, _] = await registry.events(dialect="", key="")
        assert event.reason == "the database could not be written for 20.0 s: 0 live lease(s) extended"
        assert codes(found) == ["warning gateway_away", "warning database_away"]


async def test_a_protected_overview_needs_a_token(start_gateway: GatewayFactory, sqlite_url: str) -> None:
    async with start_gateway(sqlite_url, {"REGISTRY_GATEWAY_PROTECT_CATALOG": "true"}) as client:
        problem(await client.get(OVERVIEW), 401)
