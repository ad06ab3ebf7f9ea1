"""/openapi.json holds what the routes answer, no more and no less; /docs shows it without anybody else's server."""

import json
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from msgspec import json as msgspec_json
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from registry_gateway.endpoints import openapi
from registry_gateway.http.answer import Answer
from registry_gateway.http.call import Call
from registry_gateway.http.mount import Mount
from registry_gateway.http.operation import Operation
from registry_gateway.http.routing import resource
from tests.conftest import GatewayFactory, gateway_of

pytestmark = pytest.mark.anyio

KEYS = {"SERVICEKIT_REGISTRATION_KEY": "service-key", "REGISTRY_GATEWAY_RUNSPEC_API_KEY": "agent-key"}


async def document(client: httpx.AsyncClient) -> dict[str, Any]:
    """The document as it is served."""
    answer = await client.get("/openapi.json")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    served: dict[str, Any] = answer.json()
    return served


def mounts(client: httpx.AsyncClient) -> dict[str, Mount]:
    """Everything that is mounted, by name."""
    return gateway_of(client).mounts


def operations(served: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Path, method and operation."""
    for path, methods in served["paths"].items():
        for method, operation in methods.items():
            yield path, method.upper(), operation


def flaws(document: dict[str, Any]) -> list[str]:
    """What a document has that OpenAPI 3.1 does not permit."""
    from openapi_spec_validator import OpenAPIV31SpecValidator  # not by every process that collects tests

    return [error.message for error in OpenAPIV31SpecValidator(document).iter_errors()]


async def test_the_document_is_valid(start_gateway: GatewayFactory, sqlite_url: str) -> None:
    async with start_gateway(sqlite_url, KEYS) as client:
        served = await document(client)
        assert served["openapi"].startswith("3.1.")
        assert flaws(served) == []


async def test_every_route_is_described_and_everything_described_is_a_route(
    start_gateway: GatewayFactory, sqlite_url: str
) -> None:
    async with start_gateway(sqlite_url, KEYS) as client:
        for name, mount in mounts(client).items():
            described = {(operation.path, operation.method) for operation in mount.operations}
            assert described == set(openapi.endpoints(mount.routes)), name
            assert len(described) == len(mount.operations), name
        every = {(o.path, o.method) for mount in mounts(client).values() for o in mount.operations}
        assert {(path, method) for path, method, _ in operations(await document(client))} == every


async def test_operations_have_ids_tags_and_summaries(start_gateway: GatewayFactory, sqlite_url: str) -> None:
    async with start_gateway(sqlite_url, KEYS) as client:
        served = await document(client)
        tags = {tag["name"] for tag in served["tags"]}
        assert {"chap", "scaicontrol", "runspec", "gateway"} <= tags
        assert all(tag["description"] for tag in served["tags"])
        every = [operation for _, _, operation in operations(served)]
        assert len({operation["operationId"] for operation in every}) == len(every)
        for operation in every:
            assert set(operation["tags"]) <= tags
            assert operation["summary"]


async def test_parameters_in_a_path_are_those_described(start_gateway: GatewayFactory, sqlite_url: str) -> None:
    async with start_gateway(sqlite_url, KEYS) as client:
        for path, _, operation in operations(await document(client)):
            described = [p["name"] for p in operation["parameters"] if p["in"] == "path"]
            assert described == re.findall(r"\{(\w+)\}", path)


async def test_examples_decode_as_requests_do(start_gateway: GatewayFactory, sqlite_url: str) -> None:
    async with start_gateway(sqlite_url, KEYS) as client:
        every = [operation for mount in mounts(client).values() for operation in mount.operations]
        taking = [(operation, operation.request) for operation in every if operation.request is not None]
        assert len(taking) > 5
        for operation, request in taking:
            assert operation.example is not None, operation.name
            msgspec_json.decode(json.dumps(operation.example), type=request)


async def test_security_is_what_the_settings_ask_for(start_gateway: GatewayFactory, sqlite_url: str) -> None:
    def asked(served: dict[str, Any]) -> set[str]:
        return {o["operationId"] for _, _, o in operations(served) if o.get("security")}

    async with start_gateway(sqlite_url) as client:
        unset = asked(await document(client))
        assert {"scaicontrol_register", "scaicontrol_heartbeat"} <= unset
        assert not any(name.startswith(("chap_", "runspec_")) for name in unset)
    async with start_gateway(sqlite_url, KEYS) as client:
        served = await document(client)
        closed = asked(served)
        assert {"chap_register", "chap_ping", "runspec_register", "runspec_deregister"} <= closed
        assert {"chap_list", "runspec_list_tools"}.isdisjoint(closed)
        schemes = served["components"]["securitySchemes"]
        assert schemes["ChapServiceKey"]["name"] == "X-Service-Key"
        assert schemes["RunspecApiKey"]["name"] == "X-API-Key"
        assert schemes["ScaiControlToken"]["scheme"] == "bearer"
    async with start_gateway(sqlite_url, KEYS | {"REGISTRY_GATEWAY_RUNSPEC_PROTECT_READS": "true"}) as client:
        assert {"runspec_list_tools", "runspec_find_instance"} <= asked(await document(client))


async def test_requests_are_described_as_they_are_decoded(start_gateway: GatewayFactory, sqlite_url: str) -> None:
    async with start_gateway(sqlite_url) as client:
        schemas = (await document(client))["components"]["schemas"]
        info = schemas["ChapInfo"]
        assert info["required"] == ["id", "display_name"]
        assert info["properties"]["id"] == {"type": "string", "maxLength": 255, "pattern": "^[a-z][a-z0-9-]*$"}
        assert "default" not in info["properties"]["period_type"]
        assert set(schemas["RunspecRegisterRequest"]["required"]) == {"instance_id", "name", "version", "host"}
        assert schemas["ScaicontrolRegistrationRequest"]["required"] == ["slug", "name", "version"]
        account = schemas["AdminNewAccount"]["properties"]["name"]
        assert account["pattern"] == "^(?!rgw_[0-9a-f]{16}_)[A-Za-z0-9][A-Za-z0-9._@-]*$"
        assert account["maxLength"] == 64


async def test_schemas_have_names_and_descriptions_for_generated_clients(
    start_gateway: GatewayFactory, sqlite_url: str
) -> None:
    async with start_gateway(sqlite_url) as client:
        served = await document(client)
        prefixes = tuple(tag["name"].capitalize() for tag in served["tags"])
    schemas = served["components"]["schemas"]
    assert len(schemas) > 80
    for name, schema in schemas.items():
        assert re.fullmatch(r"[A-Z][A-Za-z]+", name)
        assert name.startswith(prefixes)
        assert schema["title"] == name
        assert schema["description"]
    # Modules, and what the docstrings tell developers.
    internal = r"registry_gateway[._]|gateway_\w+\.|(?<!-)\bNone\b|\bguess|\bmsgspec|\btranslate\b|\bAttributes:"
    assert re.findall(internal, json.dumps(served)) == []


async def test_every_answer_has_a_type_or_no_body(start_gateway: GatewayFactory, sqlite_url: str) -> None:
    bare = {"runspec_export_superputty", "catalogue_export"}  # no type that openapi-python-client knows
    async with start_gateway(sqlite_url) as client:
        for _, _, operation in operations(await document(client)):
            for status, answer in operation["responses"].items():
                typed = "content" in answer
                assert typed != (status in ("204", "304") or (status == "200" and operation["operationId"] in bare))
                assert all(content["schema"] for content in answer.get("content", {}).values())


async def test_what_every_answer_has_is_required(start_gateway: GatewayFactory, sqlite_url: str) -> None:
    async with start_gateway(sqlite_url) as client:
        schemas = (await document(client))["components"]["schemas"]
    for name in ("CatalogueServiceDetail", "CatalogueEvent", "CatalogueStats", "AdminWebhookView"):
        assert schemas[name]["required"] == list(schemas[name]["properties"]), name
    assert schemas["CatalogueProblem"]["required"] == ["type", "title", "status", "detail"]
    assert schemas["CatalogueService"]["required"] == []  # as `fields` asks for
    assert schemas["ChapInfo"]["required"] == ["id", "display_name"]  # as it was sent


async def test_parameters_that_are_lists_are_typed(start_gateway: GatewayFactory, sqlite_url: str) -> None:
    async with start_gateway(sqlite_url) as client:
        operation = (await document(client))["paths"]["/catalog/v1/services"]["get"]
        parameters = {p["name"]: p for p in operation["parameters"]}
        assert parameters["status"]["schema"]["items"] == {"$ref": "#/components/schemas/CatalogueStatus"}
        assert all(p["schema"]["description"] == p["description"] for p in parameters.values())
        repeated = await client.get("/catalog/v1/services?status=up&status=down&dialect=chap&dialect=runspec")
        joined = await client.get("/catalog/v1/services?status=up,down&dialect=chap,runspec")
        assert repeated.status_code == 200
        assert repeated.json() == joined.json()


async def test_a_reader_who_has_the_document_is_sent_nothing(start_gateway: GatewayFactory, sqlite_url: str) -> None:
    async with start_gateway(sqlite_url) as client:
        for path in ("/openapi.json", "/docs", "/docs/swagger-ui.css"):
            first = await client.get(path)
            again = await client.get(path, headers={"If-None-Match": first.headers["etag"]})
            assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize("root_path", ["", "/registry"])
async def test_the_page_needs_nobody_else(start_gateway: GatewayFactory, sqlite_url: str, root_path: str) -> None:
    environment = {"REGISTRY_GATEWAY_ROOT_PATH": root_path} if root_path else {}
    async with start_gateway(sqlite_url, environment) as client:
        page = await client.get("/docs")
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        addresses = re.findall(r'(?:src|href|data-document)="([^"]+)"', page.text)
        assert len(addresses) == 8
        for address in addresses:
            assert address.startswith(f"{root_path}/")
            answer = await client.get(address)
            assert answer.status_code == 200
            assert answer.headers.get("x-content-type-options", "nosniff") == "nosniff"
        policy = page.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "http" not in policy
        assert "script-src 'self';" in policy
        assert "<script>" not in page.text


async def test_there_are_no_other_files(start_gateway: GatewayFactory, sqlite_url: str) -> None:
    async with start_gateway(sqlite_url) as client:
        for name in ("LICENSE", "..%2Fapp.py", "%2e%2e%2Fapp.py", "nothing"):
            assert (await client.get(f"/docs/{name}")).status_code == 404


def test_a_mount_nobody_describes_appears_by_path_and_method() -> None:
    async def show(_call: Call) -> Answer:
        return Answer(204)

    async def plain(_request: Request) -> Response:
        return PlainTextResponse("plain")

    routes = [resource("/beacon/{name}", PUT=show, DELETE=show), Route("/beacon", plain, methods=["GET", "POST"])]
    mount = Mount(routes, lambda _error, _scope: Answer(500))
    made = json.loads(openapi.document({"beacon": mount}))
    assert {(path, method) for path, method, _ in operations(made)} == {
        ("/beacon/{name}", "PUT"),
        ("/beacon/{name}", "DELETE"),
        ("/beacon", "GET"),
        ("/beacon", "POST"),
    }
    assert flaws(made) == []


def test_a_method_without_a_table_row_is_still_there() -> None:
    async def show(_call: Call) -> Answer:
        return Answer(204)

    described = Operation(method="GET", path="/beacon", name="list", summary="All", responses={})
    mount = Mount(
        [resource("/beacon", GET=show, DELETE=show)], lambda _error, _scope: Answer(500), (described,), "Beacons."
    )
    made = json.loads(openapi.document({"beacon": mount}))["paths"]["/beacon"]
    assert made["get"]["operationId"] == "beacon_list"
    assert made["delete"]["summary"] == "DELETE /beacon"
