"""The OpenAPI document, made of the operations of all mounts.

It is OpenAPI 3.1 (https://spec.openapis.org/oas/v3.1.1), whose schemas are JSON Schema 2020-12, as msgspec generates.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus

import msgspec
from starlette.routing import BaseRoute, Route

import registry_gateway
from registry_gateway.endpoints.schemas import Schemas
from registry_gateway.http.mount import Mount
from registry_gateway.http.operation import Operation, Parameter, Response
from registry_gateway.http.routing import methods

VERSION = "3.1.1"

_DESCRIPTION = """\
One durable service registry that speaks several dialects. Each dialect is a section of this document, with the
credentials and the shape of errors that its clients expect.

Every path works with and without a slash at its end. There are no redirects. `HEAD` is answered like `GET`. Every error
has an `X-Request-ID`, with which the gateway's log has more details. Times are seconds since the epoch and durations
are seconds, unless a member has the format `date-time`.
"""

_CONVERTOR = re.compile(r"\{(\w+):\w+\}")


def endpoints(routes: Sequence[BaseRoute]) -> Iterator[tuple[str, str]]:
    """Yield the path and method of every endpoint. HEAD is left out if there is GET."""
    for route in routes:
        if isinstance(route, Route):
            path = _CONVERTOR.sub(r"{\1}", route.path)
            answered = route.methods or methods(route)
            yield from ((path, method) for method in sorted(answered) if method != "HEAD" or "GET" not in answered)


def names(mount: Mount) -> dict[tuple[object, str], str]:
    """Return names by endpoint and method: the name of the operation, or such as `GET /path` if there is none."""
    described: dict[tuple[str, str], str] = {(o.path, o.method): o.name for o in mount.operations}
    found: dict[tuple[object, str], str] = {}
    for route in mount.routes:
        for path, method in endpoints([route]):
            assert isinstance(route, Route)  # noqa: S101 - nothing else has endpoints
            name = described.get((path, method), f"{method} {path}")
            found |= {(route.endpoint, alike): name for alike in ((method, "HEAD") if method == "GET" else (method,))}
    return found


def document(mounts: Mapping[str, Mount], root_path: str = "") -> bytes:
    """Return the document for `mounts`, which are given by name.

    Endpoints without an operation appear with their path and method alone.
    """
    paths: dict[str, dict[str, object]] = {}
    schemas: dict[str, object] = {}
    schemes: dict[str, object] = {}
    for name, mount in mounts.items():
        made = Schemas(name, mount.operations)
        schemas |= made.components
        for operation in mount.operations:
            paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(name, operation, made)
            if operation.security is not None:
                schemes[operation.security.name] = operation.security.scheme
        for path, method in endpoints(mount.routes):
            paths.setdefault(path, {}).setdefault(method.lower(), _undescribed(name, path, method))
    return msgspec.json.encode(
        {
            "openapi": VERSION,
            "info": {
                "title": "registry-gateway",
                "version": registry_gateway.__version__,
                "description": _DESCRIPTION,
                "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
            },
            "servers": [{"url": root_path or "/"}],
            "tags": [{"name": name, "description": mount.description} for name, mount in mounts.items()],
            "paths": paths,
            "components": {"schemas": schemas, "securitySchemes": schemes},
        }
    )


def _operation(mount: str, operation: Operation, made: Schemas) -> dict[str, object]:
    described: dict[str, object] = {
        "operationId": f"{mount}_{operation.name}",
        "tags": [mount],
        "summary": operation.summary,
        "parameters": [_parameter(p, made.schema(p.kind)) for p in operation.parameters],
        "responses": {str(status): _response(status, r, made) for status, r in operation.responses.items()},
        "security": [] if operation.security is None else [{operation.security.name: []}],
    }
    if operation.description:
        described["description"] = operation.description
    if operation.request is not None:
        content = {"schema": made.schema(operation.request), "example": operation.example}
        described["requestBody"] = {"required": not operation.optional, "content": {"application/json": content}}
    if operation.deprecated:
        described["deprecated"] = True
    return described


def _undescribed(mount: str, path: str, method: str) -> dict[str, object]:
    parameters = [_parameter(Parameter(name, ""), {"type": "string"}) for name in re.findall(r"\{(\w+)\}", path)]
    return {
        "operationId": re.sub(r"\W+", "_", f"{mount}_{method.lower()}_{path}").rstrip("_"),
        "tags": [mount],
        "summary": f"{method} {path}",
        "parameters": parameters,
        "responses": {"default": {"description": "Its adapter does not describe it."}},
    }


def _parameter(parameter: Parameter, schema: Mapping[str, object]) -> dict[str, object]:
    # Twice, because openapi-python-client reads the description of the schema, and others that of the parameter.
    schema = {**schema, "description": parameter.description}
    described: dict[str, object] = {
        "name": parameter.name,
        "in": parameter.where,
        "required": parameter.where == "path",
        "description": parameter.description,
        "schema": schema,
    }
    if parameter.example is not None:
        described["example"] = parameter.example
    return described


def _response(status: int, response: Response, made: Schemas) -> dict[str, object]:
    headers = dict(response.headers or {})
    if status >= HTTPStatus.BAD_REQUEST:
        headers["X-Request-ID"] = "Id of the request in the gateway's log."
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers["Retry-After"] = "Seconds to wait before trying again."
    described: dict[str, object] = {"description": response.description}
    if headers:
        described["headers"] = {
            name: {"description": text, "required": True, "schema": {"type": "string"}}
            for name, text in headers.items()
        }
    if response.body is not None:
        described["content"] = {response.media: {"schema": made.schema(response.body)}}
    return described
