"""`services`, `subscriptions` and `events`: what an administrator sees and does."""

import json
import re

import pytest

from registry_gateway.cli.output import age, details
from registry_gateway.observability.printable import printable
from tests.integration.command_line import command, complaint, output, register


def test_a_service_from_registration_to_removal(database_url: str) -> None:
    register(database_url, "chap", "my-model")
    listed = output(database_url, "services", "list")
    assert re.search(r"^my-model +chap +My-Model +1 +up +healthy +yes +\ds ago +http://192.0.2.7:8000$", listed, re.M)

    shown = output(database_url, "services", "show", "my-model")
    assert re.search(r"^Lease +3600 s, ends in (59m|1h)", shown, re.M)
    assert '"hello": "world"' in shown
    assert re.search(r"registered +test \(192.0.2.7\)", shown)

    assert "chap/my-model" in output(database_url, "services", "remove", "my-model", "--reason", "moved away")
    assert "No service is registered" in output(database_url, "services", "list")
    assert "is not registered in" in complaint(database_url, "services", "remove", "my-model")


def test_show_says_what_is_wrong(sqlite_url: str) -> None:
    register(sqlite_url, "chap", "my-model", address="http://localhost:8000")
    shown = output(sqlite_url, "services", "show", "my-model")
    assert re.search(r"^Findings\nwarning +loopback_address\n  Its address is localhost: .*\n  -> Have ", shown, re.M)
    [finding] = json.loads(output(sqlite_url, "services", "show", "my-model", "--json"))["findings"]
    assert finding["code"] == "loopback_address"
    register(sqlite_url, "chap", "well")
    assert "Findings" not in output(sqlite_url, "services", "show", "well")


def test_show_says_what_became_of_a_service_that_is_gone(sqlite_url: str) -> None:
    register(sqlite_url, "chap", "my-model")
    output(sqlite_url, "services", "remove", "my-model", "--reason", "moved away")
    shown = output(sqlite_url, "services", "show", "my-model")
    assert shown.startswith("my-model is no longer registered")
    assert re.search(r"deregistered +cli:\S+ \(\S+\) +moved away$", shown, re.M)
    assert re.search(r"^Lease +3600 s, ended 0s ago", shown, re.M)
    assert '"hello": "world"' in shown
    assert not re.search(r"^(Account|Approved)", shown, re.M)
    dossier = json.loads(output(sqlite_url, "services", "show", "my-model", "--json"))
    assert dossier["registered"] is False
    assert (dossier["status"], dossier["health"], dossier["approved"]) == ("gone", "gone", None)
    assert [event["reason"] for event in dossier["events"]] == [None, "moved away"]
    assert (dossier["document"], dossier["registration"]["owner"]) == ({"hello": "world"}, None)
    assert "no events of it" in complaint(sqlite_url, "services", "show", "never-there")


def test_a_model_that_lapsed_is_shown_with_its_document(sqlite_url: str) -> None:
    register(sqlite_url, "chap", "my-model", ttl=0.001)
    (listed,) = json.loads(output(sqlite_url, "services", "list", "--json"))
    assert (listed["key"], listed["health"]) == ("my-model", "lapsed")
    assert json.loads(output(sqlite_url, "services", "list", "--alive", "--json")) == []
    dossier = json.loads(output(sqlite_url, "services", "show", "my-model", "--json"))
    assert (dossier["registered"], dossier["health"]) == (True, "lapsed")
    assert dossier["document"] == {"hello": "world"}
    assert "chap/my-model" in output(sqlite_url, "services", "remove", "my-model")
    assert json.loads(output(sqlite_url, "services", "list", "--json")) == []


