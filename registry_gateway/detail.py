"""Errors in FastAPI's wording, `{"detail": ...}`: for dialects whose reference servers are made with it."""

from collections.abc import Mapping

from starlette.exceptions import HTTPException
from starlette.types import Scope

from registry_gateway.body import BodyTooLarge
from registry_gateway.errors import REFUSES, RateLimited, StoreRefuses, StoreUnavailable, TooMany
from registry_gateway.exchange import Answer, json_answer
from registry_gateway.operation import RETRY_AFTER, Detail, Response
from registry_gateway.validation import REFUSED, unprocessable

LIMITED: Mapping[int, Response] = {
    429: Response("More changes than `REGISTRY_GATEWAY_RATE_LIMIT` allows.", Detail, headers=RETRY_AFTER),
}
"""What /openapi.json says of an operation whose calls are counted."""

BROKEN: Mapping[int, Response] = {
    500: Response("A defect of the gateway.", Detail),
    503: Response("The database is out of reach, or refuses; nothing was changed.", Detail),
}
"""What it says of any operation."""


def fault(error: Exception, _scope: Scope) -> Answer:
    """Word what can happen in any dialect; `Mount.fault` of one that has no words of its own.

    A dialect words first what it answers in its own way (`NotRegistered`, its keys); whatever it leaves over that is
    not named here is a 500.
    """
    match error:
        case TooMany():
            return json_answer(403, {"detail": str(error)})
        case BodyTooLarge():
            return json_answer(413, {"detail": str(error)})
        case RateLimited():
            return json_answer(429, {"detail": str(error)}, {"Retry-After": str(error.retry_after)})
        case StoreRefuses():
            return json_answer(503, {"detail": REFUSES})
        case StoreUnavailable():
            detail = "The registry is temporarily unavailable; try again shortly"
            return json_answer(503, {"detail": detail}, {"Retry-After": "1"})
        case HTTPException():
            return json_answer(error.status_code, {"detail": error.detail}, error.headers)
    if isinstance(error, REFUSED):
        return unprocessable(error)
    return json_answer(500, {"detail": "Internal server error"})
