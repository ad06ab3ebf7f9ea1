"""The errors of ScaiControl: `{"error": {"code", "message", "request_id"}}`, and FastAPI's `detail` for 422."""

from collections.abc import Mapping

from starlette.exceptions import HTTPException
from starlette.types import Scope

from gateway_scaicontrol.auth import KeysUnavailable
from gateway_scaicontrol.wire import ErrorBody, ErrorResponse
from registry_gateway.adapter import (
    REFUSES,
    AlreadyRegistered,
    Answer,
    BodyTooLarge,
    Forbidden,
    NotOwner,
    NotRegistered,
    OutcomeUnknown,
    RateLimited,
    StillSubscribed,
    StoreRefuses,
    StoreUnavailable,
    TooMany,
    Unauthorized,
    decode_errors,
    fastapi_errors,
    json_answer,
    request_id,
    unprocessable,
)

CODES = {
    400: "bad_request",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    409: "conflict",
    413: "payload_too_large",
    429: "rate_limited",
    500: "internal_error",
    503: "unavailable",
}
"""Codes by status. The reference has none for 405, 413, 429 and 503."""


def fault(error: Exception, scope: Scope) -> Answer:
    """Return the answer to `error` for a ScaiControl service."""
    match error:
        case Unauthorized():
            return _refusal(401, str(error), scope, {"WWW-Authenticate": "Bearer"})
        case Forbidden():
            return _refusal(403, str(error), scope)
        case NotOwner():
            return _refusal(403, f"Service {error}", scope)
        case TooMany():
            return _refusal(403, str(error), scope)
        case NotRegistered():
            return _refusal(404, f"Service {error}", scope)
        case AlreadyRegistered():
            return _refusal(409, f"Service {error}; update it with PUT", scope)
        case StillSubscribed():
            return _refusal(409, f"Service {error}; cancel what depends on it first", scope)
        case BodyTooLarge():
            return _refusal(413, str(error), scope)
        case RateLimited():
            return _refusal(429, str(error), scope, {"Retry-After": str(error.retry_after)})
        case StoreRefuses():
            return _refusal(503, REFUSES, scope)
        case StoreUnavailable():
            message = fastapi_errors.UNKNOWN if isinstance(error, OutcomeUnknown) else fastapi_errors.UNAVAILABLE
            return _refusal(503, message, scope, {"Retry-After": "1"})
        case KeysUnavailable():
            return _refusal(503, str(error), scope, {"Retry-After": str(error.retry_after)})
        case HTTPException():
            return _refusal(error.status_code, error.detail, scope, error.headers)
    if isinstance(error, decode_errors.REFUSED):
        return unprocessable(error)
    return _refusal(500, "Internal server error", scope)


def _refusal(status: int, message: str, scope: Scope, headers: Mapping[str, str] | None = None) -> Answer:
    body = ErrorBody(CODES.get(status, "bad_request"), message, request_id(scope))
    return json_answer(status, ErrorResponse(body), headers)
