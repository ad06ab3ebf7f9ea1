"""Errors in FastAPI's wording, `{"detail": ...}`: for dialects whose reference servers are made with it."""

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
"""What /openapi.json says of an operation whose calls are counted."""

BROKEN: Mapping[int, Response] = {
    500: Response("A defect of the gateway.", Detail),
    503: Response(
        "The database does not answer, or refuses. `detail` says that nothing was changed, or that it is not known.",
        Detail,
        headers=RETRY_AFTER,
    ),
}
"""What it says of any operation."""

UNAVAILABLE = "The registry is temporarily unavailable and nothing was changed; try again shortly"
UNKNOWN = (
    "The database did not say in time whether the request was carried out; it may have been. "
    "It is safe to send it again"
)
"""What a 503 says, in every dialect."""


def fault(error: Exception, _scope: Scope) -> Answer:
    """Word what can happen in any dialect; `Mount.fault` of one that has no words of its own.

    A dialect words first what it answers in its own way (`NotRegistered`, its keys); whatever it leaves over that is
    not named here is a 500.
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
