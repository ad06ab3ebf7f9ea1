"""The log of all services: filters, times, pages, JSON and CSV."""

import csv
import io
from datetime import UTC, datetime
from typing import Any, get_args

import httpx
import pytest

from registry_gateway.core.model import Actor, EventKind
from registry_gateway.endpoints.catalogue.log_query import Kind
from registry_gateway.store.statements import log_search
from tests.conftest import START, GatewayFactory, ManualClock, core_of
from tests.integration import chap_service, runspec_agent
from tests.integration.catalogue_reader import problem

pytestmark = pytest.mark.anyio

LOG = "/catalog/v1/log"


async def page(client: httpx.AsyncClient, **query: object) -> dict[str, Any]:
    """A page of the log."""
    answer = await client.get(LOG, params={name: str(value) for name, value in query.items()})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    assert set(found) == {"next", "searched_since", "events"}
    return found


async def kinds(client: httpx.AsyncClient, **query: object) -> list[str]:
    """Kind and key of the events on a page."""
    return [f"{event['kind']} {event['key']}" for event in (await page(client, **query))["events"]]


async def fill(client: httpx.AsyncClient, clock: ManualClock) -> None:
    """A CHAP service that lapses and an agent that leaves, ten seconds apart."""
    await chap_service.register(client, id="malaria", display_name="Malaria model")
    clock.advance(10)
    await runspec_agent.register(client, "web/1", host="web-1.example.org")
    clock.advance(10)
    await client.delete("/instances/web%2F1")
    clock.advance(20)
    await core_of(client).registry.expire()


ALL = ["expired malaria", "deregistered web/1", "registered web/1", "registered malaria"]


def test_the_kinds_are_all_but_those_of_accounts_and_webhooks() -> None:
    private = ("ACCOUNT", "WEBHOOK")
    assert set(get_args(Kind)) == {kind.value for kind in EventKind if not kind.name.startswith(private)}


FILTERS: list[tuple[dict[str, object], list[str]]] = [
    ({}, ALL),
    ({"dialect": "chap"}, ["expired malaria", "registered malaria"]),
    ({"dialect": "chap,runspec"}, ALL),
    ({"kind": "expired"}, ["expired malaria"]),
    ({"kind": "expired,deregistered"}, ALL[:2]),
    ({"key": "web/1"}, ["deregistered web/1", "registered web/1"]),
    ({"key": "web"}, []),
    ({"name": "Malaria model"}, ["expired malaria", "registered malaria"]),
    ({"actor": "gateway"}, ["expired malaria"]),
    ({"since": START + 10, "until": START + 20}, ["registered web/1"]),
    ({"since": "30s"}, ALL[:3]),
    ({"until": "30s"}, ["registered malaria"]),
    ({"since": "2027-01-15T08:00:10Z"}, ALL[:3]),
    ({"since": "2027-01-15T09:00:20+01:00"}, ALL[:2]),
    ({"q": "MALARIA"}, ["expired malaria", "registered malaria"]),
    ({"q": "web-1.example"}, ["deregistered web/1", "registered web/1"]),
    ({"q": "no heartbeat for"}, ["expired malaria"]),
    ({"q": "%"}, []),
    ({"q": "", "kind": "expired"}, ["expired malaria"]),
]


async def test_filters_add_up(
    start_gateway: GatewayFactory, database_url: str, clock: ManualClock, subtests: pytest.Subtests
) -> None:
    async with start_gateway(database_url) as client:
        await fill(client, clock)
        for query, expected in FILTERS:
            with subtests.test(str(query)):
                assert await kinds(client, **query) == expected


async def test_a_kind_may_be_repeated(start_gateway: GatewayFactory, database_url: str, clock: ManualClock) -> None:
    async with start_gateway(database_url) as client:
        await fill(client, clock)
        answer = await client.get(f"{LOG}?kind=expired&kind=deregistered&dialect=chap&dialect=runspec")
        assert [event["kind"] for event in answer.json()["events"]] == ["expired", "deregistered"]


async def test_pages_follow_each_other_while_events_are_added(
    start_gateway: GatewayFactory, database_url: str, clock: ManualClock
) -> None:
    async with start_gateway(database_url) as client:
        await fill(client, clock)
        first = await page(client, limit=3)
        await chap_service.register(client, id="dengue")
        second = await page(client, limit=3, cursor=first["next"])
        assert [f"{e['kind']} {e['key']}" for e in (*first["events"], *second["events"])] == ALL
        assert second["next"] is None


