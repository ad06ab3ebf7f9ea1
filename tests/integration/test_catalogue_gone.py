"""Services that are gone, over HTTP: the list, the statistics and the watch."""

from typing import Any

import httpx
import pytest

from tests.conftest import START, GatewayFactory, ManualClock, core_of
from tests.integration import chap_service, runspec_agent
from tests.integration.catalogue_reader import SERVICES, keys, listed, problem, shown
from tests.integration.scaicontrol_account import service
from tests.integration.watcher import watching

pytestmark = pytest.mark.anyio


async def go(client: httpx.AsyncClient, clock: ManualClock) -> None:
    """One service of each dialect goes, ten seconds apart: a model by its lapse, two deregister."""
    await chap_service.register(client, id="malaria", display_name="Malaria model", version="2.0.0")
    billing = await service(client)
    await billing.register("scaiflow", base_url="https://flow.example.org", capabilities=["flows"])
    await runspec_agent.register(client, "web/1")
    await runspec_agent.post_tools(client, "web/1", runspec_agent.ROTATE)
    clock.advance(31)
    await core_of(client).registry.expire()
    clock.advance(10)
    await client.delete("/instances/web%2F1")
    clock.advance(10)
    await billing.deregister("scaiflow", reason="moved house")


async def test_all_dialects_are_in_the_list_last_ended_first(
    start_gateway: GatewayFactory, database_url: str, clock: ManualClock
) -> None:
    async with start_gateway(database_url, chap_service.REFUSE_LATE) as client:
        await go(client, clock)
        page = await listed(client, status="gone")
        assert page["total"] == 3
        assert [(s["key"], s["ended"]["kind"], s["ended"]["at"], s["ended"]["actor"]) for s in page["services"]] == [
            ("scaiflow", "deregistered", START + 51, "account:billing"),
            ("web/1", "deregistered", START + 41, "anonymous"),
            ("malaria", "expired", START + 31, "gateway"),
        ]
        assert [s["ended"]["reason"] for s in page["services"]] == [
            "moved house",
            None,
            "no heartbeat for 31.0 s (lease: 30 s)",
        ]
        assert [s["tools"] for s in page["services"]] == [["flows"], ["rotate"], []]
        assert {s["status"] for s in page["services"]} == {"gone"}
        malaria = page["services"][2]
        assert (malaria["name"], malaria["version"], malaria["address"]) == ("Malaria model", "2.0.0", chap_service.URL)
        assert (malaria["last_seen"], malaria["expires_at"], malaria["ttl"]) == (START, START + 30, 30)
        assert await keys(client) == []
        assert (await client.get("/catalog/v1/stats")).json()["by_status"]["gone"] == 3
        for dialect, key in (("scaicontrol", "scaiflow"), ("runspec", "web/1"), ("chap", "malaria")):
            was = await shown(client, dialect, key)
            assert (was["status"], was["lease"]["alive"], was["owner"]) == ("gone", False, None)
            assert was["document"] is not None


FILTERS: list[tuple[dict[str, str], list[str]]] = [
    ({"status": "gone", "dialect": "chap"}, ["malaria"]),
    ({"status": "gone", "tool": "flows"}, ["scaiflow"]),
    ({"status": "gone", "tool": "rotate"}, ["web/1"]),
    ({"status": "gone", "host": "flow.example.org"}, ["scaiflow"]),
    ({"status": "gone", "q": "MALARIA"}, ["malaria"]),
    ({"status": "gone", "name": "Malaria model", "version": "2.0.0"}, ["malaria"]),
    ({"status": "gone", "sort": "ended_at"}, ["malaria", "web/1", "scaiflow"]),
    ({"status": "gone", "sort": "key"}, ["malaria", "web/1", "scaiflow"]),
    ({"status": "gone", "sort": "-name"}, ["web/1", "scaiflow", "malaria"]),
    ({"status": "gone", "sort": "last_seen"}, ["malaria", "web/1", "scaiflow"]),
    ({"status": "gone,up"}, ["malaria", "web/1", "web/2", "scaiflow"]),
    ({"status": "up"}, ["web/2"]),
]


