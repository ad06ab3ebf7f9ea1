"""A CHAP service's life on the wire: registration, pings, lapse, departure, and what it is listed with."""

from typing import Any

import pytest

from tests.conftest import START, GatewayFactory, ManualClock, core_of
from tests.integration.chap_service import (
    ML,
    PLAIN,
    REFUSE_LATE,
    REGISTER,
    TTL,
    URL,
    info_of,
    iso,
    payload,
    ping,
    register,
)

pytestmark = pytest.mark.anyio


# --- a service's life


async def test_a_service_registers_pings_is_found_and_leaves(
    start_gateway: GatewayFactory, database_url: str, clock: ManualClock
) -> None:
    async with start_gateway(database_url) as client:
        answer = await client.post(REGISTER, json={"url": URL, "info": ML})
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "application/json"
        assert answer.json() == {
            "id": "my-model",
            "status": "registered",
            "service_url": URL,
            "message": "Service registered successfully",
            "ttl_seconds": 30,
            "ping_url": "http://gateway:8765/v2/services/my-model/$ping",
        }
        assert '"ttl_seconds":30,' in answer.text  # not 30.0

        clock.advance(10)
        pinged = await ping(client)
        assert pinged.status_code == 200
        assert pinged.json() == {
            "id": "my-model",
            "status": "alive",
            "last_ping_at": iso(START + 10),
            "expires_at": iso(START + 10 + TTL),
        }

        found = await client.get("/v2/services/my-model")
        assert found.status_code == 200
        assert found.json() == {
            "id": "my-model",
            "url": URL,
            "info": {
                **ML,
                "allow_free_additional_continuous_covariates": False,
                "required_covariates": [],
                "requires_geo": False,
            },
            "registered_at": iso(START),
            "last_updated": iso(START + 10),
            "last_ping_at": iso(START + 10),
            "expires_at": iso(START + 10 + TTL),
        }
        assert (await client.get("/v2/services")).json() == {"count": 1, "services": [found.json()]}

        left = await client.delete("/v2/services/my-model")
        assert (left.status_code, left.content) == (204, b"")
        assert (await client.get("/v2/services")).json() == {"count": 0, "services": []}
        kinds = [event.kind for event in await core_of(client).registry.events()]
        assert kinds == ["registered", "deregistered"]


async def test_the_ping_url_that_was_handed_out_works(start_gateway: GatewayFactory, sqlite_url: str) -> None:
    async with start_gateway(sqlite_url) as client:
        registered = await register(client)
        assert (await client.put(registered["ping_url"])).status_code == 200


async def test_times_are_iso_8601_with_an_offset(
    start_gateway: GatewayFactory, sqlite_url: str, clock: ManualClock
) -> None:
    clock.advance(0.25)
    async with start_gateway(sqlite_url) as client:
        await register(client)
        service = (await client.get("/v2/services/my-model")).json()
        assert service["registered_at"] == "2027-01-15T08:00:00.250000+00:00"
        assert service["expires_at"] == "2027-01-15T08:00:30.250000+00:00"


async def test_a_registration_counts_as_a_ping(start_gateway: GatewayFactory, database_url: str) -> None:
    async with start_gateway(database_url) as client:
        await register(client)
        service = (await client.get("/v2/services/my-model")).json()
        assert service["last_ping_at"] == service["last_updated"] == iso(START)


async def test_registering_again_wins_and_keeps_the_first_date(
    start_gateway: GatewayFactory, database_url: str, clock: ManualClock
) -> None:
    async with start_gateway(database_url) as client:
        await register(client, version="1.0.0", description="old")
        clock.advance(20)
        answer = await client.post(REGISTER, json={"url": "http://moved:1", "info": {**PLAIN, "version": "1.1.0"}})
        assert answer.json()["message"] == "Service registration updated"
        assert answer.json()["service_url"] == "http://moved:1"
        clock.advance(20)
        assert (await client.get("/v2/services/my-model")).json() == {
            "id": "my-model",
            "url": "http://moved:1",
            "info": {**PLAIN, "version": "1.1.0"},
            "registered_at": iso(START),
            "last_updated": iso(START + 20),
            "last_ping_at": iso(START + 20),
            "expires_at": iso(START + 20 + TTL),
        }


# --- silence


async def test_a_service_is_gone_at_the_instant_of_its_deadline(
    start_gateway: GatewayFactory, database_url: str, clock: ManualClock
) -> None:
    async with start_gateway(database_url) as client:
        await register(client)
        clock.advance(TTL - 0.001)
        assert (await client.get("/v2/services")).json()["count"] == 1
        clock.advance(0.001)
        assert (await client.get("/v2/services")).json() == {"count": 0, "services": []}
        answer = await client.get("/v2/services/my-model")
        assert (answer.status_code, answer.json()) == (404, {"detail": "Service my-model not found"})


async def test_each_ping_starts_a_full_lease(
    start_gateway: GatewayFactory, database_url: str, clock: ManualClock
) -> None:
    async with start_gateway(database_url, REFUSE_LATE) as client:
        await register(client)
        for _ in range(5):
            clock.advance(TTL - 1)
            assert (await ping(client)).status_code == 200
        clock.advance(TTL)
        assert (await ping(client)).status_code == 404