def test_show_as_json_has_it_all(database_url: str) -> None:
    register(database_url, "scaicontrol", "invoices", approved=False)
    register(database_url, "scaicontrol", "invoices", approved=False, version="2")
    output(database_url, "subscriptions", "add", "invoices", "tenant-42")
    dossier = json.loads(output(database_url, "services", "show", "invoices", "--json"))
    assert dossier["registered"] is True
    assert (dossier["status"], dossier["health"], dossier["approved"]) == ("pending", "healthy", False)
    assert dossier["document"] == {"hello": "world"}
    assert dossier["registration"]["lease"]["ttl"] == 3600
    assert [v["version"] for v in dossier["versions"]] == ["1", "2"]
    assert [s["subscriber"] for s in dossier["subscriptions"]] == ["tenant-42"]
    kinds = [event["kind"] for event in dossier["events"]]
    assert kinds == ["registered", "updated", "version_changed", "subscribed"]


def test_approval(sqlite_url: str) -> None:
    register(sqlite_url, "scaicontrol", "invoices", approved=False)
    assert re.search(" pending +healthy +no ", output(sqlite_url, "services", "list"))
    assert re.search(r"^Approved +no$", output(sqlite_url, "services", "show", "invoices"), re.M)
    assert "is approved" in output(sqlite_url, "services", "approve", "invoices")
    (listed,) = json.loads(output(sqlite_url, "services", "list", "--json"))
    assert (listed["key"], listed["status"], listed["health"], listed["approved"]) == (
        "invoices",
        "up",
        "healthy",
        True,
    )
    assert json.loads(output(sqlite_url, "services", "approve", "invoices", "--json"))["approved_at"]
    assert "cli:" in output(sqlite_url, "events", "--service", "invoices").splitlines()[-1]


def test_a_key_of_two_dialects_wants_the_dialect(sqlite_url: str) -> None:
    register(sqlite_url, "chap", "twin")
    register(sqlite_url, "runspec", "twin")
    message = complaint(sqlite_url, "services", "remove", "twin")
    assert message == "twin is registered in chap and runspec; say which with --dialect"
    output(sqlite_url, "services", "remove", "twin", "--dialect", "chap")
    left = json.loads(output(sqlite_url, "services", "list", "--json", "--alive"))
    assert [service["dialect"] for service in left] == ["runspec"]
    assert json.loads(output(sqlite_url, "services", "list", "--dialect", "chap", "--json")) == []
    assert "no dialect morse (installed: chap, " in complaint(sqlite_url, "services", "list", "--dialect", "morse")


def test_a_service_of_a_dialect_that_is_switched_off_can_be_removed(sqlite_url: str) -> None:
    register(sqlite_url, "runspec", "agent")
    assert "deregistered" in output(sqlite_url, "services", "remove", "agent", REGISTRY_GATEWAY_DIALECTS="chap")


def test_subscriptions_block_the_removal(database_url: str) -> None:
    register(database_url, "scaicontrol", "invoices")
    assert output(database_url, "subscriptions", "list") == "There are no subscriptions.\n"
    added = json.loads(output(database_url, "subscriptions", "add", "invoices", "tenant-42", "--json"))
    assert "subscribed to invoices already" in complaint(database_url, "subscriptions", "add", "invoices", "tenant-42")
    message = complaint(database_url, "services", "remove", "invoices")
    assert "1 active subscription" in message
    assert "registry-gateway subscriptions list" in message
    assert "is cancelled" in output(database_url, "subscriptions", "cancel", str(added["id"]))
    (listed,) = json.loads(output(database_url, "subscriptions", "list", "--json"))
    assert listed["state"] == "cancelled"
    output(database_url, "services", "remove", "invoices")
    assert "there is no active subscription 4711" in complaint(database_url, "subscriptions", "cancel", "4711")
    assert "is not registered" in complaint(database_url, "subscriptions", "add", "invoices", "tenant-42")


def test_events_as_lines_and_as_json(sqlite_url: str) -> None:
    register(sqlite_url, "chap", "one")
    register(sqlite_url, "chap", "two")
    register(sqlite_url, "runspec", "three")
    lines = output(sqlite_url, "events").splitlines()
    assert [line.split()[3] for line in lines] == ["chap/one", "chap/two", "runspec/three"]
    assert re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d[+-]\d\d:\d\d  registered ", lines[0])
    assert len(output(sqlite_url, "events", "--limit", "1").splitlines()) == 1
    assert len(output(sqlite_url, "events", "--dialect", "chap").splitlines()) == 2
    (line,) = output(sqlite_url, "events", "--service", "two", "--json").splitlines()
    assert json.loads(line)["kind"] == "registered"


