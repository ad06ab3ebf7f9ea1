"""One status for services of all dialects: pending, up, degraded, down or gone. Pure functions of time.

The dialects have words of their own for how a service is. This is what people and programs compare them by, and a
function of the registration, its dialect's policy and the time alone, as liveness is.
"""

from collections.abc import Sequence
from enum import StrEnum

from registry_gateway.core.lease import REVOKED, Health, LeasePolicy
from registry_gateway.core.model import Registration

UNWELL = frozenset({"degraded", "unhealthy"})
"""What a service that lives may say of its own health to count as degraded."""


class Status(StrEnum):
    """How a service is, as far as the registry can tell.

    PENDING: it waits for an administrator's approval, whether its lease runs or not. UP: its lease runs, and it reports
    no problem. DEGRADED: its lease runs and it reports `degraded` or `unhealthy`; or its lease has expired, and its
    dialect's policy does not call that down yet. DOWN: its lease has expired, and it counts as dead. GONE: it is not
    registered any more.
    """

    PENDING = "pending"
    UP = "up"
    DEGRADED = "degraded"
    DOWN = "down"
    GONE = "gone"


REGISTERED = (Status.PENDING, Status.UP, Status.DEGRADED, Status.DOWN)
"""The statuses of what is registered: all but gone."""


def status(registration: Registration | None, policy: LeasePolicy, now: float) -> Status:
    """Return the status of a registration at `now` (epoch seconds); None is one that isn't there any more."""
    if registration is None or registration.lease.stage == REVOKED or registration.lease.ended(policy, now):
        return Status.GONE
    alive = registration.lease.alive(now)
    if not registration.approved:
        return Status.PENDING
    if alive:
        return Status.DEGRADED if registration.reported in UNWELL else Status.UP
    silence = now - registration.lease.expires_at
    return next((found for after, found in reversed(silences(policy)) if silence >= after), silences(policy)[0][1])


def silences(policy: LeasePolicy) -> Sequence[tuple[float, Status]]:
    """Return what silence comes to mean under `policy`: from so many seconds beyond the deadline, that status.

    The lapse itself means down where the policy has no further step. Where it has, the lapse is the mildest of
    them: a service does not go down, up to degraded, and down again.
    """
    last = len(policy.stages) - 1
    found: list[tuple[float, Status]] = []
    for index, stage in enumerate(policy.stages):
        degraded = stage.health is Health.DEGRADED or (stage.health is Health.LAPSED and index < last)
        found.append((stage.after, Status.DEGRADED if degraded else Status.DOWN))
    return found
