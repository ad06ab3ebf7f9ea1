"""The words of docs/glossary.md are those of the code, the schemas, the command line, the page and the docs."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import msgspec
import pytest

from registry_gateway.bulk import exporting
from registry_gateway.cli import main
from registry_gateway.cli.services.details import Details
from registry_gateway.core.model import Event, EventKind
from registry_gateway.core.model import Registration as StoredRegistration
from registry_gateway.core.status import Status
from registry_gateway.endpoints.admin import wire as admin
from registry_gateway.endpoints.admin.openapi import OPERATIONS as ADMIN
from registry_gateway.endpoints.catalogue.openapi import operations
from registry_gateway.store.tables import Table
from registry_gateway.wire import catalogue

CHECKOUT = Path(__file__).parents[2]
DOCS = CHECKOUT / "docs"
PAGE = CHECKOUT / "registry_gateway" / "endpoints" / "page"

STATUSES = {status.value for status in Status}
KINDS = {kind.value for kind in EventKind}

OLD_MEMBERS = {"location", "offers", "offer", "capabilities", "most_offers"}
"""Names of members and columns that have others now."""

OLD_STATUSES = {"active", "inactive", "deregistered", "alive", "dead"}
"""What is no status of a service."""

WORDS = """
registration, lease, TTL, heartbeat, renew, expire, lapse, mass lapse, last state, deregister, revoke, address,
client address, service address, tool, dialect, adapter, sidecar, key,
account, owner, approval, absence, judging time, presence, document, client, well,
webhook, receiver, message, delivery, attempt, secret, position, hold, watch, snapshot, change
"""

SECTIONS = ("Services and leases", "Notifications", "Gateways")
"""The sections with a table of these words."""

ANSWERS: dict[str, type[msgspec.Struct]] = {
    "a service in a list": catalogue.Service,
    "a list": catalogue.ServiceList,
    "one service": catalogue.ServiceDetail,
    "events": catalogue.EventList,
    "a change": catalogue.Change,
    "statistics": catalogue.Stats,
    "administration": admin.ServiceView,
    "export": exporting.Registration,
    "services show --json": Details,
    "services approve --json": StoredRegistration,
    "events --json": Event,
}
"""What the gateway answers and prints in JSON."""


def section(title: str, document: str = "glossary.md") -> str:
    """Return a section of a document."""
    text = (DOCS / document).read_text()
    return re.split(r"^## ", text.split(f"\n## {title}\n", 1)[1], maxsplit=1, flags=re.M)[0]


def rows(text: str) -> list[str]:
    """Return the words in code marks that begin the rows of a table, in their order."""
    return re.findall(r"^\| `(\w+)` \|", text, re.M)


def schema(of: type[msgspec.Struct]) -> dict[str, Any]:
    """Return the JSON Schemas of a type and of all it is made of, by name."""
    _, parts = msgspec.json.schema_components([of], ref_template="{name}")
    return parts


def members(of: type[msgspec.Struct]) -> Iterator[tuple[str, Any]]:
    """Yield the members of a type and of all it is made of, with their schemas."""
    for part in schema(of).values():
        yield from part.get("properties", {}).items()


def texts(found: object) -> Iterator[str]:
    """Yield every value of an `enum` in a schema."""
    if isinstance(found, dict):
        yield from found.get("enum", ())
        for value in found.values():
            yield from texts(value)
    elif isinstance(found, list):
        for value in found:
            yield from texts(value)


def helps(command: click.Command, path: str = "registry-gateway") -> Iterator[tuple[str, str]]:
    """Yield each command with what its `--help` prints."""
    context = click.Context(command, info_name=path, terminal_width=200, max_content_width=200)
    yield path, command.get_help(context)
    if isinstance(command, click.Group):
        for name, of_it in command.commands.items():
            yield from helps(of_it, f"{path} {name}")


def test_statuses_and_event_kinds_are_those_of_the_code() -> None:
    assert rows(section("Status")) == [status.value for status in Status]
    assert rows(section("Events")) == [kind.value for kind in EventKind]


def test_every_word_has_one_entry() -> None:
    entries = re.findall(r"^\| ([^|`]+?) \| (?!Means)", "".join(map(section, SECTIONS)), re.M)
    entries = [entry for entry in entries if set(entry) != {"-"}]
    wanted = {word.strip() for word in WORDS.replace("\n", " ").split(",")}
    assert sorted(entries) == sorted(wanted)
    assert "An event is" in section("Events")
    assert "The actor is" in section("Events")


@pytest.mark.parametrize("name", ANSWERS)
def test_no_answer_has_an_old_word(name: str) -> None:
    for member, found in members(ANSWERS[name]):
        assert member not in OLD_MEMBERS, member
        if member == "status":
            assert found != {"type": "string"}, "a status is one of five words"
            assert not OLD_STATUSES & set(texts(found))
    for part, found in schema(ANSWERS[name]).items():
        if part == "Event":
            assert {"client_address", "service_address"} <= set(found["properties"])
            assert "address" not in found["properties"]
        if part == "Status":
            assert set(texts(found)) == STATUSES
        if part == "EventKind":
            assert set(texts(found)) == KINDS


def test_no_operation_has_an_old_word() -> None:
    described = [*operations(protected=False), *ADMIN]
    parameters = {parameter.name for operation in described for parameter in operation.parameters}
    assert "tool" in parameters
    assert not OLD_MEMBERS & parameters
    statuses = [p for o in described for p in o.parameters if p.name == "status"]
    assert len(statuses) == 2, "the list's and the watch's"
    for parameter in statuses:
        assert set(texts(msgspec.json.schema(parameter.kind))) == STATUSES


def test_no_column_has_an_old_word() -> None:
    columns = {(table.name, column.name) for table in Table.metadata.sorted_tables for column in table.columns}
    assert not OLD_MEMBERS & {column for _, column in columns}
    assert ("events", "address") not in columns
    assert {("events", "client_address"), ("events", "service_address"), ("documents", "tools")} <= columns
    assert ("registrations", "address") in columns


def test_the_page_has_the_same_statuses() -> None:
    listed = re.search(r"const STATUSES = \[(.*?)\]", (PAGE / "scripts" / "filters.js").read_text())
    everything = re.search(r'const ALL = "(.*?)"', (PAGE / "scripts" / "service.js").read_text())
    assert listed is not None
    assert everything is not None
    assert set(re.findall(r'"(\w+)"', listed[1])) == STATUSES
    assert set(everything[1].split(",")) == STATUSES
    style = (PAGE / "styles" / "style.css").read_text()
    assert set(re.findall(r"\.is-(\w+)", style)) >= STATUSES
    assert set(re.findall(r"\.was-(\w+)", style)) <= KINDS
    compared = re.findall(r'\bstatus [!=]== "(\w+)"', "".join(path.read_text() for path in PAGE.glob("scripts/*.js")))
    assert compared
    assert set(compared) <= STATUSES
    worded = re.search(r"const WORDS = \{(.*?)\}", (PAGE / "scripts" / "text.js").read_text(), re.S)
    assert worded is not None
    assert set(re.findall(r"^  (\w+):", worded[1], re.M)) <= KINDS


def test_help_texts_have_the_same_words() -> None:
    found = dict(helps(main))
    assert all(status in found["registry-gateway services list"] for status in STATUSES)
    for path, text in found.items():
        assert not re.findall(r'\.status == "(?!pending|up|degraded|down|gone)\w+"', text), path
        assert set(re.findall(r'\.kind == "(\w+)"', text)) <= KINDS, path
        assert not re.search(r"\b(offers|capabilities|location)\b", text), path


@pytest.mark.parametrize("document", ["cli.md", "wire/catalog.md", "wire/admin.md", "operations.md"])
def test_the_docs_have_the_same_words(document: str) -> None:
    text = (DOCS / document).read_text()
    assert set(re.findall(r'"status":\s*"(\w+)"', text)) <= STATUSES | {"ok", "ready", "unavailable"}
    assert set(re.findall(r'"kind":\s*"(\w+)"', text)) <= KINDS
    assert not set(re.findall(r'"(\w+)":', text)) & OLD_MEMBERS
    for events in re.findall(r'"actor":.*?\}', text, re.S):
        assert '"address":' not in events


def test_the_page_for_adapters_has_no_old_member() -> None:
    assert not set(re.findall(r"`(\w+)`", (DOCS / "adding-an-adapter.md").read_text())) & OLD_MEMBERS


def test_the_catalogue_s_table_has_each_status() -> None:
    assert rows(section("Status", "wire/catalog.md")) == [status.value for status in Status]
