"""The lease: how long a registration is taken for alive, and what its silence means. Pure functions of time.

A lease has one deadline. Alive means `now < expires_at`, everywhere and judged when read, unless its end is on
record already: gateways take their time at different instants and from different clocks, and what one of them
has ended must not come back because another one's `now` is a little earlier. How bad a silence is (degraded,
unreachable) follows from the deadline, the policy and `now` alone: there is no counter that two gateways could
both increment.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Literal

import msgspec

REVOKED = -1
"""The `stage` of a lease that was ended by a deregistration and not by silence."""


class Health(StrEnum):
    """What a lease says about its holder."""

    HEALTHY = "healthy"
    LAPSED = "lapsed"
    DEGRADED = "degraded"
    UNREACHABLE = "unreachable"
    GONE = "gone"


class Stage(msgspec.Struct, frozen=True):
    """A step of silence: `after` seconds beyond the deadline the health is `health` and `event` is recorded."""

    after: float
    health: Health
    event: str


EXPIRED = Stage(0.0, Health.LAPSED, "expired")


class LeasePolicy(msgspec.Struct, frozen=True, kw_only=True):
    """How a dialect treats leases.

    Attributes:
        late_renewal: Whether a heartbeat after the deadline is refused, or revives the lease.
        retention: Seconds a lapsed registration is kept: 0 ends it at the deadline, None keeps it for ever.
        kept_for_revival: Whether a lapsed registration is kept for a late renewal alone. Then it takes no place in
            `most` and `most_owned`, a registration under its key is a new one, and it is gone when `retention` is over,
            purged or not.
        most_lapsed: Most lapsed registrations that are kept, those that lapsed last; None if there is no limit.
        keeps_deregistered: Whether a deregistered registration stays, revoked, for `retention` seconds.
        takeover_window: Seconds after a live registration was registered again from another client address in which a
            deregistration from the replaced address is set aside, once; from the same address it is one lease. None: no
            deregistration is.
        stages: The steps of silence in ascending order of `after`; the first is the lapse itself.
        most_owned: Most registrations an account may own, the silent ones included; None if there is no limit.
        most: Most registrations there may be; None if there is no limit. Those that are kept after their end count,
            unless they are kept for a late renewal alone.
        most_tools: Most tools that these may have together; None if there is no limit.
    """

    late_renewal: Literal["refuse", "revive"]
    retention: float | None
    kept_for_revival: bool = False
    most_lapsed: int | None = None
    keeps_deregistered: bool = False
    takeover_window: float | None = None
    stages: tuple[Stage, ...] = (EXPIRED,)
    most_owned: int | None = None
    most: int | None = None
    most_tools: int | None = None

    @property
    def ends_at_lapse(self) -> bool:
        """Whether a registration is gone at the instant its lease lapses, swept or not."""
        return self.retention == 0

    @property
    def lapse_frees_key(self) -> bool:
        """Whether a registration under the key of a lapsed one is a new one, and the lapsed one takes no place."""
        return self.ends_at_lapse or self.kept_for_revival


KEEP = LeasePolicy(late_renewal="revive", retention=None)
"""For rows of a dialect that is switched off: shown as they are, and left alone."""


class Policies(msgspec.Struct, frozen=True):
    """The policy of each dialect that is spoken."""

    known: Mapping[str, LeasePolicy]

    def of(self, dialect: str) -> LeasePolicy:
        """Return the policy of a dialect, spoken or switched off."""
        return self.known.get(dialect, KEEP)


class Lease(msgspec.Struct, frozen=True):
    """A promise to hear from the holder before `expires_at`. Times are epoch seconds, `ttl` is seconds.

    `stage` is how many steps of silence have been recorded as events: 0 while alive, `REVOKED` after a
    deregistration. Anything else than 0 is final until the holder is heard of again.
    """

    ttl: float
    granted_at: float
    heartbeat_at: float | None
    expires_at: float
    stage: int

    @property
    def last_seen(self) -> float:
        """When the holder was last heard of, by registration or heartbeat."""
        return self.granted_at if self.heartbeat_at is None else max(self.granted_at, self.heartbeat_at)

    def alive(self, now: float) -> bool:
        """Tell whether the deadline is still ahead, and no end recorded."""
        return now < self.expires_at and self.stage == 0

    def overdue(self, now: float) -> bool:
        """Tell whether the deadline has passed, and no end is recorded yet."""
        return now >= self.expires_at and self.stage == 0

    def ended(self, policy: LeasePolicy, now: float) -> bool:
        """Tell whether the registration is over by silence, purged or not.

        Only a policy whose lapse frees the key ends a registration like this; others leave it to the purge.
        """
        if not policy.lapse_frees_key or self.alive(now):
            return False
        return policy.ends_at_lapse or (policy.retention is not None and now >= self.expires_at + policy.retention)

    def health(self, policy: LeasePolicy, now: float) -> Health:
        """Tell what the silence since the deadline means under `policy`."""
        if self.alive(now):
            return Health.HEALTHY
        if self.stage == REVOKED:
            return Health.GONE
        silence = now - self.expires_at
        return next((s.health for s in reversed(policy.stages) if silence >= s.after), Health.LAPSED)


def grant(ttl: float, now: float) -> Lease:
    """Start a lease of `ttl` seconds."""
    return Lease(ttl=ttl, granted_at=now, heartbeat_at=None, expires_at=now + ttl, stage=0)


def renewed(lease: Lease, now: float) -> Lease:
    """Return the lease after a heartbeat at `now`: a full `ttl` from there."""
    return msgspec.structs.replace(lease, heartbeat_at=now, expires_at=now + lease.ttl, stage=0)


def revoked(lease: Lease, now: float) -> Lease:
    """Return the lease ended by its holder or an administrator at `now`."""
    return msgspec.structs.replace(lease, expires_at=min(lease.expires_at, now), stage=REVOKED)
