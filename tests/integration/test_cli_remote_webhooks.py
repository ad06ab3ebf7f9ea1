"""Webhooks at a gateway's URL: the commands print the same as at its database, and refuse in the same words."""

import json
import re
import time
from collections.abc import Iterator, Mapping

import anyio
import pytest
from click.testing import Result
from sqlalchemy import Connection, update

from registry_gateway.core.webhook import Format, Webhook
from registry_gateway.store.engine import Store
from registry_gateway.store.statements import webhooks as statements
from registry_gateway.store.tables import WebhookRow
from registry_gateway.webhooks import webhooks
from tests.integration.command_line import command, output, register
from tests.integration.test_cli_remote import NOWHERE, Pair, administrator
from tests.local_gateway import local_gateway
from tests.webhook_receiver import PRIVATE, Receiver, until


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver that answers 204."""
    with Receiver().running() as running:
        yield running


@pytest.fixture
def pair(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pair]:
    """A gateway and its database, both of which may send to receivers of tests."""
    for name, value in PRIVATE.items():
        monkeypatch.setenv(name, value)
    with local_gateway(sqlite_url, **PRIVATE) as gateway:
        yield Pair(gateway.url, sqlite_url, administrator(sqlite_url))


def both(pair: Pair, *arguments: str) -> tuple[Result, Result]:
    """A command at the database, and then at the gateway."""
    here = command(pair.database, *arguments)
    there = command(NOWHERE, *arguments, "--url", pair.url, REGISTRY_TOKEN=pair.token)
    return here, there


def comparable(text: str, names: Mapping[str, str]) -> str:
    """A text with a new secret, and other parts that differ, replaced by their names."""
    for part, name in names.items():
        text = text.replace(part, name)
    return re.sub(r"after \d+\.\d\d s|whsec_\S+", "…", text)


def test_webhooks_are_added_and_shown_alike(pair: Pair, receiver: Receiver) -> None:
    assert pair.same("webhooks", "list").startswith("There are no webhooks.")
    here, there = both(pair, "webhooks", "add", receiver.url, "--kind", "registered", "--dialect", "CHAP")
    assert (here.exit_code, there.exit_code) == (0, 0)
    assert comparable(here.stdout, {}) == comparable(there.stdout, {}) == "…\n"
    assert comparable(here.stderr, {pair.database: "TARGET"}) == comparable(
        there.stderr, {pair.url: "TARGET", "Webhook 2": "Webhook 1", "test 2": "test 1"}
    )
    assert there.stderr.startswith(
        "Webhook 2 gets messages about events of the kinds registered of chap from now on.\n"
    )
    assert there.stderr.endswith(f"Changed in {pair.url}.\n")
    added = json.loads(pair.remotely("webhooks", "add", receiver.url, "--format", "slack", "--json"))
    assert (added["id"], added["format"], added["kinds"]) == (3, "slack", [])
    assert len(pair.same("webhooks", "list").splitlines()) == 4
    assert [w["state"] for w in json.loads(pair.same("webhooks", "list", "--json"))] == ["active"] * 3
    assert "account:operations" in output(pair.database, "events", "--service", "webhook:2")


def test_deliveries_and_tests_are_shown_alike(pair: Pair, receiver: Receiver) -> None:
    secret = pair.remotely("webhooks", "add", receiver.url, "--kind", "registered").strip()
    assert pair.same("webhooks", "deliveries", "1") == "Nothing was delivered yet.\n"
    register(pair.database, "chap", "my-model")
    until(lambda: "1 event from" in pair.remotely("webhooks", "deliveries", "1"))
    assert receiver.requests[0].verify(secret)["type"] == "registry.events"
    pair.same("webhooks", "deliveries", "1")
    pair.same("webhooks", "deliveries", "1", "--json")
    assert "never" not in pair.same("webhooks", "list")

    refused = "Webhook 1 did not accept the message: answered 500"
    for answer, code, said in ((204, 0, "Webhook 1 answered 204"), (500, 1, refused)):
        receiver.answer = lambda _number, answer=answer: answer  # type: ignore[misc] # the default binds the value
        here, there = both(pair, "webhooks", "test", "1")
        assert (here.exit_code, there.exit_code) == (code, code)
        assert comparable(here.output, {}) == comparable(there.output, {})
        assert there.output.startswith(said)
        here, there = both(pair, "webhooks", "test", "1", "--json")
        assert (here.exit_code, there.exit_code) == (code, code)
        assert {**json.loads(here.stdout), "seconds": 0} == {**json.loads(there.stdout), "seconds": 0}
    assert {request.verify(secret)["type"] for request in receiver.requests[1:]} == {"registry.test"}


def test_webhooks_are_changed(pair: Pair, receiver: Receiver) -> None:
    first = pair.remotely("webhooks", "add", receiver.url).strip()
    rotated = json.loads(pair.remotely("webhooks", "rotate", "1", "--overlap", "1h", "--json"))
    assert rotated["secret"] != first
    assert rotated["old_secret_ends_at"] > time.time()
    here, there = both(pair, "webhooks", "rotate", "1", "--overlap", "0")
    assert comparable(here.output, {pair.database: "TARGET"}) == comparable(there.output, {pair.url: "TARGET"})
    here, there = both(pair, "webhooks", "enable", "1")
    assert comparable(here.output, {pair.database: "TARGET"}) == comparable(there.output, {pair.url: "TARGET"})
    assert json.loads(pair.remotely("webhooks", "enable", "1", "--json"))["state"] == "active"
    assert pair.remotely("webhooks", "remove", "1") == "Webhook 1 is removed.\n"
    kinds = [json.loads(line)["kind"] for line in output(pair.database, "events", "--json").splitlines()]
    assert kinds[-5:] == ["webhook_added", *["webhook_rotated"] * 3, "webhook_removed"]


def test_webhooks_are_refused_alike(pair: Pair) -> None:
    for change in ("test", "deliveries", "rotate", "enable", "remove"):
        assert pair.same_complaint("webhooks", change, "7") == "there is no webhook 7"
    for url in ("nonsense", "http://[:::::]/", "http://user:pw@example.org/", f"http://a/{'x' * 3_000}", "http://ü/"):
        assert "must start with http" in pair.same_complaint("webhooks", "add", url)
    assert "is a loopback address" in pair.same_complaint("webhooks", "add", "http://127.0.0.2:9/")
    assert "does not speak" in pair.complaint("webhooks", "add", "https://a.example/", "--dialect", "morse")
    fill(pair.database)
    assert "which is the limit" in pair.same_complaint("webhooks", "add", "http://127.0.0.1:9/")


def fill(database: str) -> None:
    """Add as many webhooks as there may be, all of them disabled."""
    webhook = Webhook(
        id=0,
        url="http://127.0.0.1:9/",
        format=Format.JSON,
        kinds=(),
        dialect=None,
        secret="whsec_x",
        created_at=0.0,
        position=0,
        disabled_at=1.0,
    )

    def work(connection: Connection) -> None:
        for _ in range(webhooks.MOST_WEBHOOKS):
            statements.add(connection, webhook)

    async def work_once() -> None:
        store = Store(database)
        await store.write(work)
        await store.close()

    anyio.run(work_once)


def test_the_doctor_finds_webhooks_that_fail_at_both(pair: Pair) -> None:
    for _ in range(3):
        pair.remotely("webhooks", "add", "http://127.0.0.1:9/", "--kind", "purged")
    now = time.time()
    change(pair.database, 1, failures=9, failing_since=now - 7_200, next_at=now + 3_600)
    change(pair.database, 2, disabled_at=now, disabled_reason="the receiver answered 410 (Gone)")
    reader = output(pair.database, "accounts", "create", "reader", "--scope", "read:catalog").strip()

    def found(*arguments: str, token: str) -> list[str]:
        report = json.loads(command(pair.database, "doctor", "--json", *arguments, REGISTRY_TOKEN=token).stdout)
        return [f["summary"] for f in report["findings"] if f["code"].startswith("webhook_")]

    here, there = found(token=pair.token), found("--url", pair.url, token=pair.token)
    assert here == there
    assert [summary[:10] for summary in here] == ["Webhook 1 ", "Webhook 2 "]
    assert found("--url", pair.url, token=reader) == []


def change(database: str, number: int, **values: object) -> None:
    """Change the row of a webhook."""

    async def work() -> None:
        store = Store(database)
        await store.write(lambda c: c.execute(update(WebhookRow).where(WebhookRow.id == number).values(values)))
        await store.close()

    anyio.run(work)


@pytest.mark.slow
def test_a_receiver_that_hangs_is_reported_by_the_gateway(pair: Pair, receiver: Receiver) -> None:
    pair.remotely("webhooks", "add", receiver.url, "--kind", "purged")

    def late(_number: int) -> int:
        time.sleep(12)
        return 204

    receiver.answer = late
    here, there = both(pair, "webhooks", "test", "1")
    assert here.output == there.output == "Webhook 1 was not reached: no complete answer within 10 s\n"
    assert there.exit_code == 1
