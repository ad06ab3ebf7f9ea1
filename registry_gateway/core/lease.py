"""The lease: how long a registration counts as alive, and what its health is after the deadline. Pure functions of
time.

A lease has one deadline. It is alive if `now < expires_at` and no end is recorded, judged at each read. Recorded ends
count because gateways read different clocks at different instants: what one of them has ended must not come back
because the `now` of another is slightly earlier. The health after the deadline (degraded, unreachable) follows from the
deadline, the policy and `now` alone; there is no counter that two gateways could both increment.
"""

from collections.abc import Mapping
from typing import Literal

import msgspec

from registry_gateway.core.open_enum import OpenEnum

REVOKED = -1
"""The `stage` of a lease that a deregistration ended."""


class Health(OpenEnum):
    """The health of a registration, derived from its lease."""

    HEALTHY = "healthy"
    LAPSED = "lapsed"
    DEGRADED = "degraded"
    UNREACHABLE = "unreachable"
    GONE = "gone"


class Stage(msgspec.Struct, frozen=True):
    """A stage of expiry: `after` seconds beyond the deadline the health is `health` and `event` is recorded."""

    after: float
    health: Health
    event: str


EXPIRED = Stage(0.0, Health.LAPSED, "expired")


class LeasePolicy(msgspec.Struct, frozen=True, kw_only=True):
    """How a dialect treats leases.

    Attributes:
        late_renewal: Whether a heartbeat after the deadline is refused or revives the lease.
        retention: Seconds a lapsed registration is kept: 0 ends it at the deadline, None keeps it for ever.
        kept_for_revival: Whether a lapsed registration is kept only for a late renewal. It then does not count in
            `most` and `most_owned`, a registration under its key is a new one, and it is gone after `retention`, purged
            or not.
        most_lapsed: Maximum number of lapsed registrations kept, the last lapsed first; None: no limit.
        keeps_deregistered: Whether a deregistered registration stays, revoked, for `retention` seconds.
        takeover_window: Seconds after a takeover from another client address during which one deregistration from the
            replaced address is ignored; one lease if the address is the same. None: deregistrations are never ignored.
        stages: The stages of expiry in ascending order of `after`; the first is the lapse itself.
        most_owned: Maximum number of registrations an account may own, expired ones included; None: no limit.
        most: Maximum number of registrations; None: no limit. Registrations kept after their end count, unless they are
            kept only for a late renewal.
        most_tools: Maximum number of tools of all registrations together; None: no limit.
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
        """Whether a registration is gone the instant its lease lapses, swept or not."""
        return self.retention == 0

    @property
    def lapse_frees_key(self) -> bool:
        """Whether a registration under the key of a lapsed one is a new one, and lapsed ones count in no limit."""
        return self.ends_at_lapse or self.kept_for_revival


KEEP = LeasePolicy(late_renewal="revive", retention=None)
"""For rows of a dialect that is switched off: they are shown and never changed."""


class Policies(msgspec.Struct, frozen=True):
    """The policy of each enabled dialect."""

    known: Mapping[str, LeasePolicy]

    def of(self, dialect: str) -> LeasePolicy:
        """Return the policy of a dialect; `KEEP` if it is switched off."""
        return self.known.get(dialect, KEEP)


class Lease(msgspec.Struct, frozen=True):
    """A lease, alive until `expires_at`. Times are epoch seconds, `ttl` is seconds.

    `stage` is the number of expiry stages recorded as events: 0 while alive, `REVOKED` after a deregistration. Any
    other value than 0 is final until the next registration or accepted heartbeat.
    """

    ttl: float
    granted_at: float
    heartbeat_at: float | None
    expires_at: float
    stage: int

    @property
    def last_seen(self) -> float:
        """The time of the last registration or heartbeat."""
        return self.granted_at if self.heartbeat_at is None else max(self.granted_at, self.heartbeat_at)

    def alive(self, now: float) -> bool:
        """Tell whether the deadline is in the future and no end is recorded."""
        return now < self.expires_at and self.stage == 0

    def overdue(self, now: float) -> bool:
        """Tell whether the deadline has passed and no end is recorded yet."""
        return now >= self.expires_at and self.stage == 0

    def ended(self, policy: LeasePolicy, now: float) -> bool:
        """Tell whether the lapse has ended the registration, purged or not.

        Only a policy whose lapse frees the key ends a registration this way; under others the purge does.
        """
        if not policy.lapse_frees_key or self.alive(now):
            return False
        return policy.ends_at_lapse or (policy.retention is not None and now >= self.expires_at + policy.retention)

    def health(self, policy: LeasePolicy, now: float) -> Health:
        """Return the health at `now` under `policy`."""
        if self.alive(now):
            return Health.HEALTHY
        if self.stage == REVOKED:
            return Health.GONE
        overdue = now - self.expires_at
        return next((s.health for s in reversed(policy.stages) if overdue >= s.after), Health.LAPSED)


def grant(ttl: float, now: float) -> Lease:
    """Return a new lease of `ttl` seconds."""
    return Lease(ttl=ttl, granted_at=now, heartbeat_at=None, expires_at=now + ttl, stage=0)


def renewed(lease: Lease, now: float) -> Lease:
    """Return the lease after a heartbeat at `now`: it runs for the full `ttl` from then."""
    return msgspec.structs.replace(lease, heartbeat_at=now, expires_at=now + lease.ttl, stage=0)


def revoked(lease: Lease, now: float) -> Lease:
    """Return the lease as revoked at `now`."""
    return msgspec.structs.replace(lease, expires_at=min(lease.expires_at, now), stage=REVOKED)
