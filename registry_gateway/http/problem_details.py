"""Errors of the gateway's own endpoints (catalogue, administration, Prometheus) as problem details, RFC 9457.

The dialects have errors in the shapes that their clients expect.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType
from starlette.exceptions import HTTPException
from starlette.types import Scope

from registry_gateway.core.errors import (
    REFUSES,
    Forbidden,
    OutcomeUnknown,
    Overloaded,
    RegistryError,
    StoreRefuses,
    StoreUnavailable,
    Unauthorized,
    Unstorable,
)
from registry_gateway.http import decode_errors
from registry_gateway.http.answer import Answer
from registry_gateway.http.body import BodyTooLarge, EmptyBody
from registry_gateway.http.call import request_id
from registry_gateway.http.fastapi_errors import UNAVAILABLE, UNKNOWN
from registry_gateway.http.operation import Response

MEDIA_TYPE = "application/problem+json"


class Problem(msgspec.Struct, kw_only=True):
    """An error as problem details (RFC 9457). Some have further members, such as `since`."""

    type: str = "about:blank"
    title: str
    status: int
    detail: Annotated[str, Meta(description="What is wrong, and how to correct it.")]
    parameter: Annotated[str | UnsetType, Meta(description="The parameter that is invalid.")] = UNSET
    code: Annotated[str | UnsetType, Meta(description="The kind of error, for programs.")] = UNSET
    at: Annotated[list[str | int] | UnsetType, Meta(description="Where the body is invalid.")] = UNSET


def response(description: str) -> Response:
    """Return the description of a problem for /openapi.json."""
    return Response(description, Problem, MEDIA_TYPE)


class Refused(Exception):
    """A refused request. Raised anywhere below a handler, answered by `fault`. For the arguments see `problem`."""

    def __init__(
        self, status: int, title: str, detail: str, headers: Mapping[str, str] | None = None, **extra: object
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.title = title
        self.headers = headers
        self.extra = extra


def bad_parameter(name: str, detail: str) -> Refused:
    """Return (not raise) the 400 for a query parameter. `parameter` in the answer is its name."""
    return Refused(400, "Bad parameter", detail, parameter=name)


def problem(status: int, title: str, detail: str, headers: Mapping[str, str] | None = None, **extra: object) -> Answer:
    """Return a problem as an answer.

    Args:
        status: The HTTP status, repeated in the body.
        title: The kind of problem, the same for each occurrence.
        detail: This occurrence, and how to correct it. It never contains a secret.
        headers: Additional headers of the answer.
        extra: Additional members; None becomes null.
    """
    content = {"type": "about:blank", "title": title, "status": status, "detail": detail, **extra}
    return Answer(status, msgspec.json.encode(content), MEDIA_TYPE.encode(), headers)


def fault(error: Exception, scope: Scope) -> Answer:
    """Return the answer to any exception of the gateway's own endpoints. It is their `Mount.fault`."""
    match error:
        case Refused():
            return problem(error.status, error.title, str(error), error.headers, **error.extra)
        case Unauthorized():
            detail = "A valid bearer token is needed: Authorization: Bearer TOKEN"
            return problem(401, "Unauthorized", detail, {"WWW-Authenticate": "Bearer"})
        case Forbidden():
            return problem(403, "Forbidden", str(error))
        case StoreRefuses():
            return problem(503, "Unavailable", REFUSES, code=error.code)
        case Overloaded():
            return problem(503, "Overloaded", str(error), {"Retry-After": "2"}, code=error.code)
        case StoreUnavailable():
            words = UNKNOWN if isinstance(error, OutcomeUnknown) else UNAVAILABLE
            return problem(503, "Unavailable", words, {"Retry-After": "1"}, code=error.code)
        case BodyTooLarge():
            return problem(413, "Body too large", str(error))
        case HTTPException():
            title = HTTPStatus(error.status_code).phrase
            return problem(error.status_code, title, f"{title}: {scope['method']} {_path(scope)}", error.headers)
        case msgspec.DecodeError() | EmptyBody() | Unstorable():
            flaw = decode_errors.detail(error)
            return problem(422, "Unprocessable body", str(flaw["msg"]), at=flaw["loc"])
        case RegistryError():
            status = _STATUS.get(error.code, 409)
            return problem(status, HTTPStatus(status).phrase, str(error), code=error.code)
    return problem(500, "Internal Server Error", f"The log says more under {request_id(scope)}")


_STATUS = {"not_registered": 404, "not_found": 404, "not_owner": 403, "invalid_account": 422, "invalid_url": 422}
"""Status by code of the core's errors. Others are 409."""


def _path(scope: Scope) -> str:
    path: str = scope["path"]
    return path.encode("unicode_escape", "surrogatepass").decode()[:200]
