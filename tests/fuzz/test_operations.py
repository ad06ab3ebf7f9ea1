"""schemathesis on every operation of /openapi.json, over HTTP to a real server on loopback."""

import asyncio
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
import schemathesis
import uvicorn
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    positive_data_acceptance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.conftest import GatewayFactory
from tests.fuzz import CI
from tests.fuzz.bodies import MAX_BODY_BYTES
from tests.fuzz.gateway import FuzzedGateway, fuzzed
from tests.integration import scaicontrol_account

ENVIRONMENT = {
    "SERVICEKIT_REGISTRATION_KEY": "service-key",
    "REGISTRY_GATEWAY_RUNSPEC_API_KEY": "agent-key",
    "REGISTRY_GATEWAY_MAX_BODY_BYTES": MAX_BODY_BYTES,
    "REGISTRY_GATEWAY_WEBHOOK_PRIVATE_NETWORKS": "127.0.0.1",
}
EXAMPLES = 3 if CI else 1
"""Of each kind (as documented, and not), for each operation."""

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    positive_data_acceptance,
]


@pytest.fixture
def gateway(start_gateway: GatewayFactory, sqlite_url: str) -> Iterator[FuzzedGateway]:
    """A gateway with keys, on the manual clock."""
    with fuzzed(start_gateway, sqlite_url, ENVIRONMENT) as running:
        yield running


@contextmanager
def served(gateway: FuzzedGateway) -> Iterator[str]:
    """Serve it on loopback; the URL."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(gateway.application, lifespan="off", log_level="error"))
        running = gateway.portal.start_task_soon(server.serve, [listening])
        try:
            gateway.portal.call(_started, server)
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            running.result(10)


async def _started(server: uvicorn.Server) -> None:
    while not server.started:  # noqa: ASYNC110 - uvicorn has no event to wait for
        await asyncio.sleep(0.01)


def credentials(gateway: FuzzedGateway) -> dict[str, dict[str, str]]:
    """Headers by what an operation's security is called."""
    account = gateway.portal.call(lambda: scaicontrol_account.service(gateway.client))
    admin = gateway.portal.call(lambda: scaicontrol_account.service(gateway.client, "admin", ["admin:registry"]))
    return {
        "AdministratorToken": {"Authorization": f"Bearer {admin.token}"},
        "ChapServiceKey": {"X-Service-Key": "service-key"},
        "RunspecApiKey": {"X-API-Key": "agent-key"},
        "ScaiControlToken": {"Authorization": f"Bearer {account.token}"},
    }


def presented(keys: dict[str, dict[str, str]], operation: Any) -> dict[str, str]:
    """The headers an operation asks for."""
    asked = [name for requirement in operation.definition.raw.get("security", []) for name in requirement]
    return keys[asked[0]] if asked else {}


def whole(value: Any) -> Any:
    """JSON with 30 for 30.0. They are one integer to JSON Schema and two kinds of number to the gateway, which
    refuses the second where it wants the first.
    """
    match value:
        case dict():
            return {name: whole(member) for name, member in value.items()}
        case list():
            return [whole(element) for element in value]
        case float() if value.is_integer():
            return int(value)
    return value


UNTOLD = ("cursor", "at", "since", "until", "sort")
"""Parameters of which a schema tells too little: cursors are those handed out, the log reaches so far back, a time has
one of three forms, and one order needs another parameter.
"""


def leave_out(case: schemathesis.Case[Any], names: Sequence[str]) -> None:
    """Take parameters out of a case's query, and scopes out of a body: which there are depends on the dialects."""
    for name in names:
        (case.query or {}).pop(name, None)
    if case.path.endswith("/accounts") and isinstance(case.body, dict):
        case.body.pop("scopes", None)


FUZZING = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def operations(url: str) -> Iterator[Any]:
    """Every operation of the document whose answers end; `tests/integration/test_watch.py` has the stream."""
    schema = schemathesis.openapi.from_url(f"{url}/openapi.json")
    found = [result.ok() for result in schema.get_all_operations() if isinstance(result, Ok)]
    assert len(found) == schema.statistic.operations.total > 20
    for operation in found:
        if operation.definition.raw["operationId"] != "catalogue_watch":
            yield operation


