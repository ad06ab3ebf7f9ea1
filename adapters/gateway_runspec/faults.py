"""runspec's wording of errors: FastAPI's `{"detail": ...}` throughout."""

from starlette.exceptions import HTTPException
from starlette.types import Scope

from registry_gateway.errors import NotRegistered, StoreUnavailable
from registry_gateway.exchange import Answer, BodyTooLarge, json_answer
from registry_gateway.validation import REFUSED, unprocessable


class BadKey(Exception):
    """The X-API-Key is missing, or is none of those that are valid. Both are the same error, as in the reference; only
    what to do about it differs.
    """

    def __init__(self, *, missing: bool) -> None:
        """Take which it is."""
        cause = (
            "no X-API-Key came; agents and clients take it as --registry-key"
            if missing
            else "the X-API-Key (--registry-key) is not one of the registry's"
        )
        super().__init__(f"Invalid or missing API key: {cause}")


class NoSuchTool(Exception):
    """No instance that was asked about has a tool of that name."""

    def __init__(self) -> None:
        """Say so."""
        super().__init__("Tool not found")


def fault(error: Exception, _scope: Scope) -> Answer:
    """Word `error` for a runspec agent or client."""
    match error:
        case BadKey():
            return json_answer(403, {"detail": str(error)})
        case NotRegistered():
            return json_answer(404, {"detail": "Instance not found"})
        case NoSuchTool():
            return json_answer(404, {"detail": str(error)})
        case BodyTooLarge():
            return json_answer(413, {"detail": str(error)})
        case StoreUnavailable():
            detail = "The registry is temporarily unavailable; try again shortly"
            return json_answer(503, {"detail": detail}, {"Retry-After": "1"})
        case HTTPException():
            return json_answer(error.status_code, {"detail": error.detail}, error.headers)
    if isinstance(error, REFUSED):
        return unprocessable(error)
    return json_answer(500, {"detail": "Internal server error"})
