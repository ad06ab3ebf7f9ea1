"""OpenAPI descriptions of `/admin/v1`. docs/wire/admin.md describes it in prose."""

from typing import Annotated, Any

from msgspec import Meta

from registry_gateway.core.model import Subscription
from registry_gateway.core.webhook import Attempt, WebhookView
from registry_gateway.endpoints.admin.wire import (
    AccountName,
    AccountRotation,
    AccountView,
    Data,
    IssuedView,
    NewAccount,
    NewSubscription,
    NewWebhook,
    ServiceKey,
    ServiceRemoval,
    ServiceView,
    SubscriptionId,
    WebhookId,
    WebhookRotation,
)
from registry_gateway.http import problem_details
from registry_gateway.http.operation import Operation, Parameter, Response, Security, secured
from registry_gateway.webhooks.webhooks import IssuedWebhook, Trial

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


def _read(path: str, name: str, summary: str, body: Any, *parameters: Parameter) -> Operation:
    return Operation(
        method="GET",
        path=f"/admin/v1/{path}",
        name=name,
        summary=summary,
        parameters=parameters,
        responses={200: Response("All of them.", body), **_ALWAYS},
    )


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
        _change(
            "services/approve", "approve", "Approve a pending service", ServiceKey, _SERVICE, 200, Data[ServiceView]
        ),
        _change(
            "services/remove",
            "remove",
            "Deregister a service of any owner",
            ServiceRemoval,
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
            AccountRotation,
            {"name": "dashboard", "overlap": 86_400},
            201,
            Data[IssuedView],
        ),
        _change(
            "accounts/revoke",
            "revokeAccount",
            "Revoke all tokens of an account",
            AccountName,
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
            SubscriptionId,
            {"id": 1},
            200,
            Data[Subscription],
        ),
        _read("webhooks", "listWebhooks", "List the webhooks, disabled ones included", Data[list[WebhookView]]),
        _change(
            "webhooks",
            "addWebhook",
            "Add a webhook: send messages about events to a URL",
            NewWebhook,
            {"url": "https://alerts.example.com/registry", "kinds": ["expired", "recovered"]},
            201,
            Data[IssuedWebhook],
        ),
        _read(
            "webhooks/{id}/deliveries",
            "listDeliveries",
            "List the last attempts to deliver to a webhook, newest first",
            Data[list[Attempt]],
            Parameter("id", "The id of the webhook.", kind=Annotated[str, Meta(pattern="^[0-9]{1,18}$")], example="1"),
        ),
        _change(
            "webhooks/test", "testWebhook", "Send a test message to a webhook", WebhookId, {"id": 1}, 200, Data[Trial]
        ),
        _change(
            "webhooks/rotate",
            "rotateWebhook",
            "Create a new secret for a webhook",
            WebhookRotation,
            {"id": 1, "overlap": 86_400},
            201,
            Data[IssuedWebhook],
        ),
        _change(
            "webhooks/enable",
            "enableWebhook",
            "Enable a webhook that is disabled",
            WebhookId,
            {"id": 1},
            200,
            Data[WebhookView],
        ),
        _change("webhooks/remove", "removeWebhook", "Remove a webhook", WebhookId, {"id": 1}, 200, Data[WebhookView]),
    ],
    TOKEN,
)
