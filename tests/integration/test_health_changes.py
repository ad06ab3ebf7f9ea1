"""A change of what a service says of its health, where changes are shown."""

import httpx
import pytest

from tests.conftest import START, ManualClock, core_of
from tests.integration import chap_service
from tests.integration.catalogue_reader import SERVICES, listed
from tests.integration.scaicontrol_account import service
from tests.integration.watcher import watching

pytestmark = pytest.mark.anyio


async def test_it_is_in_watch_list_history_and_statistics_and_ends_no_lease(
    client: httpx.AsyncClient, remote: httpx.AsyncClient, clock: ManualClock
) -> None:
    flow = await service(client)
    await flow.register("scaiflow", version="1.0")
    async with watching(remote) as watcher:
        await watcher.snapshot()
        clock.advance(20)
        await flow.heartbeat("scaiflow", status="degraded")
        change = await watcher.change()
        assert change["event"]["kind"] == "health_changed"
        assert change["event"]["detail"] == {"old_health": None, "new_health": "degraded"}
        assert (change["service"]["status"], change["service"]["reported"]) == ("degraded", "degraded")
    clock.advance(20)
    await flow.heartbeat("scaiflow", status="healthy")
    told = (await client.get(f"{SERVICES}/scaicontrol/scaiflow/events")).json()["events"]
    assert [event["kind"] for event in told] == ["health_changed", "health_changed", "registered"]
    assert (await client.get("/catalog/v1/stats")).json()["events_last_hour"] == {"health_changed": 2, "registered": 1}
    for seconds in (0, 10, 30, 40):
        past = (await listed(client, at=chap_service.iso(START + seconds)))["services"]
        assert [(s["key"], s["version"], s["since"]) for s in past] == [("scaiflow", "1.0", START)]
    await core_of(client).registry.purge(events_before=START + 30)  # the beginning of the log is a change of health
    [past] = (await listed(client, at=chap_service.iso(START + 30)))["services"]
    assert (past["key"], past["version"]) == ("scaiflow", "1.0")


async def test_it_is_described_and_counted(client: httpx.AsyncClient) -> None:
    assert "health_changed" in (await client.get("/openapi.json")).text
    assert 'kind="health_changed"' in (await client.get("/metrics")).text
