"""Errors of the gateway's own endpoints: problem details, RFC 9457.

The dialects word errors as their clients expect; what is the gateway's own (catalogue, administration) words them
all like this.
"""

from collections.abc import Mapping
from http import HTTPStatus

import msgspec
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
    """The members every problem has; some have more (`parameter`, `code`), which say what for."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str


def response(description: str) -> Response:
    """Return a problem as /openapi.json has it."""
    return Response(description, Problem, MEDIA_TYPE)


class Refused(Exception):
    """A request the gateway refuses: raised anywhere below a handler, worded by `fault`."""

    def __init__(
        self, status: int, title: str, detail: str, headers: Mapping[str, str] | None = None, **extra: object
    ) -> None:
        """Take what `problem` takes."""
        super().__init__(detail)
        self.status = status
        self.title = title
        self.headers = headers
        self.extra = extra


def bad_parameter(name: str, detail: str) -> Refused:
    """Return the 400 for a query parameter, to be raised; `parameter` in the answer is its name."""
    return Refused(400, "Bad parameter", detail, parameter=name)


def problem(status: int, title: str, detail: str, headers: Mapping[str, str] | None = None, **extra: object) -> Answer:
    """Return a problem as an answer.

    Args:
        status: The HTTP status, repeated in the body.
        title: What kind of problem it is, the same each time.
        detail: What is the matter this time, and what to do about it. It never repeats a secret.
        headers: More headers of the answer.
        extra: More members, None included.
    """
    content = {"type": "about:blank", "title": title, "status": status, "detail": detail, **extra}
    return Answer(status, msgspec.json.encode(content), MEDIA_TYPE.encode(), headers)


def fault(error: Exception, scope: Scope) -> Answer:
    """Word any exception of an endpoint of the gateway's own; `Mount.fault` of those."""
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


_STATUS = {"not_registered": 404, "not_found": 404, "not_owner": 403}
"""What the core's errors mean here; every other one is a conflict with what there is."""


def _path(scope: Scope) -> str:
    path: str = scope["path"]
    return path.encode("unicode_escape", "surrogatepass").decode()[:200]
