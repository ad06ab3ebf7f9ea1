"""What /openapi.json says of CHAP. docs/wire/chap.md says it in prose."""

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
    401: Response("The key is wrong, or missing where the gateway is set to say so with 401.", Detail),
    422: Response("The key is missing.", Unprocessable),
}
_NOT_FOUND: Mapping[int, Response] = {404: Response("No such service is live.", Detail)}

_REGISTER = Operation(
    method="POST",
    path="/v2/services/$register",
    name="register",
    summary="Register a service, or update it",
    description="The latest registration wins. Unknown members of `info` are kept and come back.",
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
        400: Response("The ping URL would be made of a `Host` header that is none, or of two.", Detail),
        401: _REFUSED[401],
        403: Response("There are as many services as `REGISTRY_GATEWAY_CHAP_MAX_SERVICES` allows.", Detail),
        413: Response("The body is too large.", Detail),
        422: Response("The key is missing, or the body makes no sense.", Unprocessable),
        **fastapi_errors.LIMITED,
        **fastapi_errors.BROKEN,
    },
)

_DEREGISTER = Operation(
    method="DELETE",
    path="/v2/services/{id}",
    name="deregister",
    summary="Leave",
    description="After a live service was registered again, one goodbye from the address that it replaced removes "
    "nothing and is answered 204: within an hour, or within one lease where both registered from the same address.",
    parameters=(ID,),
    responses={
        204: Response("It has left, or the goodbye was that of a process that was replaced."),
        **_REFUSED,
        404: Response("No such service is live, or lapsed and kept.", Detail),
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
        summary="Say that a service lives",
        description="Starts a full lease. A late ping makes a lapsed service live again while it is kept "
        "(`REGISTRY_GATEWAY_CHAP_LAPSED_RETENTION`), unless `REGISTRY_GATEWAY_CHAP_LATE_PING` is `refuse`. It never "
        "brings back a deregistered one.",
        parameters=(ID,),
        responses={
            200: Response("A full lease from now.", PingResponse),
            **_REFUSED,
            404: Response("No such service is registered, or it may not be revived: register (again).", Detail),
            **fastapi_errors.BROKEN,
        },
    ),
    _DEREGISTER,
    replace(
        _REGISTER,
        path="/v2/services",
        name="register_without_dollar",
        summary="Register: what compose files make of `$register`",
        deprecated=True,
    ),
    replace(
        _DEREGISTER,
        path="/v2/services//{id}",
        name="deregister_without_dollar",
        summary="Leave: where services go that registered without `$register`",
        deprecated=True,
    ),
    replace(
        _DEREGISTER,
        path="/v2/services/$register/{id}",
        name="deregister_percent_encoded",
        summary="Leave: where services go that registered at `%24register`",
        deprecated=True,
    ),
)
"""The operations that ask for the key where there is one."""

READS = (
    Operation(
        method="GET",
        path="/v2/services",
        name="list",
        summary="List the live services",
        parameters=(IF_NONE_MATCH,),
        responses={200: Response("By id.", Services, headers=ETAG), **NOT_MODIFIED, **fastapi_errors.BROKEN},
    ),
    Operation(
        method="GET",
        path="/v2/services/{id}",
        name="find",
        summary="Look a service up",
        parameters=(ID, IF_NONE_MATCH),
        responses={
            200: Response("It lives.", Service, headers=ETAG),
            **NOT_MODIFIED,
            **_NOT_FOUND,
            **fastapi_errors.BROKEN,
        },
    ),
)
"""The operations anybody may."""
