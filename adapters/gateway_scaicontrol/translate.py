"""Conversion between ScaiControl's bodies and the core's commands and objects. Pure."""

from collections.abc import Set as AbstractSet
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Literal
from uuid import NAMESPACE_URL, uuid5

import msgspec

from gateway_scaicontrol.wire import (
    Collection,
    DeregistrationRequest,
    HeartbeatRequest,
    HeartbeatResponse,
    RegistrationRequest,
    RegistrationResponse,
)
from registry_gateway.adapter import Actor, Deregister, Register, Registration, Renew, decode

DIALECT = "scaicontrol"
"""The dialect's name."""

_members = msgspec.json.Decoder(dict[str, Any])
_as_sent = msgspec.json.Decoder(dict[str, msgspec.Raw])
_heartbeat = msgspec.json.Decoder(HeartbeatRequest)
_deregistration = msgspec.json.Decoder(DeregistrationRequest)


def register(
    body: bytes, mode: Literal["create", "update"], grace: int, internal: AbstractSet[str], actor: Actor
) -> Register:
    """Return the command for a registration. The actor is the owner, and services in `internal` are approved.

    The stored document is the object as sent, with unknown members. All of it is parsed first, so that a document that
    can't be read back is refused.

    Raises:
        EmptyBody, msgspec.DecodeError: The body is not valid.
    """
    request = msgspec.convert(decode(body, _members), RegistrationRequest)
    return Register(
        dialect=DIALECT,
        key=request.slug,
        name=request.name,
        version=request.version,
        address=request.base_url,
        owner=actor.name,
        approved=request.slug in internal,
        ttl=float(request.heartbeat_interval_seconds * grace),
        document=msgspec.json.encode(_as_sent.decode(body)),
        mode=mode,
        actor=actor,
        tools=_tools(request.capabilities),
    )


def _tools(capabilities: Collection) -> tuple[str, ...]:
    """Return the names of capabilities: the texts of a list, the `name` of its objects, or an object's members."""
    named = [c.get("name") if isinstance(c, dict) else c for c in capabilities or ()]
    return tuple(name for name in named if isinstance(name, str))


def renew(body: bytes, actor: Actor) -> Renew:
    """Return the command for a heartbeat.

    Raises:
        EmptyBody, msgspec.DecodeError: The body is not valid.
    """
    request = decode(body, _heartbeat)
    return Renew(DIALECT, request.slug, actor, actor.name, request.version, request.status)


def deregister(body: bytes, actor: Actor) -> Deregister:
    """Return the command for a deregistration.

    Raises:
        EmptyBody, msgspec.DecodeError: The body is not valid.
    """
    request = decode(body, _deregistration)
    return Deregister(dialect=DIALECT, key=request.slug, actor=actor, owner=actor.name, reason=request.reason)


def registered(registration: Registration, grace: int) -> RegistrationResponse:
    """Return the answer to a registration."""
    return RegistrationResponse(
        id=registration_id(registration),
        slug=registration.key,
        name=registration.name,
        version=registration.version,
        status=_status(registration),
        health_status=_health_status(registration),
        heartbeat_interval_seconds=_interval(registration, grace),
        registered_at=iso(registration.registered_at),
        updated_at=iso(registration.updated_at),
    )


def renewed(registration: Registration, grace: int) -> HeartbeatResponse:
    """Return the answer to a heartbeat."""
    return HeartbeatResponse(
        ok=True,
        slug=registration.key,
        status=_status(registration),
        health_status=_health_status(registration),
        last_heartbeat_at=iso(registration.lease.last_seen),
        next_heartbeat_in_seconds=_interval(registration, grace),
    )


def registration_id(registration: Registration) -> str:
    """Return a UUID for the registration.

    It is computed from the slug and the time of the first registration and not stored. It does not change with updates,
    expiries and restarts, and is the same on every gateway. A slug that is registered again after a deregistration has
    another.
    """
    return str(uuid5(NAMESPACE_URL, f"urn:scaicontrol:{registration.key}:{registration.registered_at!r}"))


@lru_cache(maxsize=1024)  # all heartbeats of a batch have the same time
def iso(time: float) -> str:
    """Return epoch seconds as ISO 8601 in UTC, with the offset."""
    return datetime.fromtimestamp(time, UTC).isoformat()


def _status(registration: Registration) -> Literal["pending", "active"]:
    """Return the status. Every answer follows a heartbeat or registration, so it is never degraded or unreachable."""
    return "pending" if registration.approved_at is None else "active"


def _health_status(registration: Registration) -> str:
    """Return the health that the service last reported. Its lease has just been renewed and does not affect it."""
    return registration.reported or "healthy"


def _interval(registration: Registration, grace: int) -> int:
    """Return the heartbeat interval: the lease divided by the grace multiplier, which may have been changed since.

    It is at least one second.
    """
    return max(1, round(registration.lease.ttl / grace))