async def test_an_event_has_the_members_it_has_elsewhere(
    start_gateway: GatewayFactory, database_url: str, clock: ManualClock
) -> None:
    async with start_gateway(database_url) as client:
        await fill(client, clock)
        here = await page(client, key="malaria")
        there = (await client.get("/catalog/v1/services/chap/malaria/events")).json()
        assert here["events"] == there["events"]


async def test_absences_are_in_it_and_accounts_are_not(
    start_gateway: GatewayFactory, database_url: str, clock: ManualClock
) -> None:
    async with start_gateway(database_url) as client:
        core = core_of(client)
        await core.accounts.create("alice", ["registry:manage"], [], actor=Actor("cli:root"))
        await core.registry.resume()
        clock.advance(100)
        await core.registry.resume()
        assert await kinds(client) == ["resumed "]
        assert await kinds(client, kind="resumed", since="1h") == ["resumed "]
        assert await kinds(client, q="alice") == []


async def test_a_text_is_searched_in_the_newest_events(
    start_gateway: GatewayFactory, database_url: str, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_search, "SEARCHED", 2)
    async with start_gateway(database_url) as client:
        await fill(client, clock)
        found = await page(client, q="malaria")
        assert [event["kind"] for event in found["events"]] == ["expired"]
        assert found["searched_since"] == START + 20
        assert (await page(client, q="malaria", since=START + 30))["searched_since"] is None
        assert (await page(client, q="malaria", until=START + 15))["searched_since"] is None
        assert (await page(client))["searched_since"] is None


async def test_csv_has_the_same_page(start_gateway: GatewayFactory, database_url: str, clock: ManualClock) -> None:
    async with start_gateway(database_url) as client:
        await chap_service.register(client, id="malaria", display_name='=HYPERLINK("http://evil") "a",\nb')
        await fill(client, clock)
        answer = await client.get(f"{LOG}.csv?dialect=chap&limit=2")
        assert answer.headers["content-type"] == "text/csv; charset=utf-8"
        assert answer.headers["content-disposition"] == 'attachment; filename="log.csv"'
        lines = list(csv.DictReader(io.StringIO(answer.text)))
        events = (await page(client, dialect="chap", limit=2))["events"]
        assert [line["id"] for line in lines] == [str(event["id"]) for event in events]
        assert [line["time"] for line in lines] == [
            datetime.fromtimestamp(event["at"], UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
            for event in events
        ]
        assert "last_seen" in lines[0]["detail"]

        following = answer.links["next"]["url"]
        rest = await client.get(f"{LOG}.csv{following}")
        [oldest] = csv.DictReader(io.StringIO(rest.text))
        assert oldest["name"] == '\'=HYPERLINK("http://evil") "a",\nb'
        assert "next" not in rest.links


async def test_an_unchanged_page_is_not_sent_again(start_gateway: GatewayFactory, database_url: str) -> None:
    async with start_gateway(database_url) as client:
        await chap_service.register(client)
        for path in (LOG, f"{LOG}.csv"):
            first = await client.get(path)
            again = await client.get(path, headers={"If-None-Match": first.headers["etag"]})
            assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ({"kind": "account_created"}, "kind"),
        ({"kind": "exploded"}, "kind"),
        ({"since": "yesterday"}, "since"),
        ({"since": "2027-01-15T08:00:10"}, "since"),
        ({"until": "0s"}, "until"),
        ({"since": "nan"}, "since"),
        ({"since": "1e300"}, "since"),
        ({"limit": "1001"}, "limit"),
        ({"cursor": "WyJuZXdlc3QiLDNd"}, "cursor"),
        ({"status": "up"}, "status"),
    ],
)
async def test_what_is_no_parameter_is_refused(
    start_gateway: GatewayFactory, sqlite_url: str, query: dict[str, str], parameter: str
) -> None:
    async with start_gateway(sqlite_url) as client:
        for path in (LOG, f"{LOG}.csv"):
            assert problem(await client.get(path, params=query), 400)["parameter"] == parameter


async def test_a_protected_log_needs_a_token(start_gateway: GatewayFactory, sqlite_url: str) -> None:
    async with start_gateway(sqlite_url, {"REGISTRY_GATEWAY_PROTECT_CATALOG": "true"}) as client:
        for path in (LOG, f"{LOG}.csv"):
            problem(await client.get(path), 401)
