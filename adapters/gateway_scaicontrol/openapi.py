"""OpenAPI descriptions of ScaiControl. docs/wire/scaicontrol.md describes the dialect in prose."""

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
        "`registry:manage`, or one of ScaiKey's if the gateway is configured to accept them.",
    },
)

_REGISTER = "/api/v1/registry/register"
_REQUEST_ID = {"X-Request-ID": "The `request_id`, which is also in the gateway's log."}

_REFUSED: Mapping[int, Response] = {
    401: Response("No valid token.", ErrorResponse, headers={"WWW-Authenticate": "Bearer"}),
    403: Response("The scope is missing, the token is for other slugs, or the account has too many.", ErrorResponse),
    413: Response("The body is too large.", ErrorResponse),
    422: Response("The body is not valid.", Unprocessable),
    500: Response("A defect of the gateway.", ErrorResponse),
    503: Response("The database or the token's issuer can't be reached; see `message`.", ErrorResponse),
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
            summary="Update a service",
            description="Replaces the registration and counts as a heartbeat. A new `version` is added to the history.",
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
            summary="Deregister a service",
            request=DeregistrationRequest,
            example={"slug": "invoices", "reason": "moved to the ledger"},
            responses={
                204: Response("Deregistered.", headers=_REQUEST_ID),
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
            summary="Send a heartbeat with the service's health",
            description="Revives an expired service at any time. It does not approve a pending one.",
            request=HeartbeatRequest,
            example={"slug": "invoices", "status": "healthy", "uptime_seconds": 12.5},
            responses={
                200: Response("The lease is renewed.", ApiResponse[HeartbeatResponse], headers=_REQUEST_ID),
                **_NOT_FOUND,
                **_REFUSED,
            },
        ),
    ),
    TOKEN,
)
