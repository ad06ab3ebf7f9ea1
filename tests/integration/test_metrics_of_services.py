"""What /metrics says of the services in the database: each of them on request, and how many lapsed lately."""

import logging

import pytest

from registry_gateway.core.commands import Approve
from registry_gateway.core.model import Actor
from registry_gateway.endpoints.prometheus import services
from registry_gateway.endpoints.prometheus.collector import FRESH
from registry_gateway.endpoints.prometheus.services import WINDOWS
from registry_gateway.store.statements.monitoring import RecentLapses, recent_lapses
from tests.conftest import GatewayFactory, ManualClock, core_of
from tests.integration import chap_service, runspec_agent, scaicontrol_account
from tests.integration.prometheus_reader import Scrape, scrape

pytestmark = pytest.mark.anyio

PER_SERVICE = {"REGISTRY_GATEWAY_METRICS_PER_SERVICE": "true"}
LAPSES, UP, LEFT_OUT = (f"registry_gateway_{name}" for name in ("recent_lapses", "service_up", "services_left_out"))


def each(found: Scrape) -> dict[tuple[str, str], float]:
    """The services with a series, by dialect and key."""
    [family] = [family for family in found.families if family.name == UP]
    return {(sample.labels["dialect"], sample.labels["key"]): sample.value for sample in family.samples}


async def test_each_service_has_a_series_if_it_is_asked_for(
    start_gateway: GatewayFactory, database_url: str, clock: ManualClock
) -> None:
    async with start_gateway(database_url, PER_SERVICE) as client:
        assert each(await scrape(client)) == {}
        await chap_service.register(client)
        await runspec_agent.register(client, "web/01")
        await (await scaicontrol_account.service(client)).register("invoices")  # it waits for its approval
        clock.advance(FRESH)
        found = await scrape(client)
        assert each(found) == {("chap", "my-model"): 1, ("runspec", "web/01"): 1}
        assert found.value(LEFT_OUT) == 0
        clock.advance(chap_service.TTL)
        assert each(await scrape(client)) == {("chap", "my-model"): 0, ("runspec", "web/01"): 1}  # nothing has swept
        await chap_service.ping(client)
        await client.delete("/instances/web%2F01")
        clock.advance(FRESH)
        assert each(await scrape(client)) == {("chap", "my-model"): 1}


async def test_a_degraded_service_is_up(start_gateway: GatewayFactory, sqlite_url: str) -> None:
    async with start_gateway(sqlite_url, PER_SERVICE) as client:
        account = await scaicontrol_account.service(client)
        for slug in ("invoices", "billing"):
            await account.register(slug)
            await core_of(client).registry.approve(Approve("scaicontrol", slug, Actor("test")))
        assert (await account.heartbeat("billing", status="degraded")).status_code == 200
        found = await scrape(client)
        assert found.value("registry_gateway_registrations", dialect="scaicontrol", status="degraded") == 1
        assert each(found) == {("scaicontrol", "billing"): 1, ("scaicontrol", "invoices"): 1}


async def test_without_the_setting_no_service_has_a_series(start_gateway: GatewayFactory, sqlite_url: str) -> None:
    async with start_gateway(sqlite_url) as client:
        await chap_service.register(client)
        names = {family.name for family in (await scrape(client)).families}
        assert LAPSES in names
        assert names.isdisjoint({UP, LEFT_OUT})


async def test_with_too_many_services_none_has_a_series_and_that_is_said(
    start_gateway: GatewayFactory,
    database_url: str,
    clock: ManualClock,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(services, "MOST_SERIES", 3)
    caplog.set_level(logging.INFO, "registry_gateway.metrics")
    async with start_gateway(database_url, PER_SERVICE) as client:
        for number in range(3):
            await runspec_agent.register(client, f"a{number}")
        found = await scrape(client)
        assert (len(each(found)), found.value(LEFT_OUT)) == (3, 0)
        await runspec_agent.register(client, "a3")
        for _ in range(2):
            clock.advance(FRESH)
            found = await scrape(client)
            assert (each(found), found.value(LEFT_OUT)) == ({}, 4)
        await client.delete("/instances/a3")
        clock.advance(FRESH)
        found = await scrape(client)
        assert (len(each(found)), found.value(LEFT_OUT)) == (3, 0)
    said = [record.getMessage() for record in caplog.records if record.name == "registry_gateway.metrics"]
    assert said == ["4 services have no series service_up: more than 3", "each service has its series service_up again"]


async def test_a_key_may_have_any_characters(start_gateway: GatewayFactory, sqlite_url: str) -> None:
    odd = 'web "01"\\é\u2028x'
    async with start_gateway(sqlite_url, PER_SERVICE) as client:
        await runspec_agent.register(client, odd)
        assert each(await scrape(client)) == {("runspec", odd): 1}


async def test_lapses_are_counted_exactly_on_every_gateway(
    start_gateway: GatewayFactory, database_url: str, clock: ManualClock
) -> None:
    short, long = WINDOWS.values()

    def lapses(found: Scrape) -> dict[str, list[float]]:
        return {
            dialect: [found.value(LAPSES, dialect=dialect, window=window) for window in WINDOWS]
            for dialect in ("chap", "runspec", "scaicontrol")
        }

    async with start_gateway(database_url) as first, start_gateway(database_url) as second:
        assert lapses(await scrape(first)) == {"chap": [0, 0], "runspec": [0, 0], "scaicontrol": [0, 0]}
        for number in range(5):
            await chap_service.register(first, id=f"m-{number}")
        await runspec_agent.register(first, "a1")
        clock.advance(chap_service.TTL)
        await core_of(second).registry.expire()
        for client in (first, second):
            assert lapses(await scrape(client)) == {"chap": [5, 5], "runspec": [0, 0], "scaicontrol": [0, 0]}
        clock.advance(short - 1)
        await core_of(first).registry.expire()
        assert lapses(await scrape(second))["chap"] == [5, 5]
        assert lapses(await scrape(second))["runspec"] == [1, 1]
        clock.advance(FRESH)
        assert lapses(await scrape(second))["chap"] == [0, 5]
        clock.advance(long - short)
        assert lapses(await scrape(second))["chap"] == [0, 0]


async def test_a_log_that_ends_earlier_is_counted_anew(
    start_gateway: GatewayFactory, database_url: str, clock: ManualClock
) -> None:
    async with start_gateway(database_url) as client:
        await chap_service.register(client)
        clock.advance(chap_service.TTL)
        registry = core_of(client).registry
        await registry.expire()

        async def counted(known: RecentLapses | None) -> RecentLapses:
            return await registry.queries.read(lambda c, now: recent_lapses(c, now - 60, known))

        found = await counted(None)
        assert (found.last, [*found.times], len(found.times["chap"])) == (2, ["chap"], 1)
        assert await counted(found) == found
        assert await counted(RecentLapses(7, {"chap": [clock.now()] * 3})) == found, "as after a restore"
        assert (await counted(RecentLapses(2, {}))).times == {}, "events that are known are not read again"
        clock.advance(60)
        assert not any((await counted(found)).times.values())
