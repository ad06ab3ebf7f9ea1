"""runspec's wording of errors: FastAPI's `{"detail": ...}` throughout."""

from starlette.types import Scope

from registry_gateway.adapter import Answer, NotRegistered, fastapi_errors, json_answer


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


def fault(error: Exception, scope: Scope) -> Answer:
    """Word `error` for a runspec agent or client."""
    match error:
        case BadKey():
            return json_answer(403, {"detail": str(error)})
        case NotRegistered():
            return json_answer(404, {"detail": "Instance not found"})
        case NoSuchTool():
            return json_answer(404, {"detail": str(error)})
    return fastapi_errors.fault(error, scope)
