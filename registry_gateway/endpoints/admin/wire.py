"""What travels: the bodies of `/admin/v1`, asked and answered. Times are seconds since the epoch, spans seconds."""

from typing import Annotated, Generic, TypeVar

import msgspec
from msgspec import Meta

from registry_gateway.core.model import Token
from registry_gateway.core.status import Status
from registry_gateway.http.decode_errors import Text

T = TypeVar("T")

_NAME = r"[^\s\x00-\x1f\x7f]([^\x00-\x1f\x7f]*[^\s\x00-\x1f\x7f])?\Z"
_NO_TOKEN = r"^(?!rgw_[0-9a-f]{16}_)"  # noqa: S105 - a pattern

Name = Annotated[str, Meta(max_length=255, pattern=f"^{_NAME}")]
"""A name, scope or slug: one line, no blanks around it."""

Span = Annotated[float, Meta(gt=0, le=1e9)]
"""Seconds; at most some thirty years."""


class _Strict(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A request. A member that is not known is refused: what was meant by it would not happen."""


class Service(_Strict, frozen=True, kw_only=True):
    """Which service: `key` is what it registered under. `dialect` is needed where two have one of that key."""

    key: Annotated[Text, Meta(min_length=1)]
    dialect: Name | None = None


class Removal(Service, frozen=True, kw_only=True):
    """Body of `services/remove`. `reason` is kept in the log of events."""

    reason: Text | None = None


class NewAccount(_Strict, frozen=True, kw_only=True):
    """Body of `accounts`. A token is no name.

    Left out, `scopes` are those that registering needs, `slugs` are any, and the token does not end.
    """

    name: Annotated[str, Meta(max_length=255, pattern=_NO_TOKEN + _NAME)]
    scopes: Annotated[tuple[Name, ...], Meta(min_length=1, max_length=100)] | msgspec.UnsetType = msgspec.UNSET
    slugs: Annotated[tuple[Name, ...], Meta(max_length=1000)] = ()
    expires_in: Span | None = None


class Rotation(_Strict, frozen=True, kw_only=True):
    """Body of `accounts/rotate`. Tokens it has end after `overlap` (a day unless given), or earlier if they were to."""

    name: Name
    overlap: Annotated[float, Meta(ge=0, le=1e9)] = 86_400.0
    expires_in: Span | None = None


class Named(_Strict, frozen=True, kw_only=True):
    """Body of `accounts/revoke`."""

    name: Name


class NewSubscription(Service, frozen=True, kw_only=True):
    """Body of `subscriptions`: `subscriber` depends on the service."""

    subscriber: Name


class Cancellation(_Strict, frozen=True, kw_only=True):
    """Body of `subscriptions/cancel`."""

    id: Annotated[int, Meta(ge=1, le=2**63 - 1)]


class ServiceView(msgspec.Struct, frozen=True):
    """A service after a change. One that was removed has the status `gone` and is as it stood before that."""

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
    """An account with what may be known of its tokens. Empty `slugs`: any service."""

    name: str
    scopes: tuple[str, ...]
    slugs: tuple[str, ...]
    created_at: float
    revoked_at: float | None
    tokens: tuple[Token, ...]


class IssuedView(AccountView, frozen=True, kw_only=True):
    """An account with the token that was just made for it, shown only now."""

    token: str


class Data(msgspec.Struct, Generic[T], frozen=True):
    """The envelope of every success."""

    data: T
