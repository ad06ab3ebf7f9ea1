"""The data model of the registry, independent of any dialect. All times are epoch seconds."""

from math import inf

import msgspec

from registry_gateway.core.lease import Health, Lease
from registry_gateway.core.open_enum import OpenEnum


class EventKind(OpenEnum):
    """The kinds of events. RESUMED is about the gateway itself, ACCOUNT_... about `account:<name>`, WEBHOOK_... about
    `webhook:<id>`.
    """

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
    WEBHOOK_ADDED = "webhook_added"
    WEBHOOK_ROTATED = "webhook_rotated"
    WEBHOOK_DISABLED = "webhook_disabled"
    WEBHOOK_ENABLED = "webhook_enabled"
    WEBHOOK_REMOVED = "webhook_removed"


class Actor(msgspec.Struct, frozen=True):
    """The origin of a change: a name such as `account:scaiflow`, `key:chap:1a2b3c4d`, `cli:root` or `gateway`.

    `client_address` is the origin of the request: an IP address, or the machine's name for the command line.
    """

    name: str
    client_address: str | None = None
    request_id: str | None = None


ANONYMOUS = "anonymous"
"""Name of an actor without a credential, where none is required."""

GATEWAY = Actor("gateway")
"""The gateway itself, which records lapses and purges."""


class Registration(msgspec.Struct, frozen=True):
    """A service, in the terms common to all dialects. Its documents are stored separately.

    Attributes:
        dialect: Name of the adapter that registered it.
        key: Its identifier within the dialect (slug, instance id).
        address: The URL or host at which it is reachable, as it reported; None if it reported none.
        owner: The account that registered it, in dialects with accounts.
        approved_at: When it was approved; None while it waits for approval.
        reported: The health it last reported, in dialects that have such reports.
        advertised: Whether it has posted its tools since it registered (an empty list counts).
        client_address: The client address of the last registration, in dialects that track takeovers.
        replaced_client_address: The client address of the live registration that the last one replaced; None if it
            replaced none.
        replaced_at: The time of that takeover; None if there was none, or a deregistration has been ignored since.
        version_due: When the change to `version` may be recorded; None if it is recorded.
        logged_health: The health in its last event `health_changed`; None if there is none since the last registration.
        health_logged_at: The time of that event.
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
    lease: Lease
    version_due: float | None = None
    logged_health: str | None = None
    health_logged_at: float | None = None
    client_address: str | None = None
    replaced_client_address: str | None = None
    replaced_at: float | None = None

    @property
    def approved(self) -> bool:
        """Whether it was approved, at registration or by an administrator."""
        return self.approved_at is not None


class Entry(msgspec.Struct, frozen=True):
    """A registration with its documents, and its health at the time of the read.

    `document` is the document it registered, `tools_document` the tools it posted separately, if any. The dialect
    answers with these bytes. `judged_at` is the time by which the lease was judged, in epoch seconds of the clock that
    leases follow: that of the read, in a list that of its first page, and during an outage that of the last presence.
    """

    registration: Registration
    document: bytes
    tools_document: bytes | None
    health: Health
    judged_at: float

    @property
    def alive(self) -> bool:
        """Whether the lease was running at the time of the read."""
        return self.health is Health.HEALTHY

    @property
    def remaining(self) -> float:
        """Seconds of the lease that were left at `judged_at`; 0 if it was not running."""
        return self.registration.lease.expires_at - self.judged_at if self.alive else 0.0


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """An entry of the event log. `detail` depends on the kind (old and new version, addresses).

    `client_address` is the origin of the request. `name`, `version` and `service_address` are those of the registration
    after the event; they are null in events of the gateway and of accounts.
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
    """A version of a registration, and the time it was first seen."""

    version: str
    since: float


class Subscription(msgspec.Struct, frozen=True, kw_only=True):
    """A declared dependence of a subscriber on a registration. While `active` it blocks the deregistration."""

    id: int
    dialect: str
    key: str
    subscriber: str
    state: str
    created_at: float
    updated_at: float


class Token(msgspec.Struct, frozen=True, kw_only=True):
    """A credential of an account, without its secret. `id` is the middle part of the token's text.

    `last_used_at` is accurate to about a minute.
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
    """A service account and its tokens, oldest first. `slugs` restricts what it may register; empty means any."""

    name: str
    scopes: tuple[str, ...]
    slugs: tuple[str, ...]
    created_at: float
    revoked_at: float | None
    tokens: tuple[Token, ...] = ()
