"""Webhooks as administrators see them: `/admin/v1/webhooks`, the commands, /metrics and the doctor."""

import json
import logging
import time
from collections.abc import Iterator
from typing import Any

import anyio
import httpx
import pytest
from sqlalchemy import Connection, update

from registry_gateway.observability.log import TextFormatter
from registry_gateway.store.engine import Store
from registry_gateway.store.tables import WebhookRow
from registry_gateway.webhooks import webhooks
from tests.conftest import GatewayFactory, core_of
from tests.integration.command_line import command, complaint, output, register
from tests.webhook_receiver import PRIVATE, Receiver

URL = "https://hooks.example.invalid/services/T0/B0/secret-path?token=secret-query"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver that answers 204."""
    with Receiver().running() as running:
        yield running


async def ask(client: httpx.AsyncClient, path: str, body: object, status: int) -> Any:
    """The `data` of the answer, or the problem."""
    answer = await client.post(f"/admin/v1/{path}", json=body)
    assert answer.status_code == status, answer.text
    return answer.json()["data"] if status < 400 else answer.json()


async def administrator(client: httpx.AsyncClient) -> None:
    """Make `client` an administrator."""
    token = (await core_of(client).accounts.create("ops", ["admin:registry"], [])).token
    client.headers["Authorization"] = f"Bearer {token}"


# --- over HTTP


@pytest.mark.anyio
async def test_a_webhook_is_added_tried_rotated_and_removed_over_http(
    start_gateway: GatewayFactory, database_url: str, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with start_gateway(database_url, PRIVATE) as client:
        await administrator(client)
        body = {"url": receiver.url, "kinds": ["expired", "expired", "recovered"], "dialect": "chap"}
        added = await ask(client, "webhooks", body, 201)
        assert added["secret"].startswith("whsec_")
        assert (added["kinds"], added["dialect"], added["format"]) == (["expired", "recovered"], "chap", "json")
        assert "/hook" not in added["url"]
        [listed] = (await client.get("/admin/v1/webhooks")).json()["data"]
        assert "secret" not in listed
        assert listed == {name: value for name, value in added.items() if name != "secret"}
        number = added["id"]
        tried = await ask(client, "webhooks/test", {"id": number}, 200)
        assert (tried["delivered"], tried["status"], tried["error"]) == (True, 204, None)
        receiver.answer = lambda _number: (500, {}, b"out of order")
        tried = await ask(client, "webhooks/test", {"id": number}, 200)
        assert (tried["delivered"], tried["status"]) == (False, 500)
        assert tried["error"] == "answered 500: out of order"
        rotated = await ask(client, "webhooks/rotate", {"id": number, "overlap": 60}, 201)
        assert rotated["secret"] != added["secret"]
        assert (await ask(client, "webhooks/enable", {"id": number}, 200))["state"] == "active"
        deliveries = await client.get(f"/admin/v1/webhooks/{number}/deliveries")
        assert (deliveries.status_code, deliveries.json()) == (200, {"data": []})
        assert (await ask(client, "webhooks/remove", {"id": number}, 200))["id"] == number
        for path in ("webhooks/test", "webhooks/rotate", "webhooks/enable", "webhooks/remove"):
            assert (await ask(client, path, {"id": number}, 404))["code"] == "not_found"
        for odd in (number, "x", "-1", "1" * 30, "%31x", "²"):
            assert (await client.get(f"/admin/v1/webhooks/{odd}/deliveries")).status_code == 404
        events = [e for e in await core_of(client).registry.events() if e.key == f"webhook:{number}"]
        assert [e.kind.value for e in events] == ["webhook_added", "webhook_rotated", "webhook_removed"]
        assert {e.actor for e in events} == {"account:ops"}
    said = "\n".join(TextFormatter().format(r) for r in caplog.records if r.name.startswith("registry_gateway"))
    for secret in (added["secret"], rotated["secret"], "/hook"):
        assert secret not in said


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({"url": "http://127.0.0.1:1/"}, 409, "REGISTRY_GATEWAY_WEBHOOK_PRIVATE_NETWORKS"),
        ({"url": "http://localhost/"}, 409, "REGISTRY_GATEWAY_WEBHOOK_PRIVATE_NETWORKS"),
        ({"url": "http://169.254.169.254/latest/meta-data"}, 409, "metadata service; nothing is sent there"),
        ({"url": "http://[::1]/"}, 409, "loopback"),
        ({"url": "http://[:::::]/"}, 422, "must start with http"),
        ({"url": "ftp://example.org/"}, 422, "invalid_url"),
        ({"url": "http://user:pw@example.org/"}, 422, "invalid_url"),
        ({"url": "http://exa mple.org/"}, 422, "invalid_url"),
        ({"url": f"http://a/{'x' * 3_000}"}, 422, "invalid_url"),
        ({"url": "https://a.example/", "kinds": ["exploded"]}, 422, "kinds"),
        ({"url": "https://a.example/", "format": "xml"}, 422, "format"),
        ({"url": "https://a.example/", "dialect": "klingon"}, 404, "does not speak"),
        ({"url": "https://a.example/", "secret": "mine"}, 422, "secret"),
        ({}, 422, "url"),
    ],
)
async def test_what_can_not_be_added_is_refused_and_changes_nothing(
    start_gateway: GatewayFactory, sqlite_url: str, body: object, status: int, said: str
) -> None:
    async with start_gateway(sqlite_url) as client:
        await administrator(client)
        assert said in json.dumps(await ask(client, "webhooks", body, status))
        assert (await client.get("/admin/v1/webhooks")).json() == {"data": []}


@pytest.mark.anyio
async def test_there_is_a_limit(
    start_gateway: GatewayFactory, sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhooks, "MOST_WEBHOOKS", 1)
    async with start_gateway(sqlite_url, PRIVATE) as client:
        await administrator(client)
        await ask(client, "webhooks", {"url": "http://127.0.0.1:1/"}, 201)
        assert (await ask(client, "webhooks", {"url": "http://127.0.0.1:1/"}, 409))["code"] == "too_many"


@pytest.mark.anyio
async def test_other_accounts_are_refused(start_gateway: GatewayFactory, sqlite_url: str) -> None:
    async with start_gateway(sqlite_url, PRIVATE) as client:
        await administrator(client)
        await ask(client, "webhooks", {"url": "http://127.0.0.1:1/"}, 201)
        reader = (await core_of(client).accounts.create("reader", ["read:catalog", "registry:manage"], [])).token
        for header, status in (("", 401), (f"Bearer {reader}", 403)):
            client.headers["Authorization"] = header
            assert (await client.get("/admin/v1/webhooks")).status_code == status
            assert (await client.get("/admin/v1/webhooks/1/deliveries")).status_code == status
            for path in ("webhooks", "webhooks/test", "webhooks/rotate", "webhooks/enable", "webhooks/remove"):
                await ask(client, path, {"id": 1}, status)
        assert len(await core_of(client).webhooks.list()) == 1


@pytest.mark.anyio
async def test_metrics_have_the_states(start_gateway: GatewayFactory, database_url: str) -> None:
    async with start_gateway(database_url, PRIVATE) as client:
        await administrator(client)
        await ask(client, "webhooks", {"url": "http://127.0.0.1:1/"}, 201)
        text = (await client.get("/metrics")).text
    assert 'registry_gateway_webhooks{state="active"} 1.0' in text
    assert 'registry_gateway_webhooks{state="failing"} 0.0' in text
    assert "registry_gateway_webhook_oldest_waiting_seconds 0.0" in text


# --- commands


def test_the_commands_do_the_same(database_url: str, receiver: Receiver) -> None:
    assert "There are no webhooks" in output(database_url, "webhooks", "list")
    added = command(database_url, "webhooks", "add", receiver.url, "--kind", "expired", "--dialect", "chap", **PRIVATE)
    assert added.exit_code == 0
    [secret] = added.stdout.splitlines()
    assert secret.startswith("whsec_")
    assert "Webhook 1 gets messages about events of the kinds expired of chap from now on." in added.stderr
    header, row = output(database_url, "webhooks", "list").splitlines()
    assert header.split() == ["ID", "STATE", "FORMAT", "DIALECT", "KINDS", "LAST", "DELIVERY", "URL"]
    assert row.split() == [
        "1",
        "active",
        "json",
        "chap",
        "expired",
        "never",
        "http://127.0.0.1:" + row.rpartition(":")[2],
    ]
    assert "hook" not in row
    assert "answered 204" in output(database_url, "webhooks", "test", "1", **PRIVATE)
    assert receiver.requests[0].verify(secret)["type"] == "registry.test"
    refused = command(database_url, "webhooks", "test", "1")
    assert refused.exit_code == 1
    assert "REGISTRY_GATEWAY_WEBHOOK_PRIVATE_NETWORKS" in refused.stdout
    rotated = json.loads(output(database_url, "webhooks", "rotate", "1", "--overlap", "1h", "--json"))
    assert output(database_url, "webhooks", "test", "1", **PRIVATE)
    assert receiver.requests[1].verify(secret) == receiver.requests[1].verify(rotated["secret"])
    [again] = command(database_url, "webhooks", "rotate", "1", "--overlap", "0").stdout.splitlines()
    output(database_url, "webhooks", "test", "1", **PRIVATE)
    assert receiver.requests[2].headers["webhook-signature"].count("v1,") == 1
    assert receiver.requests[2].verify(again)
    assert "Nothing was delivered yet." in output(database_url, "webhooks", "deliveries", "1")
    assert "Webhook 1 is enabled." in output(database_url, "webhooks", "enable", "1")
    assert "Webhook 1 is removed." in output(database_url, "webhooks", "remove", "1")
    assert complaint(database_url, "webhooks", "remove", "1") == "there is no webhook 1"
    kinds = [json.loads(line)["kind"] for line in output(database_url, "events", "--json").splitlines()]
    assert kinds == ["webhook_added", "webhook_rotated", "webhook_rotated", "webhook_removed"]


def test_adding_a_private_target_names_the_setting(sqlite_url: str) -> None:
    said = complaint(sqlite_url, "webhooks", "add", "http://127.0.0.1:9000/hook")
    assert said == (
        "127.0.0.1 is a loopback address; if that is intended, name its network in "
        "REGISTRY_GATEWAY_WEBHOOK_PRIVATE_NETWORKS"
    )
    assert "is not one of" in complaint(sqlite_url, "webhooks", "add", "https://a.example/", "--kind", "exploded")
    assert "must start with http" in complaint(sqlite_url, "webhooks", "add", "nonsense")
    assert "There are no webhooks" in output(sqlite_url, "webhooks", "list")


@pytest.mark.parametrize("networks", ["10.0.0.0/33", "localhost", "10.0.0.1/8"])
def test_networks_that_are_none_stop_the_start(sqlite_url: str, networks: str) -> None:
    said = complaint(sqlite_url, "webhooks", "list", REGISTRY_GATEWAY_WEBHOOK_PRIVATE_NETWORKS=networks)
    assert said.startswith("REGISTRY_GATEWAY_WEBHOOK_PRIVATE_NETWORKS: ")


def test_no_output_shows_the_url_or_the_secret(sqlite_url: str) -> None:
    added = command(sqlite_url, "webhooks", "add", URL, "--format", "slack")
    [secret] = added.stdout.splitlines()
    register(sqlite_url, "chap", "my-model")
    shown = added.stderr
    for arguments in (
        ("config",),
        ("export", "--events"),
        ("events", "--json"),
        ("webhooks", "list"),
        ("webhooks", "list", "--json"),
        ("doctor", "--json"),
    ):
        shown += command(sqlite_url, *arguments).output
    for hidden in (secret, "secret-path", "secret-query"):
        assert hidden not in shown
    assert "https://hooks.example.invalid/********" in shown


# --- the doctor


def test_the_doctor_finds_webhooks_that_fail(database_url: str) -> None:
    for _ in range(4):
        output(database_url, "webhooks", "add", "http://127.0.0.1:1/", "--json", **PRIVATE)
    now = time.time()

    table = WebhookRow
    changes: dict[int, dict[str, object]] = {
        1: {"failures": 9, "failing_since": now - 7_200},
        2: {"failures": 1, "failing_since": now - 2},
        3: {"disabled_at": now, "disabled_reason": "the receiver answered 410 (Gone)"},
    }

    def change(connection: Connection) -> None:
        for number, values in changes.items():
            connection.execute(update(table).where(table.id == number).values(values))

    async def spoil() -> None:
        store = Store(database_url)
        await store.write(change)
        await store.close()

    anyio.run(spoil)
    found = json.loads(command(database_url, "doctor", "--json", REGISTRY_GATEWAY_HOST="127.0.0.1").stdout)["findings"]
    assert [(f["code"], f["severity"], f["summary"].split()[1]) for f in found] == [
        ("webhook_failing", "warning", "1"),
        ("webhook_disabled", "error", "3"),
    ]
    assert "has failed for 2.0 hours, 9 times in succession" in found[0]["summary"]
    assert "webhooks enable 3" in found[1]["advice"]
