"""Lists of services: filters, order, pages, members, and what a status is in each dialect."""

import httpx
import pytest

from registry_gateway.core.commands import Approve
from registry_gateway.core.model import Actor
from tests.conftest import START, GatewayFactory, ManualClock, core_of
from tests.integration import chap_service, runspec_agent
from tests.integration.catalogue_reader import SERVICES, keys, listed
from tests.integration.scaicontrol_account import Service, service

pytestmark = pytest.mark.anyio


async def fill(client: httpx.AsyncClient) -> Service:
    """Two services of each dialect; the account of those of ScaiControl."""
    await chap_service.register(client, id="malaria", display_name="Malaria model", version="2.0.0")
    await chap_service.register(client, id="dengue", display_name="Dengue model")
    await runspec_agent.register(client, "web/1", host="web-1.example.org")
    await runspec_agent.register(client, "web/10", host="web-10.example.org", name="100%_portal")
    await runspec_agent.post_tools(client, "web/1", runspec_agent.ROTATE, runspec_agent.RESTART)
    await runspec_agent.post_tools(client, "web/10", runspec_agent.RESTART)
    billing = await service(client)
    await billing.register(
        "scaiflow", base_url="https://flow.example.org:8443/api", capabilities=["flows", {"name": "x"}]
    )
    await billing.register("invoices", base_url="https://invoices.example.org", capabilities={"flows": {}})
    return billing


ALL = ["dengue", "malaria", "web/1", "web/10", "invoices", "scaiflow"]


async def test_services_of_all_dialects_in_one_list(start_gateway: GatewayFactory, database_url: str) -> None:
    async with start_gateway(database_url) as client:
        assert await listed(client) == {"total": 0, "next": None, "services": []}
        await fill(client)
        page = await listed(client)
        assert [s["key"] for s in page["services"]] == ALL
        assert (page["total"], page["next"]) == (6, None)
        assert page["services"][2] == {
            "dialect": "runspec",
            "key": "web/1",
            "name": "portal",
            "version": "1.0",
            "address": "web-1.example.org",
            "status": "up",
            "health": "healthy",
            "reported": None,
            "registered_at": START,
            "updated_at": START,
            "last_seen": START,
            "expires_at": START + 90,
            "ttl": 90,
            "tools": ["rotate", "restart"],
            "ended": None,
        }


FILTERS: list[tuple[dict[str, str], list[str]]] = [
    ({"dialect": "chap"}, ["dengue", "malaria"]),
    ({"dialect": "chap,scaicontrol"}, ["dengue", "malaria", "invoices", "scaiflow"]),
    ({"dialect": "Chap"}, []),
    ({"status": "up"}, ["dengue", "malaria", "web/1", "web/10", "scaiflow"]),
    ({"status": "pending"}, ["invoices"]),
    ({"status": "down,pending"}, ["invoices"]),
    ({"name": "portal"}, ["web/1"]),
    ({"name": "Portal"}, []),
    ({"version": "2.0.0"}, ["malaria"]),
    ({"host": "my-model"}, ["dengue", "malaria"]),
    ({"host": "web-1.example.org"}, ["web/1"]),
    ({"host": "FLOW.example.org"}, ["scaiflow"]),
    ({"host": "example.org"}, []),
    ({"host": "%"}, []),
    ({"host": "_eb-1.example.org"}, []),
    ({"tool": "restart"}, ["web/1", "web/10"]),
    ({"tool": "rotate"}, ["web/1"]),
    ({"tool": "rot"}, []),
    ({"tool": "flows"}, ["invoices", "scaiflow"]),
    ({"tool": "x"}, ["scaiflow"]),
    ({"q": "MODEL"}, ["dengue", "malaria"]),
    ({"q": "web/"}, ["web/1", "web/10"]),
    ({"q": "%_"}, ["web/10"]),
    ({"q": "example.org"}, ["web/1", "web/10", "invoices", "scaiflow"]),
    ({"q": ""}, ALL),
    ({"q": "ROTAT"}, ["web/1"]),
    ({"q": "restart\nrotate"}, []),
    ({"q": "model", "dialect": "chap", "version": "1.0.0"}, ["dengue"]),
    ({"match": "contains"}, ALL),
    ({"match": "contains", "name": "PORT"}, ["web/1", "web/10"]),
    ({"match": "contains", "name": "%_"}, ["web/10"]),
    ({"match": "contains", "version": "2.0"}, ["malaria"]),
    ({"match": "contains", "host": "-1"}, ["web/1", "web/10"]),
    ({"match": "contains", "host": "Flow.example"}, ["scaiflow"]),
    ({"match": "contains", "tool": "ROT"}, ["web/1"]),
    ({"match": "contains", "tool": "t"}, ["web/1", "web/10"]),
    ({"match": "contains", "tool": "restart\nrotate"}, []),
    ({"match": "exact", "tool": "rot"}, []),
]


