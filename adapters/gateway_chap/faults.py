"""CHAP's wording of errors: FastAPI's `{"detail": ...}` throughout."""

from starlette.exceptions import HTTPException
from starlette.types import Scope

from gateway_chap.misdirected import advice
from registry_gateway.adapter import Answer, NotRegistered, fastapi_errors, json_answer

KEY = "SERVICEKIT_REGISTRATION_KEY"
"""Where a service has its key, and the gateway the keys: both are called as the reference calls them."""

_SEND_KEY = f"the registry asks for a key; set {KEY} in the service, which sends it as X-Service-Key"


class MissingKey(Exception):
    """No X-Service-Key came. `status` is 422 as documented, or 401 as chap-core answers from 2.2 on."""

    def __init__(self, status: int) -> None:
        """Take the status."""
        super().__init__("X-Service-Key is missing")
        self.status = status


class WrongKey(Exception):
    """The X-Service-Key that came is none of those that are valid."""

    def __init__(self) -> None:
        """Say so."""
        super().__init__(f"Invalid service key: the service's {KEY} is not one of the registry's")


def fault(error: Exception, scope: Scope) -> Answer:
    """Word `error` for a CHAP client."""
    match error:
        case MissingKey(status=401):
            return json_answer(401, {"detail": f"Missing X-Service-Key header: {_SEND_KEY}"})
        case MissingKey():
            flaw = {"type": "missing", "loc": ["header", "X-Service-Key"], "msg": f"Field required: {_SEND_KEY}"}
            return json_answer(422, {"detail": [flaw]})
        case WrongKey():
            return json_answer(401, {"detail": str(error)})
        case NotRegistered():
            return json_answer(404, {"detail": f"Service {error}"})
        case HTTPException(status_code=404 | 405):
            instead = advice(scope["method"], scope["path"])
            if instead is not None:
                return json_answer(error.status_code, {"detail": f"{error.detail}: {instead}"}, error.headers)
    return fastapi_errors.fault(error, scope)
