"""CHAP's wording of errors: FastAPI's `{"detail": ...}` throughout."""

from starlette.types import Scope

from registry_gateway import detail
from registry_gateway.errors import NotRegistered
from registry_gateway.exchange import Answer, json_answer


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
        super().__init__("Invalid service key")


def fault(error: Exception, scope: Scope) -> Answer:
    """Word `error` for a CHAP client."""
    match error:
        case MissingKey(status=401):
            return json_answer(401, {"detail": "Missing X-Service-Key header"})
        case MissingKey():
            missing = {"type": "missing", "loc": ["header", "X-Service-Key"], "msg": "Field required"}
            return json_answer(422, {"detail": [missing]})
        case WrongKey():
            return json_answer(401, {"detail": str(error)})
        case NotRegistered():
            return json_answer(404, {"detail": f"Service {error}"})
    return detail.fault(error, scope)