def test_the_examples_are_accepted(gateway: FuzzedGateway) -> None:
    keys = credentials(gateway)
    with served(gateway) as url:
        for operation in operations(url):
            described = operation.definition.raw
            gateway.clear()
            gateway.portal.call(set_the_scene, gateway, keys, described["operationId"])
            case = operation.Case(
                path_parameters={p["name"]: p["example"] for p in described["parameters"] if p["in"] == "path"}
            )
            if "requestBody" in described:
                case.media_type = "application/json"
                case.body = described["requestBody"]["content"]["application/json"]["example"]
            answer = case.call(headers=presented(keys, operation))
            assert 200 <= answer.status_code < 300, (operation.label, answer.status_code, answer.text)
            case.validate_response(answer, checks=CHECKS)


async def set_the_scene(gateway: FuzzedGateway, keys: dict[str, dict[str, str]], operation: str) -> None:
    """Register whatever the examples speak of, as far as it is to be there before `operation`."""
    model = {"url": "http://my-model:8080", "info": {"id": "my-model", "display_name": "My model"}}
    agent = {"instance_id": "5f0c", "name": "portal", "version": "1.0", "host": "web-01"}
    invoices = {"slug": "invoices", "name": "Invoices", "version": "1"}
    rotate = {"name": "rotate", "inputSchema": {}, "x-command": "rotate", "annotations": {}}
    posts: list[tuple[str, object, str]] = [
        ("/v2/services/$register", model, "ChapServiceKey"),
        ("/instances", agent, "RunspecApiKey"),
        ("/instances/5f0c/tools", {"tools": [rotate]}, "RunspecApiKey"),
    ]
    if operation != "scaicontrol_register":
        posts.append((scaicontrol_account.REGISTER, invoices, "ScaiControlToken"))
    if operation == "admin_cancelSubscription":
        subscription = {"key": "invoices", "subscriber": "ledger"}
        posts.append(("/admin/v1/subscriptions", subscription, "AdministratorToken"))
    if "ebhook" in operation or "Deliveries" in operation:
        posts.append(("/admin/v1/webhooks", {"url": "http://127.0.0.1:1/"}, "AdministratorToken"))
    for path, body, scheme in posts:
        answer = await gateway.client.post(path, json=body, headers=keys[scheme])
        assert answer.status_code in (200, 201), (path, answer.text)


@pytest.mark.slow
def test_every_operation_answers_as_documented(gateway: FuzzedGateway) -> None:
    keys = credentials(gateway)
    with served(gateway) as url:
        for operation in operations(url):
            for mode in GenerationMode:
                if mode is GenerationMode.NEGATIVE and not operation.body and not operation.query:
                    continue

                @FUZZING
                @given(operation.as_strategy(generation_mode=mode))
                def answers(case: schemathesis.Case[Any]) -> None:
                    case.body = whole(case.body)
                    leave_out(case, UNTOLD)
                    before = gateway.contents()
                    answer = case.call(headers=presented(keys, case.operation))
                    if answer.status_code >= 400 or case.method == "GET":
                        assert gateway.contents() == before, (case.method, case.path, case.body, answer.status_code)
                    case.validate_response(answer, checks=CHECKS)

                answers()


@pytest.mark.parametrize(
    "headers",
    [{}, {"X-Service-Key": "x", "X-API-Key": "x", "Authorization": "Bearer rgw_x"}],
    ids=["missing", "wrong"],
)
def test_without_a_credential_nothing_is_written(gateway: FuzzedGateway, headers: dict[str, str]) -> None:
    credentials(gateway)
    with served(gateway) as url:
        before = gateway.contents()
        for operation in operations(url):
            if not operation.definition.raw.get("security", []):
                continue

            @FUZZING
            @given(operation.as_strategy())
            def refused(case: schemathesis.Case[Any]) -> None:
                for name in ("X-Service-Key", "X-API-Key", "Authorization"):
                    case.headers.pop(name, None)
                answer = case.call(headers=headers)
                assert answer.status_code in (401, 403, 422), (case.method, case.path, answer.status_code)

            refused()
        assert gateway.contents() == before
