"""ScaiControl, as its clients speak it; see docs/wire/scaicontrol.md."""

from registry_gateway.client.registration.dialect import Body, ClientDialect, Document, Request

INTERVALS = 3
"""Heartbeat intervals in a lease (REGISTRY_HEARTBEAT_GRACE_MULTIPLIER)."""

_REGISTER = "/api/v1/registry/register"


def _register(document: Document) -> Request:
    return Request("POST", _REGISTER, document, on_conflict=Request("PUT", _REGISTER, document))


def _heartbeat(document: Document, well: bool) -> Request:
    status = "healthy" if well else "unhealthy"
    return Request("POST", "/api/v1/registry/heartbeat", {"slug": dialect.key(document), "status": status})


def _deregister(document: Document) -> Request:
    return Request("DELETE", _REGISTER, {"slug": dialect.key(document), "reason": "the service ends"})


def _lease_of(body: Body) -> float | None:
    match body.get("data"):
        case {"heartbeat_interval_seconds": int(seconds)} | {"next_heartbeat_in_seconds": int(seconds)}:
            return seconds * INTERVALS
    return None


def _replaced(body: Body) -> bool:
    match body.get("data"):
        case {"registered_at": str(first), "updated_at": str(last)}:
            return first != last
    return False


dialect = ClientDialect(
    name="scaicontrol",
    members={"id": ("slug",), "name": ("name",), "url": ("base_url",), "version": ("version",)},
    required=("id", "name", "version"),
    secret_header=lambda token: ("Authorization", f"Bearer {token}"),
    secret_variable="REGISTRY_TOKEN",  # noqa: S106 - the name of a variable
    lease=90.0,
    register=_register,
    heartbeat=_heartbeat,
    deregister=_deregister,
    lease_of=_lease_of,
    replaced=_replaced,
)
