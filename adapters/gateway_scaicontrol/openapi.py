"""What /openapi.json says of ScaiControl. docs/wire/scaicontrol.md says it in prose."""

from collections.abc import Mapping

from gateway_scaicontrol.wire import (
    ApiResponse,
    DeregistrationRequest,
    ErrorResponse,
    HeartbeatRequest,
    HeartbeatResponse,
    RegistrationRequest,
    RegistrationResponse,
)
from registry_gateway.adapter import RETRY_AFTER, Operation, Response, Security, Unprocessable, secured

DESCRIPTION = "ScaiLabs services with their service accounts: ScaiControl's service registry."

TOKEN = Security(
    "ScaiControlToken",
    {
        "type": "http",
        "scheme": "bearer",
        "description": "Token of a service account (`registry-gateway accounts create`) with the scope "
        "`registry:manage`; where the gateway is set to, one of ScaiKey's.",
    },
)

_REGISTER = "/api/v1/registry/register"
_REQUEST_ID = {"X-Request-ID": "The `request_id`; the gateway's log has it too."}

_REFUSED: Mapping[int, Response] = {
    401: Response("No valid token.", ErrorResponse, headers={"WWW-Authenticate": "Bearer"}),
    403: Response("No scope, a slug the token may not speak for, or an account with too many.", ErrorResponse),
    413: Response("The body is too large.", ErrorResponse),
    422: Response("The body makes no sense.", Unprocessable),
    500: Response("A defect of the gateway.", ErrorResponse),
    503: Response("The database, or the token's issuer, is out of reach; nothing was changed.", ErrorResponse),
}
_LIMITED: Mapping[int, Response] = {
    429: Response("More changes than `REGISTRY_GATEWAY_RATE_LIMIT` allows.", ErrorResponse, headers=RETRY_AFTER),
}
_NOT_FOUND: Mapping[int, Response] = {404: Response("The slug is not registered.", ErrorResponse)}
_EXAMPLE = {
    "slug": "invoices",
    "name": "Invoices",
    "version": "1.0.0",
    "base_url": "http://invoices:8000",
    "capabilities": ["pdf", "xml"],
    "heartbeat_interval_seconds": 30,
}

OPERATIONS = secured(
    (
        Operation(
            method="POST",
            path=_REGISTER,
            name="register",
            summary="Register a service",
            description="`pending` until an administrator approves it, unless it is an internal service.",
            request=RegistrationRequest,
            example=_EXAMPLE,
            responses={
                201: Response("Registered.", ApiResponse[RegistrationResponse], headers=_REQUEST_ID),
                409: Response("The slug is registered and alive: update it with PUT.", ErrorResponse),
                **_REFUSED,
                **_LIMITED,
            },
        ),
        Operation(
            method="PUT",
            path=_REGISTER,
            name="update",
            summary="Replace what is known of a service",
            description="Counts as a sign of life. A new `version` goes into the version history.",
            request=RegistrationRequest,
            example=_EXAMPLE | {"version": "1.1.0"},
            responses={
                200: Response("Updated.", ApiResponse[RegistrationResponse], headers=_REQUEST_ID),
                **_NOT_FOUND,
                **_REFUSED,
                **_LIMITED,
            },
        ),
        Operation(
            method="DELETE",
            path=_REGISTER,
            name="deregister",
            summary="Leave",
            request=DeregistrationRequest,
            example={"slug": "invoices", "reason": "moved to the ledger"},
            responses={
                204: Response("It has left.", headers=_REQUEST_ID),
                409: Response("There are active subscriptions.", ErrorResponse),
                **_NOT_FOUND,
                **_REFUSED,
                **_LIMITED,
            },
        ),
        Operation(
            method="POST",
            path="/api/v1/registry/heartbeat",
            name="heartbeat",
            summary="Say that a service lives, and how it is",
            description="Ends any silence, however long. Never approves anything.",
            request=HeartbeatRequest,
            example={"slug": "invoices", "status": "healthy", "uptime_seconds": 12.5},
            responses={
                200: Response("Heard.", ApiResponse[HeartbeatResponse], headers=_REQUEST_ID),
                **_NOT_FOUND,
                **_REFUSED,
            },
        ),
    ),
    TOKEN,
)