async def test_filters_add_up(start_gateway: GatewayFactory, database_url: str, subtests: pytest.Subtests) -> None:
    async with start_gateway(database_url) as client:
        await fill(client)
        for query, expected in FILTERS:
            with subtests.test(str(query)):
                page = await listed(client, **query)
                assert [s["key"] for s in page["services"]] == expected
                assert page["total"] == len(expected)
                assert len(await keys(client, **query, limit=1)) == min(1, len(expected))


async def test_tools_are_what_was_advertised_last(start_gateway: GatewayFactory, database_url: str) -> None:
    async with start_gateway(database_url) as client:
        await runspec_agent.register(client, "a1")
        long = {**runspec_agent.RESTART, "name": "x" * 1024}
        await runspec_agent.post_tools(client, "a1", runspec_agent.ROTATE, runspec_agent.ROTATE, long)
        assert await keys(client, tool="rotate") == ["a1"]
        await runspec_agent.post_tools(client, "a1", runspec_agent.RESTART)
        assert (await keys(client, tool="rotate"), await keys(client, tool="restart")) == ([], ["a1"])
        await runspec_agent.register(client, "a1")  # begins without any
        assert await keys(client, tool="restart") == []


async def test_a_page_goes_on_where_the_last_one_ended_whatever_comes_and_goes(
    start_gateway: GatewayFactory, database_url: str
) -> None:
    async with start_gateway(database_url) as client:
        for number in range(0, 20, 2):
            await runspec_agent.register(client, f"a{number:02}")
        for sort, first, then in (
            ("key", ["a00", "a02", "a04"], ["a06", "a07", "a08"]),
            ("-key", ["a18", "a16", "a14"], ["a12", "a10", "a08"]),
        ):
            page = await listed(client, sort=sort, limit=3)
            assert ([s["key"] for s in page["services"]], page["total"]) == (first, 10)
            await runspec_agent.register(client, "a01")  # behind the reader, in either direction or not at all
            await runspec_agent.register(client, "a17")
            await runspec_agent.register(client, "a07")
            await client.delete(f"/instances/{first[-1]}")  # the row the cursor stands on
            following = await listed(client, sort=sort, limit=3, cursor=page["next"])
            assert [s["key"] for s in following["services"]] == then, sort
            for key in ("a01", "a17", "a07"):
                await client.delete(f"/instances/{key}")
            await runspec_agent.register(client, first[-1])


