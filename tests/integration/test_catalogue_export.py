"""`GET /catalog/v1/export`: the registry as lines of JSON, over HTTP."""

import asyncio
import json
import tempfile
from typing import Any

import httpx
import pytest

from registry_gateway.endpoints.catalogue import export
from tests.conftest import GatewayFactory
from tests.integration import chap_service, runspec_agent, scaicontrol_account
from tests.integration.catalogue_reader import problem
from tests.integration.test_admin import account

pytestmark = pytest.mark.anyio

EXPORT = "/catalog/v1/export"


async def lines(client: httpx.AsyncClient, token: str | None = None, **query: str) -> list[dict[str, Any]]:
    """The lines of an export."""
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    answer = await client.get(EXPORT, params=query, headers=headers)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/x-ndjson"
    assert int(answer.headers["content-length"]) == len(answer.content)
    return [json.loads(line) for line in answer.content.splitlines()]


async def test_it_has_all_registrations_and_on_request_the_log(
    start_gateway: GatewayFactory, database_url: str
) -> None:
    async with start_gateway(database_url) as client:
        assert await lines(client) == []
        await chap_service.register(client)
        await runspec_agent.register(client, "web/01")
        await (await scaicontrol_account.service(client)).register("invoices")
        found = await lines(client)
        assert [(line["type"], line["key"]) for line in found] == [
            ("registration", "my-model"),
            ("registration", "web/01"),
            ("registration", "invoices"),
        ]
        assert found[0]["document"]["id"] == "my-model"
        assert [line["key"] for line in await lines(client, dialect="runspec")] == ["web/01"]
        kinds = [line["kind"] for line in await lines(client, events="true") if line["type"] == "event"]
        assert kinds == ["registered"] * 3


async def test_only_an_administrator_gets_the_events_of_accounts(
    start_gateway: GatewayFactory, sqlite_url: str
) -> None:
    async with start_gateway(sqlite_url) as client:
        reader, operator = [await account(client, scope[:4], scope) for scope in ("read:catalog", "admin:registry")]
        for token in (None, reader, "rgw_0123456789abcdef_x"):
            assert await lines(client, token, events="true") == []
        assert [line["kind"] for line in await lines(client, operator, events="true")] == ["account_created"] * 2


async def test_where_the_catalogue_is_protected_it_needs_a_token(
    start_gateway: GatewayFactory, sqlite_url: str
) -> None:
    async with start_gateway(sqlite_url, {"REGISTRY_GATEWAY_PROTECT_CATALOG": "true"}) as client:
        problem(await client.get(EXPORT), 401)
        await lines(client, await account(client, "reader", "read:catalog"))


async def test_an_export_of_many_pieces_is_whole(start_gateway: GatewayFactory, database_url: str) -> None:
    async with start_gateway(database_url) as client:
        keys = [f"a-{number:04}" for number in range(600)]
        await asyncio.gather(*(runspec_agent.register(client, key, name="n" * 100) for key in keys))
        assert [line["key"] for line in await lines(client)] == keys


async def test_parameters_that_are_invalid(start_gateway: GatewayFactory, sqlite_url: str) -> None:
    async with start_gateway(sqlite_url) as client:
        for query, name in (("events=perhaps", "events"), ("status=up", "status"), ("dialect=", "dialect")):
            assert problem(await client.get(f"{EXPORT}?{query}"), 400)["parameter"] == name


async def test_one_is_read_at_a_time_and_the_others_are_told_to_try_again(
    start_gateway: GatewayFactory, sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    began, go_on = asyncio.Event(), asyncio.Event()
    written = export.Exports._write

    async def slowly(*arguments: Any, **named: Any) -> None:
        began.set()
        await go_on.wait()
        await written(*arguments, **named)

    monkeypatch.setattr(export.Exports, "_write", slowly)
    async with start_gateway(sqlite_url) as client:
        first = asyncio.create_task(client.get(EXPORT))
        await began.wait()
        refused = await client.get(EXPORT)
        assert problem(refused, 503)["code"] == "overloaded"
        assert refused.headers["retry-after"] == "2"
        go_on.set()
        assert (await first).status_code == 200
        assert (await client.get(EXPORT)).status_code == 200


async def test_without_a_place_for_the_file_there_is_an_error(
    start_gateway: GatewayFactory, sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full() -> None:
        raise OSError(28, "No space left on device")

    async with start_gateway(sqlite_url) as client:
        monkeypatch.setattr(tempfile, "TemporaryFile", full)
        problem(await client.get(EXPORT), 503)
