"""Findings that an adapter has of its own: where they are shown, and what it is asked about."""

import json
import time
from collections.abc import Mapping, Sequence
from importlib.metadata import EntryPoint
from typing import Annotated, Any

import anyio
import msgspec
import pytest
from msgspec import Meta

from registry_gateway.adapter import Adapter, Entry, Finding, LeasePolicy, Mount, fastapi_errors, finding, installation
from tests.conftest import GatewayFactory, ManualClock
from tests.integration.catalogue_reader import shown
from tests.integration.command_line import command, output, register


class HarbourSettings(msgspec.Struct, frozen=True):
    """The settings of a dialect of these tests."""

    member: Annotated[str, Meta(description="A member that documents must have.")] = "draught"


def findings(own: HarbourSettings, entry: Entry) -> Sequence[Finding]:
    """Find a document without the member of the settings."""
    if own.member in json.loads(entry.document):
        return []
    summary = f"{entry.registration.name} ({entry.health}) has no {own.member}"
    return [finding.error("harbour_incomplete", summary, "Send it.")]


async def notes(own: HarbourSettings, entry: Entry) -> Mapping[str, str]:
    """Say what the settings ask for; without it, take too long."""
    if own.member == "nothing":
        await anyio.sleep_forever()
    return {"Asked for": f"{own.member} of {entry.registration.key}"}


async def inspect(own: HarbourSettings, alive: Sequence[Entry]) -> Sequence[Finding]:
    """Find the live services; without anything to ask for, take too long."""
    if own.member == "nothing":
        await anyio.sleep_forever()
    keys = ", ".join(entry.registration.key for entry in alive)
    return [finding.warning("harbour_seen", f"Seen: {keys}", "Look away.")]


adapter = Adapter(
    name="harbour",
    segments=frozenset({"harbour"}),
    settings=HarbourSettings,
    policy=lambda _core, _own: LeasePolicy(late_renewal="refuse", retention=0),
    mount=lambda _core, _own: Mount([], fastapi_errors.fault),
    findings=findings,
    notes=notes,
    inspect=inspect,
)


@pytest.fixture(autouse=True)
def _installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the dialect installed beside the others."""
    real = installation.entry_points  # type: ignore[attr-defined] # an import of the module
    point = EntryPoint("harbour", f"{__name__}:adapter", installation.GROUP)
    monkeypatch.setattr(installation, "entry_points", lambda group: [*real(group=group), point])


SEEN = {"code": "harbour_seen", "severity": "warning", "summary": "Seen: pier", "advice": "Look away."}


def test_they_are_shown_in_the_catalogue_by_services_show_and_by_the_doctor(
    start_gateway: GatewayFactory, database_url: str, clock: ManualClock
) -> None:
    register(database_url, "harbour", "pier", address="http://localhost:8000")
    register(database_url, "chap", "my-model")  # its document has no draught either

    async def catalogue(key: str, dialect: str = "harbour") -> list[Any]:
        clock.time = time.time()  # the services were registered by the machine's clock
        async with start_gateway(database_url) as client:
            return list((await shown(client, dialect, key))["findings"])

    own = {
        "code": "harbour_incomplete",
        "severity": "error",
        "summary": "Pier (healthy) has no draught",
        "advice": "Send it.",
    }
    in_catalogue = anyio.run(catalogue, "pier")
    assert in_catalogue[0] == own
    assert [found["code"] for found in in_catalogue] == ["harbour_incomplete", "loopback_address"]  # the worst first
    assert anyio.run(catalogue, "my-model", "chap") == []
    assert json.loads(output(database_url, "services", "show", "pier", "--json"))["findings"] == in_catalogue
    report = command(database_url, "doctor", "--json", REGISTRY_GATEWAY_HOST="127.0.0.1")
    assert report.exit_code == 1
    assert json.loads(report.stdout)["findings"] == [
        {"dialect": None, "key": None, **SEEN},
        *({"dialect": "harbour", "key": "pier", **found} for found in in_catalogue),
    ]


def test_they_follow_the_settings_of_the_adapter(sqlite_url: str) -> None:
    register(sqlite_url, "harbour", "pier")
    environment = {"REGISTRY_GATEWAY_HOST": "127.0.0.1", "REGISTRY_GATEWAY_HARBOUR_MEMBER": "hello"}
    [seen] = json.loads(command(sqlite_url, "doctor", "--json", **environment).stdout)["findings"]
    assert seen["code"] == "harbour_seen"
    assert json.loads(output(sqlite_url, "services", "show", "pier", "--json", **environment))["findings"] == []


def test_there_are_none_of_a_service_that_is_gone(
    start_gateway: GatewayFactory, sqlite_url: str, clock: ManualClock
) -> None:
    register(sqlite_url, "harbour", "pier", ttl=0.001)
    time.sleep(0.01)
    assert json.loads(output(sqlite_url, "services", "show", "pier", "--json"))["findings"] == []

    async def catalogue() -> tuple[str, list[Any]]:
        clock.time = time.time()
        async with start_gateway(sqlite_url) as client:
            service = await shown(client, "harbour", "pier")
            return service["status"], service["findings"]

    assert anyio.run(catalogue) == ("gone", [])


def test_notes_are_shown_of_what_is_registered(
    start_gateway: GatewayFactory, sqlite_url: str, clock: ManualClock
) -> None:
    register(sqlite_url, "harbour", "pier")
    register(sqlite_url, "chap", "my-model")
    environment = {"REGISTRY_GATEWAY_HARBOUR_MEMBER": "hello"}

    async def catalogue(key: str, dialect: str = "harbour") -> object:
        clock.time = time.time()
        async with start_gateway(sqlite_url, environment) as client:
            return (await shown(client, dialect, key))["notes"]

    assert anyio.run(catalogue, "pier") == {"Asked for": "hello of pier"}
    assert anyio.run(catalogue, "my-model", "chap") == {}
    assert "Asked for     hello of pier\n" in output(sqlite_url, "services", "show", "pier", **environment)


def test_an_adapter_that_takes_too_long_is_not_waited_for(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installation, "NOTES_WITHIN", 0.1)
    monkeypatch.setattr(installation, "INSPECT_WITHIN", 0.1)
    register(sqlite_url, "harbour", "pier")
    environment = {"REGISTRY_GATEWAY_HOST": "127.0.0.1", "REGISTRY_GATEWAY_HARBOUR_MEMBER": "nothing"}
    assert json.loads(output(sqlite_url, "services", "show", "pier", "--json", **environment))["notes"] == {}
    found = json.loads(command(sqlite_url, "doctor", "--json", **environment).stdout)["findings"]
    assert [one["code"] for one in found] == ["harbour_not_checked", "harbour_incomplete"]
