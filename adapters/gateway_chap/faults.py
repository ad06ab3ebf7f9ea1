"""The errors of CHAP, all in FastAPI's shape `{"detail": ...}`."""

from typing import Literal

from starlette.exceptions import HTTPException
from starlette.types import Scope

from gateway_chap.path_advice import advice
from registry_gateway.adapter import Answer, MissingKey, NotRegistered, WrongKey, fastapi_errors, json_answer

KEY = "SERVICEKIT_REGISTRATION_KEY"
"""The variable with the key in a service, and with the keys in the gateway: the reference's name for both."""

HEADER = "X-Service-Key"
"""The header with the key."""

_SEND_KEY = f"the registry asks for a key; set {KEY} in the service, which sends it as {HEADER}"


class RunFailed(Exception):
    """The run proxy has no answer of a service. The message is for the log; clients get `status` and `detail`."""

    def __init__(self, status: Literal[502, 503, 504], detail: str, reason: str = "") -> None:
        """`reason` is for the log alone, because it may contain addresses."""
        super().__init__(f"{detail}: {reason}" if reason else detail)
        self.status = status
        self.detail = detail


def not_found(key: str) -> NotRegistered:
    """Return the error for an id that no service has. Its text is the document's."""
    return NotRegistered(f"Service {key} not found")


def fault(error: Exception, scope: Scope, *, missing_key_status: Literal[422, 401] = 422) -> Answer:
    """Return the answer to `error` for a CHAP client.

    A missing key is a 422 as documented, or a 401 as in chap-core from 2.2 on.
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
        case RunFailed():
            headers = {"Retry-After": "1"} if error.status == 503 else None
            return json_answer(error.status, {"detail": error.detail}, headers)
        case HTTPException(status_code=404 | 405):
            instead = advice(scope["method"], scope["path"])
            if instead is not None:
                return json_answer(error.status_code, {"detail": f"{error.detail}: {instead}"}, error.headers)
    return fastapi_errors.fault(error, scope)
