"""Every published client from its registration to its end: one process for the gateway, one for each client.

Three fleets share a gateway: one stays, one is asked to leave (SIGTERM), one is killed (SIGKILL). What takes
time happens to all clients at once, in the fixtures; each test then looks at one client.
"""

import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.e2e.chap_service import MODEL, SERVICES, VERSION
from tests.e2e.fleet import ALL_WELL, Fleet, Watched, running_fleet
from tests.e2e.gateway import CHAP_TTL, RUNSPEC_TTL, Gateway, running_gateway
from tests.e2e.polling import wait_until
from tests.e2e.registrant import Kind, each
from tests.e2e.runspec_agent import AGENTS

LONGEST_TTL = max(CHAP_TTL, RUNSPEC_TTL)
PAST_TTL = LONGEST_TTL + 1.0
"""Seconds after which a client that was not heard has no lease, whatever it is."""


@dataclass(frozen=True)
class Fleets:
    """The gateway and the three fleets on it."""

    gateway: Gateway
    staying: Fleet
    leaving: Fleet
    killed: Fleet


@pytest.fixture(scope="module")
def fleets(runnable_kinds: list[Kind], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleets]:
    """All three fleets, registered."""
    directory = tmp_path_factory.mktemp("lifecycle")
    with (
        running_gateway(directory) as gateway,
        running_fleet(gateway, runnable_kinds, directory, "staying") as staying,
        running_fleet(gateway, runnable_kinds, directory, "leaving") as leaving,
        running_fleet(gateway, runnable_kinds, directory, "killed") as killed,
    ):
        for fleet in (staying, leaving, killed):
            fleet.wait_until_listed()
        yield Fleets(gateway, staying, leaving, killed)


@pytest.fixture(scope="module")
def after_a_ttl(fleets: Fleets) -> dict[str, Watched]:
    """One fleet is killed, another watched until every lease that was not renewed since has run out."""
    for member in fleets.killed:
        member.child.kill()
    return fleets.staying.watch(PAST_TTL)


@dataclass(frozen=True)
class Outage:
    """What was seen of the fleet that stays around a crash of the gateway, by the names of its members."""

    before: dict[str, dict[str, Any] | None]
    on_return: dict[str, dict[str, Any] | None]
    """Their documents as soon as the gateway answered again."""
    afterwards: dict[str, Watched]


@pytest.fixture(scope="module")
def outage(fleets: Fleets) -> Outage:
    """The gateway is killed, stays away for longer than any lease lasts, and returns to the same database."""
    fleet = fleets.staying
    before = {member.name: member.document() for member in fleet}
    fleets.gateway.kill()
    leases_end = time.monotonic() + LONGEST_TTL
    fleet.wait_for_complaints()
    wait_until(lambda: time.monotonic() > leases_end, "every lease has run out")
    fleets.gateway.start()
    on_return = {member.name: member.document() for member in fleet}
    fleet.wait_for_heartbeats()
    return Outage(before, on_return, fleet.watch(PAST_TTL))


@each(*AGENTS)
def test_an_agent_is_listed_with_its_tools(fleets: Fleets, kind: Kind) -> None:
    instance = fleets.staying[kind].listed()

    assert instance["version"] == "7"
    assert instance["host"] == socket.gethostname()
    assert instance["active"] is True
    assert instance == fleets.gateway.listed(f"/instances/{instance['instance_id']}") | {
        "last_seen": instance["last_seen"]
    }
    rotate, restart = sorted(instance["tools"], key=lambda tool: len(tool["name"]))
    assert (rotate["name"], restart["name"]) == ("rotate", "restart")
    assert rotate["description"] == "Rotate the logs"
    assert rotate["inputSchema"]["properties"]["keep"]["default"] == 7
    assert rotate["x-command"] == "rotate"
    assert rotate["x-run-as"] == "logs"
    assert rotate["x-become-method"] == "dzdo"


@each(*AGENTS)
def test_an_agents_tools_are_found_by_name(fleets: Fleets, kind: Kind) -> None:
    assert fleets.staying[kind].listed()
    tool = fleets.gateway.listed("/tools/rotate")

    assert tool["description"] == "Rotate the logs"
    assert tool["hosts"][0]["host"] == socket.gethostname()
    assert tool["hosts"][0]["x-run-as"] == "logs"
    assert tool["name"] in [entry["name"] for entry in fleets.gateway.listed("/tools")]


@each(*SERVICES)
def test_a_service_is_listed_with_its_info(fleets: Fleets, kind: Kind) -> None:
    member = fleets.staying[kind]
    service = member.listed()

    assert service["info"]["id"] == member.name
    assert service["info"]["version"] == VERSION
    assert service["url"].startswith("http://127.0.0.1:")
    alone = fleets.gateway.listed(f"/v2/services/{member.name}")
    assert alone["info"] == service["info"]
    assert alone["registered_at"] == service["registered_at"]


@each(MODEL)
def test_what_only_chapkit_sends_comes_back(fleets: Fleets, kind: Kind) -> None:
    info = fleets.staying[kind].listed()["info"]

    assert info["model_metadata"]["organization"] == "Health Institute"
    assert info["period_type"] == "monthly"
    assert info["required_covariates"] == ["rainfall"]
    assert info["max_prediction_periods"] == 12
    # Members that no document mentions.
    assert info["target"] == "disease_cases"
    assert info["chapkit_version"] == "2.4.1"
    assert info["servicekit_version"] == "3.0.1"


def test_a_client_outlives_its_ttl_without_an_error(
    fleets: Fleets, after_a_ttl: dict[str, Watched], kind: Kind
) -> None:
    member = fleets.staying[kind]

    assert after_a_ttl[member.name] == ALL_WELL, member.evidence()
    assert member.complaints() == [], "it complained before it was watched"


@pytest.mark.usefixtures("after_a_ttl")
def test_a_killed_client_lapses(fleets: Fleets, kind: Kind) -> None:
    assert fleets.killed[kind].document() is None


def test_a_client_that_is_asked_to_end_is_gone_at_once(fleets: Fleets, kind: Kind) -> None:
    member = fleets.leaving[kind]
    member.wait_until_listed()
    member.wait_for_a_heartbeat()  # runspec listens to SIGTERM only once all that it sends at its start is out
    said = len(member.complaints())

    member.child.terminate()

    assert member.document() is None, "it should be gone by its own word, not when its lease has run out"
    assert member.complaints()[said:] == []


def test_a_client_is_not_lost_when_the_gateway_is_killed(fleets: Fleets, outage: Outage, kind: Kind) -> None:
    member = fleets.staying[kind]
    before, back = outage.before[member.name], outage.on_return[member.name]

    assert before is not None, f"it was not even there before\n{member.evidence()}"
    assert back is not None, f"lost by the gateway's crash\n{member.evidence()}"
    changing = {"last_seen", "last_ping_at", "expires_at", "last_updated"}
    assert {**back, **dict.fromkeys(changing)} == {**before, **dict.fromkeys(changing)}


def test_a_client_heartbeats_without_an_error_after_the_gateway_is_back(
    fleets: Fleets, outage: Outage, kind: Kind
) -> None:
    member = fleets.staying[kind]

    assert outage.afterwards[member.name] == ALL_WELL, member.evidence()
