"""Takeovers: a live registration is registered again by a process that replaces another one. Pure.

In a rolling restart the new process registers a key before the old one deregisters it. If deregistrations carry only
the key, that of the old process would remove the new registration.
"""

import msgspec

from registry_gateway.core.lease import LeasePolicy
from registry_gateway.core.model import Actor, Registration


def recorded(
    live: Registration | None, actor: Actor, policy: LeasePolicy, now: float
) -> tuple[str | None, str | None, float | None]:
    """Return `client_address`, `replaced_client_address` and `replaced_at` of a registration by `actor`.

    `live` is the live registration that it replaces. Under a policy without a takeover window all three are None.
    """
    if policy.takeover_window is None:
        return None, None, None
    if live is None:
        return actor.client_address, None, None
    return actor.client_address, live.client_address, now


def reason_to_ignore(held: Registration, actor: Actor, policy: LeasePolicy, now: float) -> str | None:
    """Return why a deregistration is attributed to the replaced process and ignored; None if it is not.

    It is ignored if it comes from the replaced address, within the policy's window after the takeover. If the new
    process has the same address, as behind a proxy, the window is one lease.
    """
    replaced, at = held.replaced_client_address, held.replaced_at
    if policy.takeover_window is None or at is None or replaced is None or replaced != actor.client_address:
        return None
    age = now - at
    if replaced != held.client_address:
        if age > policy.takeover_window:
            return None
        return f"from {replaced}, which {held.client_address} replaced {age:.1f} s before"
    if age > held.lease.ttl:
        return None
    return f"from {replaced}, where it had registered again {age:.1f} s before, within one lease"


def without_takeover(held: Registration) -> Registration:
    """Return the registration without its takeover: each takeover causes one deregistration to be ignored."""
    return msgspec.structs.replace(held, replaced_client_address=None, replaced_at=None)
