"""Errors in FastAPI's shape, `{"detail": ...}`, for dialects whose reference servers use FastAPI."""

from collections.abc import Mapping

from starlette.exceptions import HTTPException
from starlette.types import Scope

from registry_gateway.core.errors import (
    REFUSES,
    Forbidden,
    OutcomeUnknown,
    RateLimited,
    StoreRefuses,
    StoreUnavailable,
    TooMany,
    Unauthorized,
)
from registry_gateway.http.answer import Answer, json_answer
from registry_gateway.http.body import BodyTooLarge
from registry_gateway.http.decode_errors import REFUSED, unprocessable
from registry_gateway.http.operation import RETRY_AFTER, Detail, Response

LIMITED: Mapping[int, Response] = {
    429: Response("More changes than `REGISTRY_GATEWAY_RATE_LIMIT` allows.", Detail, headers=RETRY_AFTER),
}
"""Responses in /openapi.json for an operation that counts against the rate limit."""

BROKEN: Mapping[int, Response] = {
    500: Response("A defect of the gateway.", Detail),
    503: Response(
        "The database does not answer, or refuses. Nothing was changed, or the outcome is unknown: see `detail`.",
        Detail,
        headers=RETRY_AFTER,
    ),
}
"""Responses in /openapi.json for any operation."""

UNAVAILABLE = "The registry is temporarily unavailable and nothing was changed; try again shortly"
UNKNOWN = (
    "The database did not say in time whether the request was carried out; it may have been. "
    "It is safe to send it again"
)
"""Details of a 503 in every dialect."""


def fault(error: Exception, _scope: Scope) -> Answer:
    """Return the answer to an error that can occur in any dialect. It can be used as `Mount.fault`.

    A dialect handles errors with a wording of its own (`NotRegistered`, its keys) first and passes the others on.
    Exceptions that are not named here become a 500.
    """
    match error:
        case Unauthorized():
            return json_answer(401, {"detail": str(error)}, {"WWW-Authenticate": "Bearer"})
        case Forbidden():
            return json_answer(403, {"detail": str(error)})
        case TooMany():
            return json_answer(403, {"detail": str(error)})
        case BodyTooLarge():
            return json_answer(413, {"detail": str(error)})
        case RateLimited():
            return json_answer(429, {"detail": str(error)}, {"Retry-After": str(error.retry_after)})
        case StoreRefuses():
            return json_answer(503, {"detail": REFUSES})
        case OutcomeUnknown():
            return json_answer(503, {"detail": UNKNOWN}, {"Retry-After": "1"})
        case StoreUnavailable():
            return json_answer(503, {"detail": UNAVAILABLE}, {"Retry-After": "1"})
        case HTTPException():
            return json_answer(error.status_code, {"detail": error.detail}, error.headers)
    if isinstance(error, REFUSED):
        return unprocessable(error)
    return json_answer(500, {"detail": "Internal server error"})
