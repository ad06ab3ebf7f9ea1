"""Services as targets of Prometheus."""

from pathlib import Path
from typing import get_args

import pytest

from registry_gateway.core.status import Status
from registry_gateway.endpoints.prometheus.discovery import PAGE, AskedStatus
from tests.conftest import GatewayFactory, ManualClock
from tests.integration import chap_service, runspec_agent, scaicontrol_account
from tests.integration.catalogue_reader import problem
from tests.integration.prometheus_reader import TARGETS, discovered, labels

pytestmark = pytest.mark.anyio


async def test_a_service_is_a_target_with_labels(start_gateway: GatewayFactory, database_url: str) -> None:
    async with start_gateway(database_url) as client:
        assert await discovered(client) == []
        await chap_service.register(client, version="2.1")
        await runspec_agent.register(client, "web/01", host="web-01")
        model, agent = await discovered(client)
        assert model["targets"] == ["my-model:8080"]
        assert labels(model) == {
            "dialect": "chap",
            "key": "my-model",
            "name": "My model",
            "version": "2.1",
            "status": "up",
            "address": "http://my-model:8080",
            "scheme": "http",
            "host": "my-model",
            "port": "8080",
            "path": "",
        }
        assert model["labels"]["__scheme__"] == "http"
        assert agent["targets"] == ["web-01"]
        assert labels(agent)["key"] == "web/01"
        assert labels(agent)["port"] == ""
        assert "__scheme__" not in agent["labels"]


async def test_only_what_is_alive_is_a_target_unless_others_are_asked_for(
    start_gateway: GatewayFactory, sqlite_url: str, clock: ManualClock
) -> None:
    async with start_gateway(sqlite_url) as client:
        await runspec_agent.register(client, "a1")
        billing = await scaicontrol_account.service(client)
        await billing.register("invoices", base_url="https://invoices.example.org/api")
        assert [labels(g)["key"] for g in await discovered(client)] == ["a1"]  # the other one is not approved
        (waiting,) = await discovered(client, status="pending")
        assert waiting["targets"] == ["invoices.example.org:443"]
        assert labels(waiting)["path"] == "/api"
        clock.advance(runspec_agent.TTL)
        assert await discovered(client) == []
        assert [labels(g)["status"] for g in await discovered(client, status="up,down")] == ["down"]


async def test_what_is_down_remains_a_target_if_all_are_asked_for(
    start_gateway: GatewayFactory, sqlite_url: str, clock: ManualClock
) -> None:
    async with start_gateway(sqlite_url) as client:
        await chap_service.register(client)
        await runspec_agent.register(client, "a1")
        await runspec_agent.register(client, "a2")
        billing = await scaicontrol_account.service(client)
        await billing.register("invoices", base_url="https://invoices.example.org/api")
        await client.delete("/instances/a2")
        clock.advance(chap_service.TTL)
        found = {labels(g)["key"]: labels(g)["status"] for g in await discovered(client, status="all")}
        assert found == {"my-model": "down", "a1": "up", "invoices": "pending"}
        with_gone = await discovered(client, status="gone,all", dialect="runspec")
        assert [labels(g)["key"] for g in with_gone] == ["a1", "a2"]
        assert "all" in problem(await client.get(f"{TARGETS}?status=every"), 400)["detail"]
        problem(await client.get("/catalog/v1/services?status=all"), 400)


def test_the_words_of_the_filter_are_those_of_the_status() -> None:
    assert set(get_args(AskedStatus)) == {*Status, "all"}


async def test_services_without_an_address_to_connect_to_are_left_out(
    start_gateway: GatewayFactory, sqlite_url: str
) -> None:
    async with start_gateway(sqlite_url, {"REGISTRY_GATEWAY_SCAICONTROL_INTERNAL_SERVICES": "invoices"}) as client:
        await (await scaicontrol_account.service(client)).register("invoices")
        await runspec_agent.register(client, "odd", host="not a host")
        await runspec_agent.register(client, "good", host="192.0.2.9")
        assert [g["targets"] for g in await discovered(client)] == [["192.0.2.9"]]


async def test_the_filters_are_those_of_the_catalogue(start_gateway: GatewayFactory, sqlite_url: str) -> None:
    async with start_gateway(sqlite_url) as client:
        await chap_service.register(client)
        await runspec_agent.register(client, "a1", host="web-01")
        await runspec_agent.register(client, "a2", name="other", version="2.0", host="web-02")
        await runspec_agent.post_tools(client, "a2", runspec_agent.ROTATE)
        for query, expected in [
            ({"dialect": "runspec"}, ["a1", "a2"]),
            ({"dialect": "chap,runspec"}, ["my-model", "a1", "a2"]),
            ({"name": "other"}, ["a2"]),
            ({"version": "2.0"}, ["a2"]),
            ({"host": "web-01"}, ["a1"]),
            ({"tool": "rotate"}, ["a2"]),
            ({"q": "MODEL"}, ["my-model"]),
            ({"dialect": "runspec", "q": "model"}, []),
        ]:
            assert [labels(g)["key"] for g in await discovered(client, **query)] == expected, query


async def test_a_list_is_whole_however_long(start_gateway: GatewayFactory, database_url: str) -> None:
    keys = sorted(f"a-{number}" for number in range(PAGE + 1))
    async with start_gateway(database_url) as client:
        for key in keys:
            await runspec_agent.register(client, key)
        assert [labels(g)["key"] for g in await discovered(client)] == keys


@pytest.mark.parametrize(
    ("query", "parameter"),
    [("limit=1", "limit"), ("cursor=x", "cursor"), ("at=0", "at"), ("status=alive", "status"), ("dialect=", "dialect")],
)
async def test_what_is_invalid_is_refused(
    start_gateway: GatewayFactory, sqlite_url: str, query: str, parameter: str
) -> None:
    async with start_gateway(sqlite_url) as client:
        assert problem(await client.get(f"{TARGETS}?{query}"), 400)["parameter"] == parameter


async def test_without_the_database_there_is_an_error_and_no_list(
    start_gateway: GatewayFactory, tmp_path: Path
) -> None:
    async with start_gateway(f"postgresql://postgres@/registry?host={tmp_path}") as client:
        answer = await client.get(TARGETS)
        problem(answer, 503)
        assert answer.headers["retry-after"] == "1"


async def test_who_has_the_list_is_sent_nothing(start_gateway: GatewayFactory, sqlite_url: str) -> None:
    async with start_gateway(sqlite_url) as client:
        await chap_service.register(client)
        first = await client.get(TARGETS)
        await chap_service.ping(client)
        again = await client.get(TARGETS, headers={"If-None-Match": first.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        await chap_service.register(client, version="3")
        assert (await client.get(TARGETS, headers={"If-None-Match": first.headers["etag"]})).status_code == 200
