"""OpenAPI descriptions of `/admin/v1`. docs/wire/admin.md describes it in prose."""

from typing import Any

from registry_gateway.core.model import Subscription
from registry_gateway.endpoints.admin.wire import (
    AccountView,
    Cancellation,
    Data,
    IssuedView,
    Named,
    NewAccount,
    NewSubscription,
    Removal,
    Rotation,
    Service,
    ServiceView,
)
from registry_gateway.http import problem_details
from registry_gateway.http.operation import Operation, Response, Security, secured

DESCRIPTION = (
    "Administration: the changes that the command line can make. All paths answer 404 unless there is a valid token "
    "with the scope `admin:registry`."
)

TOKEN = Security(
    "AdministratorToken",
    {
        "type": "http",
        "scheme": "bearer",
        "description": "A token of an account with the scope `admin:registry` (or `super_admin`): "
        "`registry-gateway accounts create NAME --scope admin:registry`.",
    },
)

_ALWAYS = {
    401: problem_details.response("The token is missing or not valid."),
    403: problem_details.response("The token is not an administrator's."),
    404: problem_details.response("The object does not exist, or administration is disabled."),
    500: problem_details.response("A defect of the gateway."),
    503: problem_details.response("The database can't be reached; nothing was changed."),
}
_CHANGING = {
    **_ALWAYS,
    409: problem_details.response("The present state does not permit it; `code` says why."),
    413: problem_details.response("The body is too large."),
    422: problem_details.response("The body is invalid; `at` says where."),
}


def _read(path: str, name: str, summary: str, body: Any) -> Operation:
    responses = {200: Response("All of them.", body), **_ALWAYS}
    return Operation(method="GET", path=f"/admin/v1/{path}", name=name, summary=summary, responses=responses)


def _change(path: str, name: str, summary: str, request: Any, example: object, status: int, body: Any) -> Operation:
    return Operation(
        method="POST",
        path=f"/admin/v1/{path}",
        name=name,
        summary=summary,
        request=request,
        example=example,
        responses={status: Response("It is done.", body), **_CHANGING},
    )


_SERVICE = {"key": "invoices", "dialect": "scaicontrol"}

OPERATIONS = secured(
    [
        _change("services/approve", "approve", "Approve a pending service", Service, _SERVICE, 200, Data[ServiceView]),
        _change(
            "services/remove",
            "remove",
            "Deregister a service of any owner",
            Removal,
            {**_SERVICE, "reason": "moved to another cluster"},
            200,
            Data[ServiceView],
        ),
        _read("accounts", "listAccounts", "List the accounts, revoked ones included", Data[list[AccountView]]),
        _change(
            "accounts",
            "createAccount",
            "Create an account with a token",
            NewAccount,
            {"name": "dashboard", "scopes": ["read:catalog"], "expires_in": 7_776_000},
            201,
            Data[IssuedView],
        ),
        _change(
            "accounts/rotate",
            "rotateAccount",
            "Create a new token for an account",
            Rotation,
            {"name": "dashboard", "overlap": 86_400},
            201,
            Data[IssuedView],
        ),
        _change(
            "accounts/revoke",
            "revokeAccount",
            "Revoke all tokens of an account",
            Named,
            {"name": "dashboard"},
            200,
            Data[AccountView],
        ),
        _read(
            "subscriptions",
            "listSubscriptions",
            "List the subscriptions, ended ones included",
            Data[list[Subscription]],
        ),
        _change(
            "subscriptions",
            "subscribe",
            "Record that a subscriber depends on a service",
            NewSubscription,
            {**_SERVICE, "subscriber": "tenant-42"},
            201,
            Data[Subscription],
        ),
        _change(
            "subscriptions/cancel",
            "cancelSubscription",
            "Cancel a subscription",
            Cancellation,
            {"id": 1},
            200,
            Data[Subscription],
        ),
    ],
    TOKEN,
)
