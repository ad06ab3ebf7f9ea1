"""Keys: the right one works, a wrong or missing one registers nothing and the client says why."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.e2e.chap_service import PLAIN_SERVICE
from tests.e2e.fleet import Fleet, running_fleet
from tests.e2e.gateway import Gateway, running_gateway
from tests.e2e.polling import wait_until
from tests.e2e.registrant import Kind, Registrant, each
from tests.e2e.runspec_agent import AGENT, EARLY_AGENT

pytestmark = pytest.mark.slow

# One of each client is enough: how a key is sent depends on nothing else.
KINDS = [AGENT, EARLY_AGENT, PLAIN_SERVICE]

CHAP_KEY = "chap-key-5d1f0c"
RUNSPEC_KEY = "runspec-key-9a7e42"
WRONG_KEY = "wrong-key-3b60d8"


@dataclass(frozen=True)
class Fleets:
    """A gateway with keys, and fleets that have the right one, a wrong one and none."""

    gateway: Gateway
    right: Fleet
    wrong: Fleet
    keyless: Fleet


def right_key(kind: Kind) -> str:
    return CHAP_KEY if kind is PLAIN_SERVICE else RUNSPEC_KEY


def wrong_key(_: Kind) -> str:
    return WRONG_KEY


@pytest.fixture(scope="module")
def fleets(runnable_kinds: list[Kind], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleets]:
    """All three fleets, started."""
    directory = tmp_path_factory.mktemp("credentials")
    settings = {"SERVICEKIT_REGISTRATION_KEY": CHAP_KEY, "REGISTRY_GATEWAY_RUNSPEC_API_KEY": RUNSPEC_KEY}
    kinds = [kind for kind in KINDS if kind in runnable_kinds]
    with (
        running_gateway(directory, settings) as gateway,
        running_fleet(gateway, kinds, directory, "right", key=right_key) as right,
        running_fleet(gateway, kinds, directory, "wrong", key=wrong_key) as wrong,
        running_fleet(gateway, kinds, directory, "keyless") as keyless,
    ):
        # A wrong key is often the right one of something else, so it must not be logged either.
        gateway.secrets.add(WRONG_KEY)
        yield Fleets(gateway, right, wrong, keyless)
        for fleet in (wrong, keyless):
            for member in fleet:
                assert member.document() is None


def first_complaint(member: Registrant) -> str:
    """What the client says when the gateway refuses it."""
    return wait_until(member.complaints, f"{member.name} complains", evidence=member.evidence)[0]


@each(*KINDS)
def test_the_right_key_registers_renews_and_deregisters(fleets: Fleets, kind: Kind) -> None:
    member = fleets.right[kind]

    member.wait_until_listed()
    member.wait_for_a_heartbeat()
    member.child.terminate()

    assert member.document() is None
    assert member.complaints() == []


@pytest.mark.parametrize("fleet", ["wrong", "keyless"])
@each(AGENT, EARLY_AGENT)
def test_an_agent_learns_that_its_key_is_refused(fleets: Fleets, kind: Kind, fleet: str) -> None:
    member: Registrant = getattr(fleets, fleet)[kind]

    complaint = first_complaint(member)

    assert complaint.startswith("runspec serve: registry register failed: HTTP 403 from ")
    cause = {"wrong": "the X-API-Key (--registry-key) is not", "keyless": "no X-API-Key came"}[fleet]
    assert f'/instances: {{"detail":"Invalid or missing API key: {cause}' in complaint
    assert member.document() is None


@pytest.mark.parametrize(("fleet", "status"), [("wrong", 401), ("keyless", 422)])
@each(PLAIN_SERVICE)
def test_a_service_is_told_that_its_key_is_refused(fleets: Fleets, kind: Kind, fleet: str, status: int) -> None:
    member: Registrant = getattr(fleets, fleet)[kind]

    complaint = first_complaint(member)

    assert "registration.attempt_failed" in complaint
    assert f"'{status} " in complaint
    assert member.document() is None