@pytest.mark.parametrize("ended", ["lapsed", "swept", "deregistered", "never there"])
async def test_a_refused_late_ping_is_a_404_and_resurrects_nothing(
    start_gateway: GatewayFactory, database_url: str, clock: ManualClock, ended: str
) -> None:
    async with start_gateway(database_url, REFUSE_LATE) as client:
        if ended != "never there":
            await register(client)
        if ended == "deregistered":
            await client.delete("/v2/services/my-model")
        if ended in {"lapsed", "swept"}:
            clock.advance(TTL)
        if ended == "swept":
            assert await core_of(client).registry.expire() == 1
        for _ in range(2):
            late = await ping(client)
            assert (late.status_code, late.json()) == (404, {"detail": "Service my-model not found"})
        assert (await client.get("/v2/services")).json()["count"] == 0
        gone = await client.delete("/v2/services/my-model")
        assert (gone.status_code, gone.json()) == (404, {"detail": "Service my-model not found"})


@pytest.mark.parametrize("late_ping", ["revive", "refuse"])
@pytest.mark.parametrize("swept", [False, True])
async def test_a_lapsed_service_registers_as_a_new_one(
    start_gateway: GatewayFactory, database_url: str, clock: ManualClock, swept: bool, late_ping: str
) -> None:
    async with start_gateway(database_url, {"REGISTRY_GATEWAY_CHAP_LATE_PING": late_ping}) as client:
        await register(client)
        clock.advance(100)
        if swept:
            await core_of(client).registry.expire()
        assert (await register(client))["message"] == "Service registered successfully"
        assert (await client.get("/v2/services/my-model")).json()["registered_at"] == iso(START + 100)
        kinds = [event.kind for event in await core_of(client).registry.events()]
        assert kinds == ["registered", "expired", "registered"]


async def test_the_configured_ttl(start_gateway: GatewayFactory, sqlite_url: str, clock: ManualClock) -> None:
    async with start_gateway(sqlite_url, REFUSE_LATE | {"REGISTRY_GATEWAY_CHAP_TTL_SECONDS": "2.5"}) as client:
        assert (await register(client))["ttl_seconds"] == 2.5
        clock.advance(2.5)
        assert (await ping(client)).status_code == 404


async def test_a_restart_loses_nothing(start_gateway: GatewayFactory, database_url: str) -> None:
    async with start_gateway(database_url) as client:
        await register(client)
        before = (await client.get("/v2/services")).content
    async with start_gateway(database_url) as client:
        assert (await client.get("/v2/services")).content == before
        assert (await ping(client)).status_code == 200


# --- what comes back


async def test_a_plain_service_gets_no_defaults_of_a_model(start_gateway: GatewayFactory, sqlite_url: str) -> None:
    async with start_gateway(sqlite_url) as client:
        await register(client)
        assert await info_of(client) == {**PLAIN, "version": "1.0.0"}


@pytest.mark.parametrize(
    "member", [{"model_metadata": {}}, {"period_type": "any"}, {"requires_geo": False}, {"required_covariates": []}]
)
async def test_any_member_of_a_model_brings_the_defaults_of_one(
    start_gateway: GatewayFactory, sqlite_url: str, member: dict[str, Any]
) -> None:
    async with start_gateway(sqlite_url) as client:
        await register(client, **member)
        assert await info_of(client) == {
            **PLAIN,
            "version": "1.0.0",
            "min_prediction_periods": 0,
            "max_prediction_periods": 100,
            "allow_free_additional_continuous_covariates": False,
            "required_covariates": [],
            "requires_geo": False,
            **member,
        }


async def test_what_a_newer_client_adds_comes_back_unchanged(start_gateway: GatewayFactory, database_url: str) -> None:
    newer = {
        "git_revision": None,
        "target": "disease_cases",
        "hpo_search_space": {"depth": {"low": 1, "high": 1e2, "big": 123456789012345678901234567890}},
        "schön": ["\u2028", "\U0001f600", "\x00"],
        "model_metadata": {"author": "A", "orcid": "0000-0002"},
    }
    async with start_gateway(database_url) as client:
        answer = await client.post(REGISTER, json={**payload(**newer), "id": "ignored", "later": True})
        assert answer.json()["id"] == "my-model"
        info = await info_of(client)
        assert {name: info[name] for name in newer} == newer


async def test_documented_nulls_are_left_out(start_gateway: GatewayFactory, sqlite_url: str) -> None:
    async with start_gateway(sqlite_url) as client:
        await register(client, description=None, model_metadata={"author": None, "author_note": "n"})
        info = await info_of(client)
        assert "description" not in info
        assert info["model_metadata"] == {"author_note": "n"}
        await register(client, model_metadata=None)
        assert "model_metadata" not in await info_of(client)


async def test_services_are_listed_by_id(start_gateway: GatewayFactory, database_url: str) -> None:
    async with start_gateway(database_url) as client:
        for key in ("zeta", "alpha", "my-model"):
            await register(client, id=key)
        listed = (await client.get("/v2/services")).json()
        assert listed["count"] == 3
        assert [service["id"] for service in listed["services"]] == ["alpha", "my-model", "zeta"]
