"""What was alive at an instant, by the log of events."""

from datetime import UTC, datetime

import pytest

from registry_gateway.registry.registry import Registry
from tests.conftest import DAY, START, GatewayFactory, ManualClock, core_of
from tests.integration import chap_service, runspec_agent
from tests.integration.catalogue_reader import SERVICES, keys, listed, problem
from tests.integration.scaicontrol_account import service

pytestmark = pytest.mark.anyio


async def test_a_history_can_be_asked_for_any_instant(
    start_gateway: GatewayFactory, database_url: str, clock: ManualClock
) -> None:
    async with start_gateway(database_url) as client:
        registry = core_of(client).registry
        await runspec_agent.register(client, "a1", host="web-01")  # 0
        clock.time = START + 10
        await chap_service.register(client, version="1.0.0")  # dies at 40 and is swept at 60
        clock.time = START + 60
        await registry.expire()
        clock.time = START + 80
        await runspec_agent.beat(client, "a1")  # until 170
        clock.time = START + 100
        await chap_service.register(client, version="2.0.0", display_name="Reborn")  # dies at 130
        clock.time = START + 200
        await registry.expire()
        clock.time = START + 300
        await runspec_agent.register(client, "a1", host="web-02", version="1.1")  # revived, elsewhere
        clock.time = START + 310
        await client.delete("/instances/a1")
        clock.time = START + 400

        timeline: dict[float, dict[str, tuple[str, str, str, float]]] = {
            -1: {},
            0: {"a1": ("portal", "1.0", "web-01", 0)},
            10: {"my-model": ("My model", "1.0.0", chap_service.URL, 10), "a1": ("portal", "1.0", "web-01", 0)},
            39.9: {"my-model": ("My model", "1.0.0", chap_service.URL, 10), "a1": ("portal", "1.0", "web-01", 0)},
            40: {"a1": ("portal", "1.0", "web-01", 0)},  # at its deadline, not when it was swept
            110: {"my-model": ("Reborn", "2.0.0", chap_service.URL, 100), "a1": ("portal", "1.0", "web-01", 0)},
            169.9: {"a1": ("portal", "1.0", "web-01", 0)},
            170: {},
            299: {},
            305: {"a1": ("portal", "1.1", "web-02", 300)},
            310: {},
            400: {},
        }
        for seconds, expected in timeline.items():
            page = await listed(client, at=START + seconds)
            found = {s["key"]: (s["name"], s["version"], s["address"], s["since"] - START) for s in page["services"]}
            assert (found, page["total"]) == (expected, len(expected)), seconds
        written = datetime.fromtimestamp(START + 305, UTC).isoformat().replace("+00:00", "Z")
        assert await keys(client, at=written) == ["a1"]


async def test_the_present_is_the_end_of_the_past(
    start_gateway: GatewayFactory, database_url: str, clock: ManualClock
) -> None:
    async with start_gateway(database_url) as client:
        await chap_service.register(client)
        await runspec_agent.register(client)
        clock.advance(31)  # one has lapsed, and no gateway has written it down
        assert await keys(client, at=clock.time) == ["a1"]
        assert await keys(client, at=clock.time - 2) == ["my-model", "a1"]


async def test_services_older_than_the_log(
    start_gateway: GatewayFactory, database_url: str, clock: ManualClock
) -> None:
    async with start_gateway(database_url) as client:
        registry: Registry = core_of(client).registry
        billing = await service(client)
        for slug in ("scaiflow", "scaigrid", "scaisend", "scaidns"):
            await billing.register(slug, base_url=f"https://{slug}", heartbeat_interval_seconds=86_400)
        for _ in range(20):
            clock.advance(2 * DAY)
            await registry.expire()  # scaidns is silent
            for slug in ("scaiflow", "scaigrid", "scaisend"):
                await billing.heartbeat(slug)
        await registry.purge(clock.time)  # the log forgets everything
        instant = clock.time
        clock.advance(10)
        await billing.update("scaigrid", version="3.0.0", base_url="https://new")  # the next thing in the log
        await billing.deregister("scaisend")
        clock.advance(10)
        page = await listed(client, at=instant)
        found = {s["key"]: (s["version"], s["address"], s["since"]) for s in page["services"]}
        assert set(found) == {"scaiflow", "scaigrid", "scaisend"}
        assert found["scaiflow"] == ("1.0.0", "https://scaiflow", START)
        assert found["scaigrid"][1] == "https://scaigrid"
        assert found["scaisend"] == ("1.0.0", "https://scaisend", None)


