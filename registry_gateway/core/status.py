"""One status for services of all dialects: pending, up, degraded, down or gone. Pure functions of time.

Each dialect has its own words for health. This status is comparable across dialects. It depends on the registration,
its dialect's policy and the time alone, like liveness.
"""

from collections.abc import Sequence

from registry_gateway.core.lease import REVOKED, Health, LeasePolicy
from registry_gateway.core.model import Registration
from registry_gateway.core.open_enum import OpenEnum

UNWELL = frozenset({"degraded", "unhealthy"})
"""Self-reported health values of a live service that make it degraded."""


class Status(OpenEnum):
    """The status of a service.

    PENDING: it waits for an administrator's approval, whether its lease runs or not. UP: its lease runs, and it reports
    no problem. DEGRADED: its lease runs and it reports `degraded` or `unhealthy`; or its lease has expired, but its
    dialect's policy does not yet count it as down. DOWN: its lease has expired, and it counts as dead. GONE: it is no
    longer registered.
    """

    PENDING = "pending"
    UP = "up"
    DEGRADED = "degraded"
    DOWN = "down"
    GONE = "gone"


REGISTERED = (Status.PENDING, Status.UP, Status.DEGRADED, Status.DOWN)
"""The statuses of registered services: all but gone."""


def status(registration: Registration | None, policy: LeasePolicy, now: float) -> Status:
    """Return the status at `now` (epoch seconds); `registration` is None if the service is no longer registered."""
    if registration is None or registration.lease.stage == REVOKED or registration.lease.ended(policy, now):
        return Status.GONE
    alive = registration.lease.alive(now)
    if not registration.approved:
        return Status.PENDING
    if alive:
        return Status.DEGRADED if registration.reported in UNWELL else Status.UP
    overdue = now - registration.lease.expires_at
    statuses = statuses_after_expiry(policy)
    return next((found for after, found in reversed(statuses) if overdue >= after), statuses[0][1])


def statuses_after_expiry(policy: LeasePolicy) -> Sequence[tuple[float, Status]]:
    """Return the statuses after the deadline under `policy`, as pairs: seconds beyond the deadline, and the status from
    then.

    The lapse itself means down if the policy has no further stage. Otherwise it has the mildest status of them, so that
    a service never goes from down back up to degraded.
    """
    last = len(policy.stages) - 1
    found: list[tuple[float, Status]] = []
    for index, stage in enumerate(policy.stages):
        degraded = stage.health is Health.DEGRADED or (stage.health is Health.LAPSED and index < last)
        found.append((stage.after, Status.DEGRADED if degraded else Status.DOWN))
    return found
