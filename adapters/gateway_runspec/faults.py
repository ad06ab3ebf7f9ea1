"""runspec's wording of errors: FastAPI's `{"detail": ...}` throughout."""

from starlette.exceptions import HTTPException
from starlette.types import Scope

from registry_gateway.errors import NotRegistered, RateLimited, StoreUnavailable, TooMany
from registry_gateway.exchange import Answer, BodyTooLarge, json_answer
from registry_gateway.validation import REFUSED, unprocessable


class BadKey(Exception):
    """The X-API-Key is missing, or is none of those that are valid. The reference tells neither from the other."""

    def __init__(self) -> None:
        """Say so."""
        super().__init__("Invalid or missing API key")


class NoSuchTool(Exception):
    """No instance that was asked about has a tool of that name."""

    def __init__(self) -> None:
        """Say so."""
        super().__init__("Tool not found")


def fault(error: Exception, _scope: Scope) -> Answer:
    """Word `error` for a runspec agent or client."""
    match error:
        case BadKey() | TooMany():
            return json_answer(403, {"detail": str(error)})
        case NotRegistered():
            return json_answer(404, {"detail": "Instance not found"})
        case NoSuchTool():
            return json_answer(404, {"detail": str(error)})
        case BodyTooLarge():
            return json_answer(413, {"detail": str(error)})
        case RateLimited():
            return json_answer(429, {"detail": str(error)}, {"Retry-After": str(error.retry_after)})
        case StoreUnavailable():
            detail = "The registry is temporarily unavailable; try again shortly"
            return json_answer(503, {"detail": detail}, {"Retry-After": "1"})
        case HTTPException():
            return json_answer(error.status_code, {"detail": error.detail}, error.headers)
    if isinstance(error, REFUSED):
        return unprocessable(error)
    return json_answer(500, {"detail": "Internal server error"})