async def test_the_past_is_searched_and_paged_too(
    start_gateway: GatewayFactory, database_url: str, clock: ManualClock
) -> None:
    async with start_gateway(database_url) as client:
        for number in range(5):
            await runspec_agent.register(client, f"a{number}", name=f"n{4 - number}", host=f"web-{number}")
        await chap_service.register(client)
        at = clock.time
        clock.advance(1)
        for number in range(5):
            await client.delete(f"/instances/a{number}")
        assert await keys(client, dialect="runspec") == []
        assert await keys(client, at=at, host="web-3") == ["a3"]
        assert await keys(client, at=at, name="n0", version="1.0", dialect="runspec,chap") == ["a4"]
        assert await keys(client, at=at, q="MODEL", dialect="chap") == ["my-model"]
        page = await listed(client, at=at, sort="-name", limit=2, dialect="runspec", fields="key,name")
        assert page["services"] == [{"key": "a0", "name": "n4"}, {"key": "a1", "name": "n3"}]
        assert page["total"] == 5
        assert await keys(client, at=at, sort="-name", limit=2, dialect="runspec", cursor=page["next"]) == ["a2", "a3"]


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ({"status": "up"}, "status"),
        ({"tool": "x"}, "tool"),
        ({"sort": "last_seen"}, "sort"),
        ({"fields": "status"}, "fields"),
    ],
)
async def test_what_the_log_does_not_know_is_refused(
    start_gateway: GatewayFactory, sqlite_url: str, query: dict[str, str], parameter: str
) -> None:
    async with start_gateway(sqlite_url) as client:
        refused = problem(await client.get(SERVICES, params={"at": str(START), **query}), 400)
        assert refused["parameter"] == parameter


async def test_the_log_says_how_far_back_it_goes(start_gateway: GatewayFactory, database_url: str) -> None:
    async with start_gateway(database_url, {"REGISTRY_GATEWAY_RETENTION_DAYS": "2"}) as client:
        at = {"at": str(START - 2 * DAY - 1)}
        gone = problem(await client.get(SERVICES, params=at), 410)
        assert gone["since"] == START - 2 * DAY
        assert "2027-01-13T08:00:00+00:00" in gone["detail"]
        assert await keys(client, at=START - 2 * DAY) == []
        future = problem(await client.get(SERVICES, params={"at": str(START + 1)}), 400)
        assert (future["parameter"], future["detail"]) == ("at", "It is in the future")


async def test_what_is_before_the_events_that_may_be_kept_is_gone(
    start_gateway: GatewayFactory, database_url: str, clock: ManualClock
) -> None:
    async with start_gateway(database_url, {"REGISTRY_GATEWAY_MAX_EVENTS": "3"}) as client:
        for number in range(6):
            await runspec_agent.register(client, f"a{number}")
            clock.advance(10)
        await core_of(client).registry.purge(most_events=10)
        assert await keys(client, at=START + 5) == ["a0"]  # all there ever was is kept
        await core_of(client).registry.purge(most_events=3)
        for second in (5, 29.9):
            gone = problem(await client.get(SERVICES, params={"at": START + second}), 410)
            assert (gone["parameter"], gone["since"]) == ("at", START + 30)
            assert "Events are kept since 2027-01-15T08:00:30+00:00" in gone["detail"]
        assert await keys(client, at=START + 45) == ["a0", "a1", "a2", "a3", "a4"]


async def test_a_page_that_follows_removed_events_is_gone(start_gateway: GatewayFactory, database_url: str) -> None:
    async with start_gateway(database_url) as client:
        for _ in range(8):
            await runspec_agent.register(client, "a1")
        events = f"{SERVICES}/runspec/a1/events"
        page = (await client.get(events, params={"limit": 2, "order": "oldest"})).json()
        newest = (await client.get(events, params={"limit": 2, "order": "newest"})).json()
        await core_of(client).registry.purge(most_events=4)
        following = {"limit": 2, "order": "oldest", "cursor": page["next"]}
        assert problem(await client.get(events, params=following), 410)["parameter"] == "cursor"
        older = await client.get(events, params={"limit": 2, "order": "newest", "cursor": newest["next"]})
        assert len(older.json()["events"]) == 2  # the list ends earlier, which is no gap
