"""The commands at a gateway's URL: they print the same as at its database, and say what stands in the way."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from registry_gateway.cli.registry_access import remote
from tests.e2e.gateway import running_gateway
from tests.e2e.polling import wait_until
from tests.integration.command_line import command, complaint, output, register
from tests.integration.prometheus_reader import Scrape
from tests.local_gateway import local_gateway

NOWHERE = "sqlite:////nowhere/registry.db"
"""A database that no command at a URL may open."""


class Pair:
    """A gateway and its database."""

    def __init__(self, url: str, database: str, token: str) -> None:
        """`url` is the gateway's, `database` that of its database, `token` an administrator's."""
        self.url = url
        self.database = database
        self.token = token

    def remotely(self, *arguments: str) -> str:
        """The output of a command at the gateway."""
        return output(NOWHERE, *arguments, "--url", self.url, REGISTRY_TOKEN=self.token)

    def complaint(self, *arguments: str, token: str | None = None) -> str:
        """The error of a command at the gateway."""
        return complaint(NOWHERE, *arguments, "--url", self.url, REGISTRY_TOKEN=token or self.token)

    def same(self, *arguments: str) -> str:
        """The output of a command that changes nothing, which is the same at the database."""
        here, there = output(self.database, *arguments), self.remotely(*arguments)
        assert timeless(here) == timeless(there)
        return there

    def same_complaint(self, *arguments: str) -> str:
        """The error of a command, which is the same at the database."""
        here, there = complaint(self.database, *arguments), self.complaint(*arguments)
        assert here == there
        return there


def administrator(database: str) -> str:
    """Create an administrator's account; its token."""
    return output(database, "accounts", "create", "operations", "--scope", "admin:registry").strip()


def timeless(text: str) -> str:
    """A text without what depends on the second in which it was printed."""
    text = re.sub(r"\b(\d+[dhms] )?\d+[dhms]( +)(ago|unless)", "AGE", text)
    return re.sub(r'"now": [\d.]+', '"now": 0', text)