@pytest.mark.parametrize(
    "sort", ["name", "-name", "registered_at", "-last_seen", "status", "-status", "urgency", "-urgency"]
)
async def test_walking_all_pages_finds_everybody_once(
    start_gateway: GatewayFactory, database_url: str, clock: ManualClock, sort: str
) -> None:
    async with start_gateway(database_url) as client:
        for number in range(7):
            await runspec_agent.register(client, f"a{number}", name=f"n{number % 3}")
            clock.advance(1)
        found: list[str] = []
        cursor: dict[str, str] = {}
        while True:
            page = await listed(client, sort=sort, limit=2, **cursor)
            found += [s["key"] for s in page["services"]]
            if page["next"] is None:
                break
            cursor = {"cursor": page["next"]}
        names = sorted(found, key=lambda key: (f"n{int(key[1]) % 3}", key))
        by_key = sorted(found)
        assert len(set(found)) == 7
        expected = {
            "name": names,
            "-name": names[::-1],
            "registered_at": by_key,
            "-last_seen": by_key[::-1],
            "status": by_key,
            "-status": by_key[::-1],
            "urgency": by_key,
            "-urgency": by_key[::-1],
        }
        assert found == expected[sort]


async def test_members_are_picked(start_gateway: GatewayFactory, database_url: str) -> None:
    async with start_gateway(database_url) as client:
        await fill(client)
        page = await listed(client, fields="status,key", dialect="chap")
        assert page["services"] == [{"key": "dengue", "status": "up"}, {"key": "malaria", "status": "up"}]
        assert (await listed(client, fields="tools", dialect="runspec"))["services"] == [
            {"tools": ["rotate", "restart"]},
            {"tools": ["restart"]},
        ]


async def test_what_has_not_changed_is_not_sent_again(start_gateway: GatewayFactory, database_url: str) -> None:
    async with start_gateway(database_url) as client:
        await fill(client)
        for path in (SERVICES, f"{SERVICES}/runspec/web/1", f"{SERVICES}/runspec/web/1/events", "/catalog/v1/stats"):
            etag = (await client.get(path)).headers["etag"]
            again = await client.get(path, headers={"If-None-Match": f'"other", W/{etag}'})
            assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", etag)
        assert (await client.delete("/instances/web/10")).status_code == 200
        assert (await client.get(SERVICES, headers={"If-None-Match": etag})).status_code == 200


async def test_the_status_of_services_of_each_dialect(
    start_gateway: GatewayFactory, database_url: str, clock: ManualClock
) -> None:
    async with start_gateway(database_url) as client:
        billing = await service(client)
        await chap_service.register(client)
        await runspec_agent.register(client)
        await billing.register("scaiflow")
        await billing.register("invoices")

        async def statuses() -> dict[str, str]:
            everything = "pending,up,degraded,down,gone"
            return {s["key"]: s["status"] for s in (await listed(client, status=everything))["services"]}

        assert await statuses() == {"my-model": "up", "a1": "up", "invoices": "pending", "scaiflow": "up"}
        await core_of(client).registry.approve(Approve("scaicontrol", "invoices", Actor("admin")))
        await billing.heartbeat("invoices", status="unhealthy")
        assert (await statuses())["invoices"] == "degraded"
        await billing.heartbeat("invoices", status="healthy")
        assert (await statuses())["invoices"] == "up"

        timeline = {
            30: {"my-model": "down", "a1": "up", "invoices": "up", "scaiflow": "up"},
            90: {"my-model": "down", "a1": "down", "invoices": "degraded", "scaiflow": "degraded"},
            630: {"my-model": "down", "a1": "down", "invoices": "down", "scaiflow": "down"},
        }
        for seconds, expected in timeline.items():
            clock.time = START + seconds
            assert await statuses() == expected
            assert set(await keys(client)) == {key for key, status in expected.items() if status != "gone"}
        await core_of(client).registry.expire()  # what was a matter of time is written down, and nothing changes
        assert await statuses() == expected
        await client.delete("/instances/a1")
        assert (await statuses())["a1"] == "gone"
        assert await keys(client, status="gone") == ["a1"]


async def test_urgency_puts_first_what_needs_attention(
    start_gateway: GatewayFactory, database_url: str, clock: ManualClock
) -> None:
    async with start_gateway(database_url) as client:
        await chap_service.register(client)
        clock.advance(60)
        billing = await fill(client)
        await billing.heartbeat("scaiflow", status="unhealthy")
        expected = ["my-model", "scaiflow", "invoices", "dengue", "malaria", "web/1", "web/10"]
        assert await keys(client, sort="urgency") == expected
        assert await keys(client, sort="-urgency") == expected[::-1]
        page = await listed(client, sort="urgency", limit=2)
        assert await keys(client, sort="urgency", cursor=page["next"]) == expected[2:]


