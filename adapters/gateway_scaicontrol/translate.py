"""ScaiControl's words to the core's and back. Pure."""

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
    """Return the command a registration asks for; the actor owns it, and services in `internal` are approved.

    The document kept is the object as it came, unknown members included. All of it is parsed first, also what
    is not looked at: what could not be read back must not get in.

    Raises:
        EmptyBody, msgspec.DecodeError: The body is not one.
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
    """Return the command a heartbeat asks for.

    Raises:
        EmptyBody, msgspec.DecodeError: The body is not one.
    """
    request = decode(body, _heartbeat)
    return Renew(DIALECT, request.slug, actor, actor.name, request.version, request.status)


def deregister(body: bytes, actor: Actor) -> Deregister:
    """Return the command a deregistration asks for.

    Raises:
        EmptyBody, msgspec.DecodeError: The body is not one.
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

    It is computed from the slug and the time of the first registration and kept nowhere: it stays the same
    through updates, lapses and restarts, on every gateway, and a slug that is registered anew after a
    deregistration gets another.
    """
    return str(uuid5(NAMESPACE_URL, f"urn:scaicontrol:{registration.key}:{registration.registered_at!r}"))


@lru_cache(maxsize=1024)  # all heartbeats of a batch have the same time
def iso(time: float) -> str:
    """Return epoch seconds as ISO 8601 in UTC, with the offset."""
    return datetime.fromtimestamp(time, UTC).isoformat()


def _status(registration: Registration) -> Literal["pending", "active"]:
    """Every answer follows a sign of life, so no service reads of itself that it is degraded by silence."""
    return "pending" if registration.approved_at is None else "active"


def _health_status(registration: Registration) -> str:
    """What the service last said of itself: silence, the other source, has just ended."""
    return registration.reported or "healthy"


def _interval(registration: Registration, grace: int) -> int:
    """The lease is the interval times the grace multiplier. At least a second, if the multiplier was raised since."""
    return max(1, round(registration.lease.ttl / grace))
