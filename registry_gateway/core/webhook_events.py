"""Events about webhooks. Pure: states and times are arguments."""

from registry_gateway.core.model import Actor, Event, EventKind
from registry_gateway.core.webhook import Webhook


def happened(
    kind: EventKind,
    webhook: Webhook,
    actor: Actor,
    now: float,
    reason: str | None = None,
    **detail: str | float | None,
) -> Event:
    """Return an event about `webhook`. The database assigns its id. URL and secrets are not in it."""
    return Event(
        id=0,
        at=now,
        kind=kind,
        dialect="",
        key=webhook.key,
        actor=actor.name,
        client_address=actor.client_address,
        request_id=actor.request_id,
        reason=reason,
        detail=detail,
    )
