"""A ScaiControl service and its administrator: a process that calls the API, the command line beside it."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pytest

from tests.e2e.gateway import Gateway, running_gateway
from tests.e2e.scaicontrol_service import ScaiControlService

StartService = Callable[[str, str, str], ScaiControlService]
"""Start a service by its slug, its version and its token."""


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with running_gateway(tmp_path_factory.mktemp("scaicontrol")) as gateway:
        yield gateway


@pytest.fixture(scope="module")
def token(gateway: Gateway) -> str:
    """The token of an account that may register."""
    return gateway.token("billing", "registry:manage")


@pytest.fixture(scope="module")
def start_service(gateway: Gateway, tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartService]:
    """Start services, which end with the module at the latest."""
    with ExitStack() as processes:

        def start(slug: str, version: str, token: str) -> ScaiControlService:
            service = ScaiControlService(gateway, tmp_path_factory.mktemp(slug), slug, version, token)
            processes.callback(service.child.close)
            return service

        yield start


def shown(gateway: Gateway, slug: str) -> dict[str, Any]:
    """What the administrator sees of a service."""
    document: dict[str, Any] = json.loads(gateway.command("services", "show", slug, "--json"))
    return document


def slugs(gateway: Gateway) -> list[str]:
    """The services the administrator sees."""
    return [entry["key"] for entry in json.loads(gateway.command("services", "list", "--json"))]


def test_a_service_from_registration_to_deregistration(
    gateway: Gateway, token: str, start_service: StartService
) -> None:
    service = start_service("invoices", "1.0.0", token)

    registered = service.first("register")
    assert registered.status == 201, service.evidence()
    assert registered.body["data"]["slug"] == "invoices"
    assert registered.body["data"]["version"] == "1.0.0"
    assert registered.body["data"]["status"] == "pending"
    assert registered.body["meta"]["request_id"] in gateway.log()

    waiting = service.next_heartbeat()
    assert waiting.status == 200
    assert waiting.body["data"]["ok"] is True
    assert waiting.body["data"]["status"] == "pending", "a heartbeat approves nothing"

    gateway.command("services", "approve", "invoices")
    assert service.next_heartbeat().body["data"]["status"] == "active"

    # A new version of it is deployed: the old process just ends, the new one finds its slug taken.
    service.child.kill()
    successor = start_service("invoices", "1.1.0", token)
    taken = successor.first("register")
    assert taken.status == 409
    assert taken.body["error"]["code"] == "conflict"
    updated = successor.first("update")
    assert updated.status == 200
    assert updated.body["data"]["version"] == "1.1.0"
    assert updated.body["data"]["status"] == "active", "it need not be approved again"
    assert [entry["version"] for entry in shown(gateway, "invoices")["versions"]] == ["1.0.0", "1.1.0"]

    assert successor.child.terminate() == 0
    left = successor.first("deregister")
    assert (left.status, left.body) == (204, None)
    assert "invoices" not in slugs(gateway)
    assert "shut down" in gateway.command("events"), "the reason is in the body of the DELETE"
    assert {call.status for call in successor.calls("heartbeat")} <= {200}


def test_a_deregistered_service_registers_again(token: str, start_service: StartService) -> None:
    for version in ("1.0.0", "2.0.0"):
        service = start_service("reports", version, token)
        assert service.first("register").status == 201, service.evidence()
        service.child.terminate()
        assert service.first("deregister").status == 204


def test_an_internal_service_needs_no_approval(token: str, start_service: StartService) -> None:
    service = start_service("scaigrid", "3.2.1", token)

    assert service.first("register").body["data"]["status"] == "active"
    assert service.next_heartbeat().status == 200


def test_a_service_survives_the_gateways_crash(gateway: Gateway, token: str, start_service: StartService) -> None:
    service = start_service("archive", "1.0.0", token)
    service.next_heartbeat()

    gateway.kill()
    assert service.next_heartbeat().status == 0
    gateway.start()

    back = service.next_heartbeat()
    assert back.status == 200, service.evidence()
    assert back.body["data"]["health_status"] == "healthy"
    service.child.terminate()
    assert service.first("deregister").status == 204


@dataclass(frozen=True)
class Refused:
    """Services that ran with a slug that was not theirs."""

    no_such_token: ScaiControlService
    no_scope: ScaiControlService
    another_account: ScaiControlService


@pytest.fixture(scope="module")
def refused(gateway: Gateway, token: str, start_service: StartService) -> Refused:
    """All of them have tried to register, to heartbeat and to deregister."""
    made_up = "made-up-token-77c1"
    gateway.secrets.add(made_up)
    owner = start_service("ledger", "1.0.0", token)
    assert owner.first("register").status == 201, owner.evidence()
    intruders = Refused(
        no_such_token=start_service("ledger", "6.6.6", made_up),
        no_scope=start_service("ledger", "6.6.6", gateway.token("reader", "read:catalog")),
        another_account=start_service("ledger", "6.6.6", gateway.token("stranger", "registry:manage")),
    )
    for intruder in (intruders.no_such_token, intruders.no_scope, intruders.another_account):
        intruder.first("heartbeat")
        intruder.child.terminate()
    return intruders


@pytest.mark.parametrize(
    ("who", "status", "code"),
    [
        ("no_such_token", 401, "unauthorized"),
        ("no_scope", 403, "forbidden"),
        ("another_account", 403, "forbidden"),
    ],
)
def test_a_service_without_the_right_is_refused(refused: Refused, who: str, status: int, code: str) -> None:
    intruder: ScaiControlService = getattr(refused, who)

    for call in ("register", "heartbeat", "deregister"):
        answer = intruder.first(call)
        assert answer.status == status, intruder.evidence()
        assert answer.body["error"]["code"] == code
        assert answer.body["error"]["request_id"].startswith("req_")


@pytest.mark.usefixtures("refused")
def test_what_is_refused_changes_nothing(gateway: Gateway) -> None:
    ledger = shown(gateway, "ledger")["registration"]

    assert ledger["version"] == "1.0.0"
    assert ledger["owner"] == "account:billing"
