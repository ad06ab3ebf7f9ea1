"""CHAP, as its clients speak it; see docs/wire/chap.md."""

from datetime import datetime
from urllib.parse import quote

from registry_gateway.client.registration.dialect import Body, ClientDialect, Document, Request

_SERVICES = "/v2/services"


def _service(document: Document) -> str:
    return f"{_SERVICES}/{quote(dialect.key(document), safe='')}"


def _heartbeat(document: Document, well: bool) -> Request | None:
    return Request("PUT", f"{_service(document)}/$ping") if well else None


def _lease_of(body: Body) -> float | None:
    match body:
        case {"ttl_seconds": int(seconds) | float(seconds)}:
            return seconds
        case {"last_ping_at": str(begin), "expires_at": str(end)}:
            return _between(begin, end)
    return None


def _between(begin: str, end: str) -> float | None:
    try:
        return (datetime.fromisoformat(end) - datetime.fromisoformat(begin)).total_seconds()
    except (ValueError, TypeError):  # no time, or only one of them with an offset
        return None


dialect = ClientDialect(
    name="chap",
    members={
        "id": ("info", "id"),
        "name": ("info", "display_name"),
        "url": ("url",),
        "version": ("info", "version"),
    },
    required=("id", "name", "url"),
    secret_header=lambda key: ("X-Service-Key", key),
    secret_variable="SERVICEKIT_REGISTRATION_KEY",  # noqa: S106 - the name of a variable
    lease=30.0,
    register=lambda document: Request("POST", f"{_SERVICES}/$register", document),
    heartbeat=_heartbeat,
    deregister=lambda document: Request("DELETE", _service(document)),
    lease_of=_lease_of,
    replaced=lambda body: body.get("message") == "Service registration updated",
)
