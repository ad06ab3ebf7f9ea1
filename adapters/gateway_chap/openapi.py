"""OpenAPI descriptions of CHAP. docs/wire/chap.md describes the dialect in prose."""

from collections.abc import Mapping
from dataclasses import replace

from gateway_chap.wire import PingResponse, RegisterRequest, RegisterResponse, Service, Services
from registry_gateway.adapter import (
    ETAG,
    IF_NONE_MATCH,
    NOT_MODIFIED,
    Detail,
    Operation,
    Parameter,
    Response,
    Security,
    Unprocessable,
    fastapi_errors,
)

DESCRIPTION = "Machine-learning services made with servicekit and chapkit: CHAP's Service Registration (v2 API)."

SERVICE_KEY = Security(
    "ChapServiceKey",
    {
        "type": "apiKey",
        "in": "header",
        "name": "X-Service-Key",
        "description": "The gateway's `SERVICEKIT_REGISTRATION_KEY`.",
    },
)

ID = Parameter("id", "The service's `info.id`.", example="my-model")

_REFUSED: Mapping[int, Response] = {
    401: Response("The key is wrong, or missing if the gateway is configured to answer 401 then.", Detail),
    422: Response("The key is missing.", Unprocessable),
}
_NOT_FOUND: Mapping[int, Response] = {404: Response("No such service is live.", Detail)}

_REGISTER = Operation(
    method="POST",
    path="/v2/services/$register",
    name="register",
    summary="Register a service, or update it",
    description="The latest registration wins. Unknown members of `info` are stored and returned.",
    request=RegisterRequest,
    example={
        "url": "http://my-model:8080",
        "info": {
            "id": "my-model",
            "display_name": "My ML Model",
            "version": "1.0.0",
            "description": "A predictive model for disease forecasting",
            "model_metadata": {"author": "Your Name", "organization": "Your Org"},
            "period_type": "monthly",
            "min_prediction_periods": 1,
            "max_prediction_periods": 12,
        },
    },
    responses={
        200: Response("Registered, for `ttl_seconds` from now.", RegisterResponse),
        400: Response("The `Host` header, from which the ping URL is made, is not valid or is given twice.", Detail),
        401: _REFUSED[401],
        403: Response("There are as many services as `REGISTRY_GATEWAY_CHAP_MAX_SERVICES` allows.", Detail),
        413: Response("The body is too large.", Detail),
        422: Response("The key is missing, or the body is not valid.", Unprocessable),
        **fastapi_errors.LIMITED,
        **fastapi_errors.BROKEN,
    },
)

_DEREGISTER = Operation(
    method="DELETE",
    path="/v2/services/{id}",
    name="deregister",
    summary="Deregister a service",
    description="After another process has registered a live service again, one DELETE from the replaced process is "
    "ignored and answered 204: within an hour, or within one lease if both registered from the same address.",
    parameters=(ID,),
    responses={
        204: Response("The service is deregistered, or the request came from a replaced process."),
        **_REFUSED,
        404: Response("No such service is live, or expired and kept.", Detail),
        **fastapi_errors.LIMITED,
        **fastapi_errors.BROKEN,
    },
)

WRITES = (
    _REGISTER,
    Operation(
        method="PUT",
        path="/v2/services/{id}/$ping",
        name="ping",
        summary="Send a heartbeat",
        description="Starts a full lease. A late ping revives an expired service while it is kept "
        "(`REGISTRY_GATEWAY_CHAP_LAPSED_RETENTION`), unless `REGISTRY_GATEWAY_CHAP_LATE_PING` is `refuse`. It never "
        "revives a deregistered service.",
        parameters=(ID,),
        responses={
            200: Response("A full lease from now.", PingResponse),
            **_REFUSED,
            404: Response("The service is not registered, or can't be revived. Register again.", Detail),
            **fastapi_errors.BROKEN,
        },
    ),
    _DEREGISTER,
    replace(
        _REGISTER,
        path="/v2/services",
        name="register_without_dollar",
        summary="Register; the path when a compose file drops `$register`",
        deprecated=True,
    ),
    replace(
        _DEREGISTER,
        path="/v2/services//{id}",
        name="deregister_without_dollar",
        summary="Deregister; the path of services that registered without `$register`",
        deprecated=True,
    ),
    replace(
        _DEREGISTER,
        path="/v2/services/$register/{id}",
        name="deregister_percent_encoded",
        summary="Deregister; the path of services that registered at `%24register`",
        deprecated=True,
    ),
)
"""The operations that require a key, if keys are set."""

READS = (
    Operation(
        method="GET",
        path="/v2/services",
        name="list",
        summary="List the live services",
        parameters=(IF_NONE_MATCH,),
        responses={
            200: Response("The services, sorted by id.", Services, headers=ETAG),
            **NOT_MODIFIED,
            **fastapi_errors.BROKEN,
        },
    ),
    Operation(
        method="GET",
        path="/v2/services/{id}",
        name="find",
        summary="Get a live service",
        parameters=(ID, IF_NONE_MATCH),
        responses={
            200: Response("The service.", Service, headers=ETAG),
            **NOT_MODIFIED,
            **_NOT_FOUND,
            **fastapi_errors.BROKEN,
        },
    ),
)
"""The operations that require no key."""

_RUN = Operation(
    method="GET",
    path="/v2/services/{id}/run/{path}",
    name="run",
    summary="Read from a live service",
    description="Passes the request on to the service, with its path and query as they were sent, and returns the "
    "service's answer as it arrives. Redirects are followed on the service's own server. Credentials and cookies are "
    "not passed on.",
    parameters=(ID, Parameter("path", "A path of the service. It may contain slashes.", example="health")),
    responses={
        200: Response("The service's answer. It may have any other status."),
        400: Response("The path leads out of the service's URL.", Detail),
        **_NOT_FOUND,
        500: fastapi_errors.BROKEN[500],
        502: Response("The service can't be reached, or its answer can't be passed on.", Detail),
        503: Response("Too many requests are being passed on, or the database does not answer.", Detail),
        504: Response("The service did not answer in time.", Detail),
    },
)

RUN = (
    _RUN,
    replace(
        _RUN,
        path="/v2/services/{id}/run",
        name="run_root",
        summary="Read the root of a live service",
        parameters=(ID,),
    ),
)
"""The operations of the run proxy, if it is on."""
