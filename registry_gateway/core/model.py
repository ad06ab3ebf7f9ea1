"""What the registry holds, in words that belong to no dialect. All times are epoch seconds."""

from enum import StrEnum
from math import inf

import msgspec

from registry_gateway.core.lease import Health, Lease


class EventKind(StrEnum):
    """What happened to a registration. RESUMED is about the gateway itself, ACCOUNT_... about `account:<name>`."""

    REGISTERED = "registered"
    UPDATED = "updated"
    VERSION_CHANGED = "version_changed"
    HEALTH_CHANGED = "health_changed"
    APPROVED = "approved"
    EXPIRED = "expired"
    DEGRADED = "degraded"
    UNREACHABLE = "unreachable"
    RECOVERED = "recovered"
    DEREGISTERED = "deregistered"
    DEREGISTRATION_IGNORED = "deregistration_ignored"
    PURGED = "purged"
    SUBSCRIBED = "subscribed"
    UNSUBSCRIBED = "unsubscribed"
    RESUMED = "resumed"
    ACCOUNT_CREATED = "account_created"
    ACCOUNT_ROTATED = "account_rotated"
    ACCOUNT_REVOKED = "account_revoked"


class Actor(msgspec.Struct, frozen=True):
    """Who caused a change: a name such as `account:scaiflow`, `key:chap:1a2b3c4d`, `cli:root` or `gateway`.

    `client_address` is where the request came from: an IP address, or the machine's name at a command line.
    """

    name: str
    client_address: str | None = None
    request_id: str | None = None


ANONYMOUS = "anonymous"
"""Name of an actor who showed no credential, where none is asked for."""

GATEWAY = Actor("gateway")
"""The gateway itself: it records lapses and purges."""


class Registration(msgspec.Struct, frozen=True, kw_only=True):
    """A service, as far as every dialect agrees on what one is. Its documents are kept apart.

    Attributes:
        dialect: Name of the adapter that speaks for it.
        key: Its identifier within the dialect (slug, instance id).
        address: Where it says it can be reached (URL or host), if it says so.
        owner: The account that registered it, in dialects with accounts.
        approved_at: When it was approved, None while it waits for an administrator.
        reported: What it last said of its own health, if the dialect lets it say so.
        advertised: Whether it has posted its tools since it registered (an empty list counts).
        client_address: Where the last registration was sent from, in dialects that tell takeovers.
        replaced_client_address: The same of the live registration that the last one replaced; None if it replaced none.
        replaced_at: When it replaced it; None if it replaced none, or a deregistration was set aside since.
        version_due: When the change to `version` may be recorded; None if it is recorded.
        logged_health: What the last event `health_changed` says that it reports; None if there is none since it was
            last registered.
        health_logged_at: When the last such event was recorded.
    """

    dialect: str
    key: str
    name: str
    version: str
    address: str | None
    owner: str | None
    approved_at: float | None
    reported: str | None
    advertised: bool
    registered_at: float
    updated_at: float
    version_due: float | None = None
    logged_health: str | None = None
    health_logged_at: float | None = None
    client_address: str | None = None
    replaced_client_address: str | None = None
    replaced_at: float | None = None
    lease: Lease

    @property
    def approved(self) -> bool:
        """Whether it was approved, by an administrator or as it registered."""
        return self.approved_at is not None


class Entry(msgspec.Struct, frozen=True):
    """A registration with its documents and its health when it was read.

    `document` and `tools_document` are the bytes its dialect answers with: what it registered, and the tools it posted
    apart from that, if it did.
    """

    registration: Registration
    document: bytes
    tools_document: bytes | None
    health: Health

    @property
    def alive(self) -> bool:
        """Whether the lease was running when the entry was read."""
        return self.health is Health.HEALTHY


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the log of changes. `detail` holds what the kind needs (old and new version, addresses).

    `client_address` is where the request came from. `name`, `version` and `service_address` are those of the
    registration as it stood after the event; they are None in events of the gateway and of accounts.
    """

    id: int
    at: float
    kind: EventKind
    dialect: str
    key: str
    actor: str
    client_address: str | None
    request_id: str | None
    reason: str | None
    detail: dict[str, str | float | int | None]
    name: str | None = None
    version: str | None = None
    service_address: str | None = None


class Version(msgspec.Struct, frozen=True):
    """A version a registration has had, and when it was first seen."""

    version: str
    since: float


class Subscription(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody's dependence on a registration. While `active` it blocks the deregistration."""

    id: int
    dialect: str
    key: str
    subscriber: str
    state: str
    created_at: float
    updated_at: float


class Token(msgspec.Struct, frozen=True, kw_only=True):
    """A credential of an account, without its secret. `id` is the middle part of the token's text.

    `last_used_at` is exact to a minute or so.
    """

    id: str
    created_at: float
    expires_at: float | None
    last_used_at: float | None

    @property
    def ends_at(self) -> float:
        """When it stops being valid; infinity if it never does."""
        return inf if self.expires_at is None else self.expires_at


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """A service account. `slugs` restricts what it may register; empty means any. Its tokens, oldest first."""

    name: str
    scopes: tuple[str, ...]
    slugs: tuple[str, ...]
    created_at: float
    revoked_at: float | None
    tokens: tuple[Token, ...] = ()