def test_events_of_a_time_a_kind_and_an_author(sqlite_url: str) -> None:
    register(sqlite_url, "chap", "one")
    register(sqlite_url, "chap", "two")
    output(sqlite_url, "services", "remove", "one")
    output(sqlite_url, "accounts", "create", "alice")

    def kinds(*options: str) -> list[str]:
        return [json.loads(line)["kind"] for line in output(sqlite_url, "events", "--json", *options).splitlines()]

    everything = ["registered", "registered", "deregistered", "account_created"]
    assert kinds() == kinds("--since", "1h") == kinds("--until", "2100-01-01T00:00:00Z") == everything
    assert kinds("--kind", "deregistered", "--kind", "account_created") == everything[2:]
    assert kinds("--actor", "test") == everything[:2]
    assert kinds("--until", "1h") == kinds("--since", "2100-01-01T00:00:00Z") == []
    assert kinds("--since", "1h", "--service", "one", "--dialect", "chap") == ["registered", "deregistered"]
    second = json.loads(output(sqlite_url, "events", "--json").splitlines()[1])
    assert kinds("--since", str(second["at"])) == everything[1:]
    assert kinds("--until", str(second["at"])) == everything[:1]
    printed = output(sqlite_url, "events").splitlines()[3][:25]
    assert kinds("--since", printed)[-1:] == everything[-1:]  # as it is printed

    few = command(sqlite_url, "events", "--since", "1h", "--limit", "1")
    assert (few.stdout.count("\n"), few.stderr) == (1, "Only the newest 1 events are printed; --limit prints more\n")
    assert command(sqlite_url, "events", "--limit", "1").stderr == ""
    assert "it is not a time" in complaint(sqlite_url, "events", "--since", "yesterday")
    assert "exploded" in complaint(sqlite_url, "events", "--kind", "exploded")
    assert "not both" in complaint(sqlite_url, "events", "--follow", "--until", "1h")


@pytest.mark.parametrize(
    ("seconds", "text"), [(-1, "0s"), (0.9, "0s"), (61, "1m 1s"), (3600, "1h 0m"), (90_061, "1d 1h")]
)
def test_ages(seconds: float, text: str) -> None:
    assert age(seconds) == text


def test_the_events_of_a_service_in_order(sqlite_url: str) -> None:
    register(sqlite_url, "scaicontrol", "invoices", approved=False)
    output(sqlite_url, "services", "approve", "invoices")
    register(sqlite_url, "scaicontrol", "invoices", version="2", address="http://192.0.2.8:8000")
    output(sqlite_url, "services", "remove", "invoices", "--reason", "moved")
    lines = output(sqlite_url, "events", "--service", "invoices").splitlines()
    told = [line.split(None, 2)[2] for line in lines]
    by_me = r"cli:\S+ \(\S+\)"
    for line, pattern in zip(
        told,
        [
            r"registered +scaicontrol/invoices +test \(192.0.2.7\) +version=1  service=Invoices  .*approval=pending",
            rf"approved +scaicontrol/invoices +{by_me}",
            r"updated +\S+ +\S+ \(192.0.2.7\) +address: http://192.0.2.7:8000 -> http://192.0.2.8:8000",
            r"version_changed +\S+ +\S+ \(192.0.2.7\) +version: 1 -> 2",
            rf"deregistered +\S+ +{by_me} +moved",
        ],
        strict=True,
    ):
        assert re.fullmatch(pattern, line), line
    assert len({line.index("scaicontrol/") for line in lines}) == 1


def test_details_that_came_or_went() -> None:
    changed = {"old_address": None, "new_address": "http://a", "ttl": 30.0, "gone": None, "ended_at": 0.0}
    told = details(changed)
    assert told.startswith("address: - -> http://a  ttl=30  ended_at=19")


def test_names_cannot_move_the_cursor() -> None:
    assert printable("a\x1b[2Jb\nc\x9bé") == "a\\x1b[2Jb\\nc\\x9bé"
