"""The errors of runspec, all in FastAPI's shape `{"detail": ...}`."""

from starlette.types import Scope

from registry_gateway.adapter import Answer, MissingKey, NotRegistered, WrongKey, fastapi_errors, json_answer

KEY = "REGISTRY_GATEWAY_RUNSPEC_API_KEY"
"""The setting with the keys."""

HEADER = "X-API-Key"
"""The header with the key."""

_BAD_KEY = "Invalid or missing API key"  # both are the same error in the reference


class NoSuchTool(Exception):
    """None of the requested instances has a tool of that name."""

    def __init__(self) -> None:
        super().__init__("Tool not found")


def fault(error: Exception, scope: Scope) -> Answer:
    """Return the answer to `error` for a runspec agent or client."""
    match error:
        case MissingKey():
            problem = f"{_BAD_KEY}: no {HEADER} came; agents and clients take it as --registry-key"
            return json_answer(403, {"detail": problem})
        case WrongKey():
            problem = f"{_BAD_KEY}: the {HEADER} (--registry-key) is not one of the registry's"
            return json_answer(403, {"detail": problem})
        case NotRegistered():
            return json_answer(404, {"detail": "Instance not found"})
        case NoSuchTool():
            return json_answer(404, {"detail": str(error)})
    return fastapi_errors.fault(error, scope)
