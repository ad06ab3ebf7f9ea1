"""The bodies of requests and answers of `/admin/v1`. Times are epoch seconds, durations are seconds."""

from typing import Annotated, Generic, TypeVar

import msgspec
from msgspec import Meta

from registry_gateway.auth.accounts import Issued
from registry_gateway.auth.new_account import LONGEST, NAME, TOKEN
from registry_gateway.core.model import Account, EventKind, Registration, Token
from registry_gateway.core.status import Status
from registry_gateway.core.webhook import Format
from registry_gateway.http.decode_errors import Text, worded
from registry_gateway.webhooks import receiver_url

T = TypeVar("T")

_NAME = worded(
    r"^[^\s\x00-\x1f\x7f]([^\x00-\x1f\x7f]*[^\s\x00-\x1f\x7f])?\Z", "one line without white space at its ends"
)

Name = Annotated[str, Meta(max_length=255, pattern=_NAME)]
"""A name, scope or slug: one line, without white space at its ends."""

Number = Annotated[int, Meta(ge=1, le=2**63 - 1)]
"""An id that the database has assigned."""

Span = Annotated[float, Meta(gt=0, le=1e9)]
"""A duration in seconds, at most about thirty years."""


class _Strict(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A request. Unknown members are refused, because they would have no effect."""


class ServiceKey(_Strict, frozen=True, kw_only=True):
    """Selects a service by its key. `dialect` is required if two dialects have a service with that key."""

    key: Annotated[Text, Meta(min_length=1)]
    dialect: Name | None = None


class ServiceRemoval(ServiceKey, frozen=True, kw_only=True):
    """Body of `services/remove`. `reason` is kept in the log of events."""

    reason: Text | None = None


class NewAccount(_Strict, frozen=True, kw_only=True):
    """Body of `accounts`. `scopes` are `read:catalog`, `admin:registry`, `super_admin`, and those of the dialects.

    Defaults: `scopes` are those that registering requires, `slugs` permit any service, the token does not expire.
    """

    name: Annotated[str, Meta(extra_json_schema={"pattern": f"^(?!{TOKEN}){NAME}$", "maxLength": LONGEST})]
    scopes: Annotated[tuple[Name, ...], Meta(min_length=1, max_length=100)] | msgspec.UnsetType = msgspec.UNSET
    slugs: Annotated[tuple[Name, ...], Meta(max_length=1000)] = ()
    expires_in: Span | None = None


class AccountRotation(_Strict, frozen=True, kw_only=True):
    """Body of `accounts/rotate`. Present tokens expire after `overlap` (default: a day), unless they do earlier."""

    name: Name
    overlap: Annotated[float, Meta(ge=0, le=1e9)] = 86_400.0
    expires_in: Span | None = None


class AccountName(_Strict, frozen=True, kw_only=True):
    """Body of `accounts/revoke`."""

    name: Name


class NewSubscription(ServiceKey, frozen=True, kw_only=True):
    """Body of `subscriptions`: `subscriber` depends on the service."""

    subscriber: Name


class SubscriptionId(_Strict, frozen=True, kw_only=True):
    """Body of `subscriptions/cancel`."""

    id: Number


class NewWebhook(_Strict, frozen=True, kw_only=True):
    """Body of `webhooks`. Empty `kinds` and no `dialect` mean all events. `slack` is text for people."""

    url: Annotated[
        str, Meta(extra_json_schema={"pattern": f"^{receiver_url.PATTERN}$", "maxLength": receiver_url.LONGEST})
    ]
    kinds: Annotated[tuple[EventKind, ...], Meta(max_length=100)] = ()
    dialect: Name | None = None
    format: Format = Format.JSON


class WebhookId(_Strict, frozen=True, kw_only=True):
    """Selects a webhook by its id."""

    id: Number


class WebhookRotation(WebhookId, frozen=True, kw_only=True):
    """Body of `webhooks/rotate`. The present secret signs too for `overlap` seconds (default: a day)."""

    overlap: Annotated[float, Meta(ge=0, le=1e9)] = 86_400.0


class ServiceView(msgspec.Struct, frozen=True):
    """A service after a change. A removed service has the status `gone`, its other members are as before."""

    dialect: str
    key: str
    name: str
    version: str
    address: str | None
    owner: str | None
    status: Status
    approved: bool
    registered_at: float
    approved_at: float | None


class AccountView(msgspec.Struct, frozen=True, kw_only=True):
    """An account and its tokens, without their secrets. Empty `slugs` permit any service."""

    name: str
    scopes: tuple[str, ...]
    slugs: tuple[str, ...]
    created_at: float
    revoked_at: float | None
    tokens: tuple[Token, ...]


class IssuedView(AccountView, frozen=True, kw_only=True):
    """An account with its new token, which is shown only once."""

    token: str


class Data(msgspec.Struct, Generic[T], frozen=True):
    """The envelope of every success."""

    data: T


def service_view(r: Registration, stands: Status) -> ServiceView:
    """Return a registration after a change, with its status."""
    return ServiceView(
        r.dialect, r.key, r.name, r.version, r.address, r.owner, stands, r.approved, r.registered_at, r.approved_at
    )


def account_view(account: Account) -> AccountView:
    """Return an account."""
    return AccountView(**msgspec.structs.asdict(account))


def issued_view(issued: Issued) -> IssuedView:
    """Return an account with its new token."""
    return IssuedView(**msgspec.structs.asdict(issued.account), token=issued.token)
