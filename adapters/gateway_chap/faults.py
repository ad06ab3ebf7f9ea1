"""CHAP's wording of errors: FastAPI's `{"detail": ...}` throughout."""

from typing import Literal

from starlette.exceptions import HTTPException
from starlette.types import Scope

from gateway_chap.misdirected import advice
from registry_gateway.adapter import Answer, MissingKey, NotRegistered, WrongKey, fastapi_errors, json_answer

KEY = "SERVICEKIT_REGISTRATION_KEY"
"""Where a service has its key, and the gateway the keys: both are called as the reference calls them."""

HEADER = "X-Service-Key"
"""The header that services send it in."""

_SEND_KEY = f"the registry asks for a key; set {KEY} in the service, which sends it as {HEADER}"


def not_found(key: str) -> NotRegistered:
    """Return the error for an id that no service has. Its text is the document's."""
    return NotRegistered(f"Service {key} not found")


def fault(error: Exception, scope: Scope, *, missing_key_status: Literal[422, 401] = 422) -> Answer:
    """Word `error` for a CHAP client.

    A missing key is a 422 as documented, or a 401 as chap-core answers from 2.2 on.
    """
    match error:
        case MissingKey() if missing_key_status == 401:
            return json_answer(401, {"detail": f"Missing {HEADER} header: {_SEND_KEY}"})
        case MissingKey():
            flaw = {"type": "missing", "loc": ["header", HEADER], "msg": f"Field required: {_SEND_KEY}"}
            return json_answer(422, {"detail": [flaw]})
        case WrongKey():
            problem = f"Invalid service key: the service's {KEY} is not one of the registry's"
            return json_answer(401, {"detail": problem})
        case NotRegistered():
            return json_answer(404, {"detail": str(error)})
        case HTTPException(status_code=404 | 405):
            instead = advice(scope["method"], scope["path"])
            if instead is not None:
                return json_answer(error.status_code, {"detail": f"{error.detail}: {instead}"}, error.headers)
    return fastapi_errors.fault(error, scope)
