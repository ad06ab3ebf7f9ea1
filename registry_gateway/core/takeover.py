"""Takeovers: a live registration that is registered again, by a process that replaces another one. Pure.

In a rolling restart the new process registers a key and then the old one deregisters it. Where a deregistration carries
nothing but the key, the goodbye of the old process would remove the new one.
"""

import msgspec

from registry_gateway.core.lease import LeasePolicy
from registry_gateway.core.model import Actor, Registration


def noted(
    after: Registration, before: Registration | None, actor: Actor, policy: LeasePolicy, now: float
) -> Registration:
    """Return a new registration with where it came from, and the takeover if it replaced the live one `before`.

    A policy without a window for takeovers keeps nothing.
    """
    if policy.takeover_window is None:
        return after
    replaced = before is not None and before.lease.alive(now)
    return msgspec.structs.replace(
        after,
        client_address=actor.client_address,
        replaced_client_address=before.client_address if before is not None and replaced else None,
        replaced_at=now if replaced else None,
    )


def goodbye_of_the_replaced(held: Registration, actor: Actor, policy: LeasePolicy, now: float) -> str | None:
    """Return why a deregistration is taken for the goodbye of the process that was replaced; None if it is not.

    It is one if it comes from the replaced address: within the policy's window after the takeover, and where the
    process that took over has the same address, as behind a proxy, within one lease.
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


def over(held: Registration) -> Registration:
    """Return the registration without its takeover: one goodbye is set aside for each."""
    return msgspec.structs.replace(held, replaced_client_address=None, replaced_at=None)