async def test_statistics_of_what_matches(start_gateway: GatewayFactory, database_url: str) -> None:
    async with start_gateway(database_url) as client:
        await fill(client)
        for query, expected in (
            ({"tool": "restart"}, {"runspec": 2}),
            ({"tool": "start", "match": "contains"}, {"runspec": 2}),
            ({"q": "rotate"}, {"runspec": 1}),
            ({"name": "dengue", "match": "contains"}, {"chap": 1}),
            ({"q": "none of them"}, {}),
        ):
            stats = (await client.get("/catalog/v1/stats", params=query)).json()
            assert {dialect: n for dialect, of in stats["by_dialect"].items() if (n := sum(of.values()))} == expected
            assert stats["services"] == sum(expected.values())
            assert stats["events_last_hour"]["registered"] == 6
        refused = await client.get("/catalog/v1/stats?status=up")
        assert (refused.status_code, refused.json()["parameter"]) == (400, "status")


async def test_statistics_of_the_registry(start_gateway: GatewayFactory, database_url: str, clock: ManualClock) -> None:
    async with start_gateway(database_url) as client:
        none = {"pending": 0, "up": 0, "degraded": 0, "down": 0, "gone": 0}
        empty = (await client.get("/catalog/v1/stats")).json()
        assert empty == {
            "services": 0,
            "by_status": none,
            "by_dialect": {"chap": none, "runspec": none, "scaicontrol": none},
            "events_last_hour": {},
            "oldest_heartbeat": None,
            "newest_heartbeat": None,
        }
        await runspec_agent.register(client, "old")
        clock.advance(3600)
        await fill(client)
        await client.delete("/instances/web/1")
        assert (await client.get("/catalog/v1/stats")).json() == {
            "services": 6,
            "by_status": {**none, "pending": 1, "up": 4, "down": 1, "gone": 1},
            "by_dialect": {
                "chap": {**none, "up": 2},
                "runspec": {**none, "up": 1, "down": 1, "gone": 1},
                "scaicontrol": {**none, "up": 1, "pending": 1},
            },
            "events_last_hour": {"registered": 6, "updated": 2, "deregistered": 1},
            "oldest_heartbeat": START,
            "newest_heartbeat": START + 3600,
        }


async def test_findings_are_listed_if_they_are_asked_for(
    start_gateway: GatewayFactory, database_url: str, clock: ManualClock
) -> None:
    async with start_gateway(database_url, chap_service.REFUSE_LATE) as client:
        registry = core_of(client).registry
        await registry.resume()
        await runspec_agent.register(client, "loopback", host="localhost")
        await runspec_agent.register(client, "well", host="web-1.example.org")
        for _ in range(4):
            await runspec_agent.register(client, "flapping", host="web-2.example.org")
            for _ in range(100):
                clock.advance(1)
                await registry.resume()
            await registry.expire()
        await runspec_agent.register(client, "left", host="localhost")
        await client.delete("/instances/left")
        page = await listed(client, fields="key,status,findings", status="up,down,gone", sort="key")
        found = {s["key"]: [finding["code"] for finding in s["findings"]] for s in page["services"]}
        assert found == {"flapping": ["no_heartbeats"], "left": [], "loopback": ["loopback_address"], "well": []}
        for service_ in page["services"]:
            alone = (await client.get(f"{SERVICES}/runspec/{service_['key']}")).json()
            assert alone["findings"] == service_["findings"]
        assert "findings" not in (await listed(client))["services"][0]
        answer = await client.get(SERVICES, params={"fields": "findings", "limit": "201"})
        assert (answer.status_code, answer.json()["parameter"]) == (400, "limit")