async def test_filters_and_orders(
    start_gateway: GatewayFactory, database_url: str, clock: ManualClock, subtests: pytest.Subtests
) -> None:
    async with start_gateway(database_url, chap_service.REFUSE_LATE) as client:
        await go(client, clock)
        await runspec_agent.register(client, "web/2")
        for query, expected in FILTERS:
            with subtests.test(str(query)):
                page = await listed(client, **query)
                assert [s["key"] for s in page["services"]] == expected
                assert page["total"] == len(expected)
                if query.get("sort", "key") != "-name":
                    continued = await listed(client, **query, limit=1)
                    found = [s["key"] for s in continued["services"]]
                    while continued["next"] is not None:
                        continued = await listed(client, **query, limit=1, cursor=continued["next"])
                        found += [s["key"] for s in continued["services"]]
                    assert found == expected


async def test_one_that_registers_again_is_not_gone(
    start_gateway: GatewayFactory, database_url: str, clock: ManualClock
) -> None:
    async with start_gateway(database_url, chap_service.REFUSE_LATE) as client:
        await go(client, clock)
        await chap_service.register(client, id="malaria")
        assert await keys(client, status="gone", dialect="chap") == []
        assert await keys(client) == ["malaria"]
        assert (await client.get("/catalog/v1/stats")).json()["by_dialect"]["chap"]["gone"] == 0


async def test_a_lapsed_model_is_down_first_and_then_gone_with_its_document(
    start_gateway: GatewayFactory, database_url: str, clock: ManualClock
) -> None:
    async with start_gateway(database_url) as client:
        registry = core_of(client).registry
        await chap_service.register(client, id="malaria", display_name="Malaria model")
        clock.advance(31)
        await registry.expire()
        assert (await keys(client, status="down"), await keys(client, status="gone")) == (["malaria"], [])
        clock.advance(86_400)
        assert await keys(client, status="gone") == ["malaria"]  # before the purge
        await registry.purge()
        [gone] = (await listed(client, status="gone"))["services"]
        assert (gone["ended"]["kind"], gone["ended"]["at"]) == ("expired", START + 31)
        assert (await shown(client, "chap", "malaria"))["document"]["info"]["display_name"] == "Malaria model"


async def test_the_order_by_end_is_for_services_that_are_gone(start_gateway: GatewayFactory, sqlite_url: str) -> None:
    async with start_gateway(sqlite_url) as client:
        for query in ("sort=ended_at", "sort=-ended_at&status=gone,up", f"at={START}&sort=ended_at"):
            assert problem(await client.get(f"{SERVICES}?{query}"), 400)["parameter"] == "sort"


async def test_a_watch_of_what_is_gone_gets_what_ends(client: httpx.AsyncClient, remote: httpx.AsyncClient) -> None:
    await chap_service.register(client, id="first")
    await client.delete("/v2/services/first")
    async with watching(remote, status="gone") as gone, watching(remote) as present:
        [was] = await gone.snapshot()
        assert (was["key"], was["status"], was["ended"]["kind"]) == ("first", "gone", "deregistered")
        assert await present.snapshot() == []
        await chap_service.register(client, id="second")
        await client.delete("/v2/services/second")
        told: list[Any] = [(await gone.change())["service"] for _ in range(2)]
        assert (told[1]["key"], told[1]["status"]) == ("second", "gone")
        assert [(await present.change())["service"] for _ in range(2)][1] is None


async def test_parts_tools_and_statistics_count_what_is_gone(start_gateway: GatewayFactory, database_url: str) -> None:
    async with start_gateway(database_url) as client:
        for name in ("malaria", "dengue"):
            await chap_service.register(client, id=name, display_name=f"{name} model")
        await client.delete("/v2/services/malaria")
        assert await keys(client, status="gone", name="MALAR", match="contains") == ["malaria"]
        assert await keys(client, status="gone", q="alaria") == ["malaria"]
        assert await keys(client, status="up,gone", sort="urgency") == ["dengue", "malaria"]
        billing = await service(client)
        await billing.register("scaiflow", capabilities=["flows"])
        await billing.deregister("scaiflow")
        for query in ({"q": "FLOWS"}, {"tool": "flow", "match": "contains"}, {"tool": "flows"}):
            assert await keys(client, status="gone", **query) == ["scaiflow"]
            stats = (await client.get("/catalog/v1/stats", params=query)).json()
            assert (stats["services"], stats["by_status"]["gone"], stats["by_dialect"]["scaicontrol"]["gone"]) == (
                0,
                1,
                1,
            )
