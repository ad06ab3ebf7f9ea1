"""Events for the effects of commands and time on a registration. Pure: states and times are arguments."""

from registry_gateway.core.lease import REVOKED
from registry_gateway.core.model import GATEWAY, Actor, Event, EventKind, Registration

REASON = 1024
"""Maximum number of characters of an event's reason."""


def happened(
    kind: EventKind,
    registration: Registration,
    actor: Actor,
    now: float,
    reason: str | None = None,
    **detail: str | float | None,
) -> Event:
    """Return an event about `registration`. The database assigns its id."""
    return Event(
        id=0,
        at=now,
        kind=kind,
        dialect=registration.dialect,
        key=registration.key,
        actor=actor.name,
        client_address=actor.client_address,
        request_id=actor.request_id,
        reason=reason,
        detail=detail,
        name=registration.name,
        version=registration.version,
        service_address=registration.address,
    )


def lapse(registration: Registration, now: float) -> Event:
    """Return the event of a lapse, with its time and reason."""
    held = registration.lease
    reason = f"no heartbeat for {now - held.last_seen:.1f} s (lease: {held.ttl:g} s)"
    return happened(
        EventKind.EXPIRED,
        registration,
        GATEWAY,
        now,
        reason,
        last_seen=held.last_seen,
        expires_at=held.expires_at,
    )


def unrecorded_lapse(before: Registration, now: float) -> list[Event]:
    """Return the event of a lapse that no sweep has recorded. It precedes the event of the command in the log."""
    if before.lease.alive(now) or before.lease.stage != 0:
        return []
    return [lapse(before, now)]


def differences(before: Registration, after: Registration) -> dict[str, str | None]:
    """Return the old and new values of the searchable fields that a re-registration changed."""
    changed: dict[str, str | None] = {}
    for field in ("name", "address"):
        old, new = getattr(before, field), getattr(after, field)
        if old != new:
            changed |= {f"old_{field}": old, f"new_{field}": new}
    return changed


def version_change(old: str | None, after: Registration, actor: Actor, now: float) -> Event:
    """Return the event of a change of version."""
    return happened(EventKind.VERSION_CHANGED, after, actor, now, old=old, new=after.version)


def health_change(old: str | None, after: Registration, actor: Actor, now: float) -> Event:
    """Return the event of a change of the reported health."""
    return happened(EventKind.HEALTH_CHANGED, after, actor, now, old_health=old, new_health=after.reported)


def revival(before: Registration, actor: Actor, now: float, by: str) -> list[Event]:
    """Return the events of a heartbeat or registration (`by`) after the deadline; none if it came in time."""
    if before.lease.alive(now):
        return []
    late = max(0.0, now - before.lease.expires_at)
    was = "after the deregistration" if before.lease.stage == REVOKED else "after the lease expired"
    reason = f"{by} {late:.1f} s {was}"
    return [
        *unrecorded_lapse(before, now),
        happened(EventKind.RECOVERED, before, actor, now, reason),
    ]


def shortened(reason: str | None) -> str | None:
    """Return a reason as it is recorded. A long one is cut, and its full length is appended."""
    if reason is None or len(reason) <= REASON:
        return reason
    return f"{reason[:REASON]}… ({len(reason)} characters)"