@pytest.fixture(scope="module")
def unchanged(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """A gateway with services of all dialects, for all tests that change nothing in it."""
    database = f"sqlite:///{shutil.copy(sqlite_template, tmp_path_factory.mktemp('unchanged'))}"
    with local_gateway(database) as gateway:
        token = administrator(database)
        register(database, "chap", "my-model")
        register(database, "chap", "other-model", address="http://192.0.2.8:8000")
        register(database, "runspec", "web/01")
        register(database, "runspec", "twin")
        register(database, "chap", "twin", ttl=0.001)
        register(database, "scaicontrol", "invoices", approved=False)
        wait_until(lambda: "expired" in output(database, "events"), "the lapse is recorded")
        yield Pair(gateway.url, database, token)


@pytest.fixture
def pair(unchanged: Pair, tmp_path: Path) -> Iterator[Pair]:
    """A gateway of this test's own, with a copy of that database."""
    output(unchanged.database, "db", "backup", f"{tmp_path}/registry.db")
    database = f"sqlite:///{tmp_path}/registry.db"
    with local_gateway(database) as gateway:
        yield Pair(gateway.url, database, unchanged.token)


def test_services_are_listed_alike(unchanged: Pair) -> None:
    for arguments in (
        [],
        ["--alive"],
        ["--dialect", "chap"],
        ["--dialect", "CHAP", "--status", "up"],
        ["--status", "pending", "--status", "down"],
        ["--host", "192.0.2.8"],
        ["--tool", "none"],
        ["--sort", "-name", "--limit", "2"],
        ["--status", "gone"],
    ):
        assert unchanged.same("services", "list", *arguments)
        unchanged.same("services", "list", *arguments, "--json")
    by_end = ("services", "list", "--sort", "ended_at")
    here, there = complaint(unchanged.database, *by_end), unchanged.complaint(*by_end)
    assert here.replace(unchanged.database, "") == there.replace(unchanged.url, "")
    assert "sort: " in there
    found = json.loads(unchanged.remotely("services", "list", "--status", "pending", "--status", "down", "--json"))
    assert [(service["key"], service["approved"]) for service in found] == [("twin", True), ("invoices", False)]
    assert unchanged.remotely("services", "list", "--tool", "none") == "No matching services (6 in total).\n"
    assert len(unchanged.remotely("services", "list", "--limit", "2").splitlines()) == 3


def test_a_service_is_shown_alike(pair: Pair) -> None:
    for key in ("my-model", "web/01", "invoices"):
        assert pair.same("services", "show", key)
        shown = json.loads(pair.same("services", "show", key, "--json"))
        assert (shown["key"], shown["registered"], shown["document"]) == (key, True, {"hello": "world"})
    assert "my-model is not registered in runspec" not in pair.same("services", "show", "my-model", "--dialect", "chap")
    assert pair.same_complaint("services", "show", "twin").endswith("say which with --dialect")
    assert "did you mean my-model?" in pair.same_complaint("services", "show", "my-mdoel")
    assert "did you mean" not in pair.same_complaint("services", "show", "nothing-like-it")
    assert "no dialect morse" in complaint(pair.database, "services", "list", "--dialect", "morse")
    pair.remotely("services", "remove", "my-model", "--reason", "moved away")
    assert pair.same("services", "show", "my-model").startswith("my-model is no longer registered")
    assert json.loads(pair.same("services", "show", "my-model", "--json"))["status"] == "gone"


def test_a_key_that_paths_can_not_have_is_refused(pair: Pair) -> None:
    for key in ("web/01/events", "web/01/"):
        register(pair.database, "runspec", key)
        assert key in output(pair.database, "services", "show", key)
        assert "read it in the database" in pair.complaint("services", "show", key)
        assert key in pair.remotely("services", "list")
        assert "is deregistered" in pair.remotely("services", "remove", key)


def test_services_are_approved_and_removed(pair: Pair) -> None:
    assert pair.remotely("services", "approve", "invoices") == "scaicontrol/invoices is approved.\n"
    result = command(NOWHERE, "services", "approve", "invoices", "--url", pair.url, "--json", REGISTRY_TOKEN=pair.token)
    assert result.stderr == f"Changed in {pair.url}.\n"
    approved = json.loads(result.stdout)
    assert approved == json.loads(output(pair.database, "services", "approve", "invoices", "--json"))
    assert (approved["status"], approved["approved"]) == ("up", True)
    by_hand = command(pair.database, "services", "approve", "invoices")
    assert by_hand.stderr == f"Changed in {pair.database}.\n"

    assert "did you mean my-model?" in pair.same_complaint("services", "remove", "my-modell")
    assert pair.same_complaint("services", "remove", "twin").endswith("say which with --dialect")
    assert "chap/twin" in pair.remotely("services", "remove", "twin", "--dialect", "chap")
    pair.remotely("subscriptions", "add", "invoices", "tenant-42")
    assert "1 active subscription" in pair.same_complaint("services", "remove", "invoices")
    assert "account:operations" in output(pair.database, "events", "--service", "twin")


def test_subscriptions(pair: Pair) -> None:
    assert pair.same("subscriptions", "list") == "There are no subscriptions.\n"
    added = json.loads(pair.remotely("subscriptions", "add", "my-model", "tenant-42", "--json"))
    assert pair.same_complaint("subscriptions", "add", "my-model", "tenant-42")
    assert "did you mean" in pair.same_complaint("subscriptions", "add", "my-modle", "tenant-42")
    assert "tenant-42" in pair.same("subscriptions", "list")
    assert "is cancelled" in pair.remotely("subscriptions", "cancel", str(added["id"]))
    assert pair.same_complaint("subscriptions", "cancel", str(added["id"]))
    pair.same("subscriptions", "list", "--json")


def test_accounts(pair: Pair) -> None:
    token = pair.remotely("accounts", "create", "scaiflow", "--slug", "scaiflow", "--expires", "90d").strip()
    assert re.fullmatch(r"rgw_\w+_[\w-]{43}", token)
    assert "scaiflow" in pair.same("accounts", "list")
    pair.same("accounts", "list", "--json")
    assert "already" in pair.same_complaint("accounts", "create", "scaiflow")
    assert "there are: registry:manage, read:catalog, admin:registry, super_admin" in pair.same_complaint(
        "accounts", "create", "x", "--scope", "nonsense"
    )
    assert "letters, digits" in pair.same_complaint("accounts", "create", "bad name!")
    rotated = json.loads(pair.remotely("accounts", "rotate", "scaiflow", "--overlap", "1h", "--json"))
    assert rotated["token"].startswith(f"rgw_{rotated['tokens'][-1]['id']}_")
    assert json.loads(output(pair.database, "accounts", "rotate", "scaiflow", "--json"))["name"] == "scaiflow"
    made = json.loads(pair.remotely("accounts", "create", "reader", "--scope", "read:catalog", "--json"))
    assert (made["scopes"], made["tokens"][0]["expires_at"]) == (["read:catalog"], None)
    assert "was revoked at" in pair.remotely("accounts", "revoke", "scaiflow")
    assert json.loads(pair.remotely("accounts", "revoke", "scaiflow", "--json"))["revoked_at"]
    assert "is revoked" in pair.same_complaint("accounts", "rotate", "scaiflow")
    assert pair.same_complaint("accounts", "revoke", "nobody")
    pair.same("accounts", "list")


LONG = "x" * 1100


NONSENSE = (
    ("services", "list", "--host", ""),
    ("services", "list", "--tool", LONG),
    ("services", "list", "--limit", "9" * 30),
    ("services", "list", "--dialect", ""),
    ("services", "show", ""),
    ("services", "show", LONG),
    ("services", "show", ".."),
    ("services", "show", ".", "--dialect", "chap"),
    ("services", "wait", ""),
    ("services", "approve", ""),
    ("services", "remove", "my-model", "--reason", LONG),
    ("events", "--service", ""),
    ("events", "--actor", LONG),
    ("events", "--limit", "9" * 30),
    ("accounts", "create", ""),
    ("accounts", "create", "x", "--slug", LONG),
    ("accounts", "create", "x", "--scope", " a"),
    ("accounts", "rotate", " a"),
    ("accounts", "revoke", ""),
    ("subscriptions", "add", "", "tenant-42"),
    ("subscriptions", "add", "my-model", "a\tb"),
    ("subscriptions", "cancel", "0"),
    ("subscriptions", "cancel", "9" * 30),
    ("webhooks", "remove", "9" * 30),
    ("export", "--dialect", ""),
)


def test_what_is_invalid_is_refused_alike(pair: Pair) -> None:
    for arguments in NONSENSE:
        assert "refuses this" not in pair.same_complaint(*arguments), arguments


def test_what_a_token_does_not_permit_is_said(pair: Pair) -> None:
    reader = output(pair.database, "accounts", "create", "reader", "--scope", "read:catalog").strip()
    listing = ("accounts", "list")
    assert "needs a token: set REGISTRY_TOKEN" in complaint(NOWHERE, *listing, "--url", pair.url)
    assert "lacks the scope admin:registry" in pair.complaint(*listing, token=reader)
    assert "unknown, expired or revoked" in pair.complaint(*listing, token="rgw_0123456789abcdef_x")
    assert "must be one line of ASCII" in pair.complaint(*listing, token="ä")
    output(pair.database, "services", "list", "--url", pair.url)  # the catalogue is open


def test_without_an_administrator_administration_is_off(sqlite_url: str) -> None:
    with local_gateway(sqlite_url) as gateway:
        message = complaint(NOWHERE, "accounts", "list", "--url", gateway.url)
        assert message.startswith(f"administration over HTTP is off at {gateway.url}")
        assert "accounts create NAME --scope admin:registry" in message


def test_the_environment_has_the_url_and_an_option_beats_it(unchanged: Pair) -> None:
    def run(*arguments: str, **environment: str | None) -> str:
        result = command(NOWHERE, *arguments, **environment)  # type: ignore[arg-type] # None unsets a variable
        assert result.exit_code == 0, result.output
        return result.stdout

    no_database = {"REGISTRY_GATEWAY_DATABASE_URL": None, "REGISTRY_GATEWAY_URL": f" {unchanged.url}/ "}
    assert "my-model" in run("services", "list", **no_database)
    assert "my-model" in run(
        "services", "list", "--database-url", unchanged.database, REGISTRY_GATEWAY_URL="http://x:1"
    )
    assert "my-model" in run("services", "list", "--url", unchanged.url, REGISTRY_GATEWAY_URL="http://x:1")
    both = ("services", "list", "--url", unchanged.url, "--database-url", unchanged.database)
    assert "not both" in complaint(unchanged.database, *both)
    assert "are both set" in complaint(unchanged.database, "services", "list", REGISTRY_GATEWAY_URL=unchanged.url)
    wrong = command(NOWHERE, "services", "list", **{**no_database, "REGISTRY_GATEWAY_URL": "gateway"})  # type: ignore[arg-type] # None unsets a variable
    assert "REGISTRY_GATEWAY_URL: it must be a URL" in wrong.stderr
    assert output(unchanged.database, "db", "current", REGISTRY_GATEWAY_URL=unchanged.url)  # it is not about a gateway


def test_where_there_is_no_gateway(unchanged: Pair) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        message = complaint(NOWHERE, "services", "list", "--url", f"http://127.0.0.1:{port}")
        assert "can't reach" in message
        assert "is the URL right?" in message
    for command_ in (["services", "list"], ["accounts", "list"], ["services", "approve", "x"]):
        message = complaint(NOWHERE, *command_, "--url", f"{unchanged.url}/elsewhere")
        assert "is not a registry-gateway" in message, message


def test_an_export_is_the_same(unchanged: Pair, tmp_path: Path) -> None:
    for arguments in ([], ["--events"], ["--dialect", "CHAP"], ["--dialect", "runspec", "--events"]):
        here = [json.loads(line) for line in output(unchanged.database, "export", *arguments).splitlines()]
        there = [json.loads(line) for line in unchanged.remotely("export", *arguments).splitlines()]
        assert here == there
        assert here
    kinds = [json.loads(line).get("kind") for line in unchanged.remotely("export", "--events").splitlines()]
    assert "account_created" in kinds
    without_token = output(NOWHERE, "export", "--events", "--url", unchanged.url)
    assert {json.loads(line).get("kind") for line in without_token.splitlines()} == {*kinds} - {"account_created"}
    assert unchanged.remotely("export", "--output", str(tmp_path / "export.jsonl")) == ""
    assert (tmp_path / "export.jsonl").read_text() == unchanged.remotely("export")


def test_the_doctor_takes_the_option_as_its_argument(unchanged: Pair) -> None:
    for arguments, environment in (
        ([unchanged.url], {}),
        (["--url", unchanged.url], {}),
        ([], {"REGISTRY_GATEWAY_URL": unchanged.url, "REGISTRY_GATEWAY_DATABASE_URL": None}),
        ([unchanged.url], {"REGISTRY_GATEWAY_URL": "http://x:1"}),
    ):
        checked = command(NOWHERE, "doctor", *arguments, "--json", **environment)
        assert json.loads(checked.stdout)["checked"] == unchanged.url
    assert "not both" in complaint(NOWHERE, "doctor", unchanged.url, "--url", unchanged.url)
    assert "not both" in complaint(NOWHERE, "doctor", unchanged.url, "--database-url", unchanged.database)


# --- events


def test_events_are_printed_alike(unchanged: Pair) -> None:
    services = [*("--kind", "registered"), *("--kind", "expired")]
    for arguments in (
        services,
        [*services, "--limit", "2"],
        [*services, "--since", "1h"],
        [*services, "--until", "1h"],
        ["--dialect", "CHAP"],
        ["--service", "my-model"],
        ["--actor", "test"],
    ):
        unchanged.same("events", *arguments)
        unchanged.same("events", *arguments, "--json")
    assert len(unchanged.remotely("events", *services, "--limit", "2").splitlines()) == 2
    assert "account" not in unchanged.remotely("events")
    assert "read them in the database" in unchanged.complaint("events", "--service", "account:operations")
    assert "read them in the database" in unchanged.complaint("events", "--kind", "account_created")


def test_many_events_are_read_page_by_page(unchanged: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "PAGE", 2)
    assert len(unchanged.same("events", "--actor", "test", "--limit", "5").splitlines()) == 5


def test_events_are_followed(pair: Pair) -> None:
    follow = [sys.executable, "-m", "registry_gateway", "events", "--follow", "--dialect", "chap", "--url", pair.url]
    with subprocess.Popen(follow, env={"PATH": os.environ["PATH"]}, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        while "expired" not in process.stdout.readline():
            pass
        wait_until(lambda: watchers(pair) == 1, "it watches")
        register(pair.database, "runspec", "unrelated")
        register(pair.database, "chap", "new-model")
        assert re.search(r"registered +chap/new-model +test \(192.0.2.7\)", process.stdout.readline())
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0


# --- services wait


class Waiting:
    """A `services wait` in a process of its own."""

    def __init__(self, url: str, *arguments: str) -> None:
        """Start it."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "registry_gateway", "services", "wait", *arguments],
            env={"PATH": os.environ["PATH"], "REGISTRY_GATEWAY_DATABASE_URL": url},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    @property
    def waits(self) -> bool:
        """Whether it has not ended yet."""
        return self._process.poll() is None

    def ended(self) -> tuple[int, str]:
        """Its exit code and what it printed."""
        printed, _ = self._process.communicate(timeout=30)
        return self._process.returncode, printed


def watchers(pair: Pair) -> float:
    """How many watch the gateway."""
    answer = httpx.get(f"{pair.url}/metrics", verify=False, trust_env=False)
    return Scrape(answer.text).value("registry_gateway_watchers")


def test_a_service_is_waited_for(unchanged: Pair) -> None:
    assert unchanged.same("services", "wait", "my-model") == "chap/my-model is up.\n"
    assert unchanged.same("services", "wait", "invoices", "--status", "PENDING") == "scaicontrol/invoices is pending.\n"
    assert unchanged.same("services", "wait", "twin") == "runspec/twin is up.\n"
    assert unchanged.same("services", "wait", "never", "--status", "gone") == "never is gone.\n"
    waited = json.loads(unchanged.same("services", "wait", "my-model", "--json"))
    assert waited == {"key": "my-model", "reached": True, "status": "up"}
    for database, options in ((unchanged.database, []), (NOWHERE, ["--url", unchanged.url])):
        late = command(database, "services", "wait", "invoices", "--timeout", "2s", *options)
        assert (late.exit_code, late.stdout) == (1, "")
        assert late.stderr == "invoices is not up after 2 s: scaicontrol/invoices is pending\n"


def test_a_wait_ends_with_the_change(pair: Pair) -> None:
    here, there = Waiting(pair.database, "new"), Waiting(NOWHERE, "new", "--url", pair.url)
    wait_until(lambda: watchers(pair) == 1, "it watches")
    assert here.waits
    assert there.waits
    register(pair.database, "chap", "new")
    began = time.monotonic()
    assert there.ended() == (0, "chap/new is up.\n")
    assert here.ended() == (0, "chap/new is up.\n")
    assert time.monotonic() - began < 5
    gone = Waiting(NOWHERE, "new", "--status", "gone", "--url", pair.url)
    wait_until(lambda: watchers(pair) == 1, "it watches")
    output(pair.database, "services", "remove", "new")
    assert gone.ended() == (0, "chap/new is gone.\n")


@pytest.mark.slow
def test_a_wait_is_not_disturbed_by_others(pair: Pair) -> None:
    waiting = Waiting(NOWHERE, "new", "--dialect", "chap", "--timeout", "3s", "--url", pair.url)
    wait_until(lambda: watchers(pair) == 1, "it watches")
    register(pair.database, "runspec", "new")
    register(pair.database, "chap", "new-one")
    code, said = waiting.ended()
    assert (code, said) == (1, "new is not up after 3 s: new is gone\n")


@pytest.mark.slow
def test_a_wait_continues_while_the_gateway_is_restarted(tmp_path: Path) -> None:
    with running_gateway(tmp_path) as gateway:
        database = f"sqlite:///{tmp_path}/registry.db"
        waiting = Waiting(NOWHERE, "new", "--url", gateway.url)
        looked = {"dialect": "catalogue", "operation": "service", "status": "4xx"}
        wait_until(
            lambda: (
                Scrape(gateway.http.get("/metrics").text)
                .series("registry_gateway_requests_total")
                .get(frozenset(looked.items()))
                == 3
            ),
            "it has looked in three dialects",
        )
        gateway.kill()
        register(database, "chap", "new")
        assert waiting.waits
        gateway.start()
        assert waiting.ended() == (0, "chap/new is up.\n")
