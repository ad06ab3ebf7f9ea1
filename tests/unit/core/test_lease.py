"""The lease: what it promises at any time, under any policy."""

from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from registry_gateway.core.lease import EXPIRED, REVOKED, Health, Lease, LeasePolicy, Stage, grant, renewed, revoked

STAGES = (EXPIRED, Stage(30.0, Health.DEGRADED, "degraded"), Stage(90.0, Health.UNREACHABLE, "unreachable"))
PATIENT = LeasePolicy(late_renewal="revive", retention=None, stages=STAGES)
SEVERITY = [Health.HEALTHY, Health.LAPSED, Health.DEGRADED, Health.UNREACHABLE]

times = st.floats(min_value=0, max_value=1e10)
ttls = st.floats(min_value=0.001, max_value=1e6)


@st.composite
def policies(draw: st.DrawFn) -> LeasePolicy:
    """Any policy a dialect may have: one to three steps of silence at any distance."""
    waits = sorted(draw(st.lists(st.floats(0.001, 1e5), max_size=2, unique=True)))
    later = [Stage(wait, health, health.value) for wait, health in zip(waits, SEVERITY[2:], strict=False)]
    late: Literal["refuse", "revive"] = draw(st.sampled_from(["refuse", "revive"]))
    return LeasePolicy(
        late_renewal=late,
        retention=draw(st.none() | st.floats(0, 1e6)),
        keeps_deregistered=draw(st.booleans()),
        stages=(EXPIRED, *later),
    )


def test_a_lease_is_alive_until_its_deadline_and_not_at_it() -> None:
    lease = grant(30, now=100)
    assert lease.alive(100)
    assert lease.alive(129.999)
    assert not lease.alive(130)
    assert not lease.alive(1000)


def test_a_new_lease_was_last_seen_when_it_was_granted() -> None:
    assert grant(30, now=100).last_seen == 100
    assert renewed(grant(30, now=100), now=110).last_seen == 110


def test_a_renewal_counts_from_the_heartbeat_and_not_from_the_old_deadline() -> None:
    lease = grant(30, now=100)
    for _ in range(5):
        lease = renewed(lease, now=101)
    assert lease.expires_at == 131


@pytest.mark.parametrize(
    ("silence", "health"),
    [
        (-0.001, Health.HEALTHY),
        (0, Health.LAPSED),
        (29.9, Health.LAPSED),
        (30, Health.DEGRADED),
        (89.9, Health.DEGRADED),
        (90, Health.UNREACHABLE),
        (1e9, Health.UNREACHABLE),
    ],
)
def test_health_follows_from_the_time_since_the_deadline(silence: float, health: Health) -> None:
    assert grant(10, now=0).health(PATIENT, 10 + silence) is health


@pytest.mark.parametrize("recorded", [0, 1, 2, 3])
def test_health_is_the_same_whether_a_sweep_has_recorded_it_or_not(recorded: int) -> None:
    lease = Lease(ttl=10, granted_at=0, heartbeat_at=None, expires_at=10, stage=recorded)
    assert lease.health(PATIENT, 50) is Health.DEGRADED


def test_a_revoked_lease_is_gone_for_good() -> None:
    lease = revoked(grant(30, now=100), now=110)
    assert not lease.alive(110)
    assert lease.health(PATIENT, 110) is Health.GONE
    assert lease.health(PATIENT, 1e9) is Health.GONE


def test_revoking_a_lapsed_lease_leaves_its_deadline() -> None:
    assert revoked(grant(30, now=100), now=200).expires_at == 130


@pytest.mark.parametrize("earlier", [0.0, 0.05, 3600.0])
def test_what_one_gateway_has_ended_is_not_alive_for_one_whose_clock_is_behind(earlier: float) -> None:
    gone = revoked(grant(30, now=100), now=110)
    assert not gone.alive(110 - earlier)
    assert gone.health(PATIENT, 110 - earlier) is Health.GONE
    lapsed = Lease(ttl=30, granted_at=100, heartbeat_at=None, expires_at=130, stage=1)
    assert not lapsed.alive(130 - earlier)
    assert lapsed.health(PATIENT, 130 - earlier) is Health.LAPSED


@pytest.mark.parametrize(("retention", "ends"), [(0, True), (0.5, False), (None, False)])
def test_only_a_retention_of_zero_ends_a_registration_at_its_lapse(retention: float | None, ends: bool) -> None:
    assert LeasePolicy(late_renewal="refuse", retention=retention).ends_at_lapse is ends


@given(policy=policies(), ttl=ttls, start=times, early=st.floats(0, 1e7), more=st.floats(0, 1e7))
def test_health_only_gets_worse_without_heartbeats(
    policy: LeasePolicy, ttl: float, start: float, early: float, more: float
) -> None:
    lease = grant(ttl, start)
    before, after = (lease.health(policy, start + wait) for wait in (early, early + more))
    assert SEVERITY.index(before) <= SEVERITY.index(after)


class LeaseLife(RuleBasedStateMachine):
    """A lease through grants, heartbeats, revocations and time, beside the few words that say what it is."""

    @initialize(policy=policies(), ttl=ttls, start=times)
    def begin(self, policy: LeasePolicy, ttl: float, start: float) -> None:
        self.policy, self.now = policy, start
        self.lease = grant(ttl, start)
        self.deadline, self.revoked = start + ttl, False

    @rule(seconds=st.floats(0, 1e6))
    def time_passes(self, seconds: float) -> None:
        worst = self.lease.health(self.policy, self.now)
        self.now += seconds
        now_is = self.lease.health(self.policy, self.now)
        assert now_is is worst if self.revoked else SEVERITY.index(now_is) >= SEVERITY.index(worst)

    @rule()
    def the_deadline_comes(self) -> None:
        self.now = max(self.now, self.lease.expires_at)
        assert not self.lease.alive(self.now)

    @rule()
    def a_heartbeat_comes(self) -> None:
        self.lease = renewed(self.lease, self.now)
        self.deadline, self.revoked = self.now + self.lease.ttl, False
        assert self.lease.last_seen == self.now

    @rule(ttl=ttls)
    def it_registers_again(self, ttl: float) -> None:
        self.lease = grant(ttl, self.now)
        self.deadline, self.revoked = self.now + ttl, False

    @rule()
    def it_leaves(self) -> None:
        self.lease = revoked(self.lease, self.now)
        self.deadline, self.revoked = min(self.deadline, self.now), True

    @invariant()
    def it_is_alive_exactly_before_its_deadline(self) -> None:
        assert self.lease.expires_at == self.deadline
        assert self.lease.alive(self.now) == (self.now < self.deadline and not self.revoked)

    @invariant()
    def health_agrees_with_liveness(self) -> None:
        health = self.lease.health(self.policy, self.now)
        assert (health is Health.HEALTHY) == self.lease.alive(self.now)
        assert (health is Health.GONE) == self.revoked == (self.lease.stage == REVOKED)

    @invariant()
    def it_was_never_last_seen_in_the_future(self) -> None:
        assert self.lease.last_seen <= self.now


TestLeaseLife = LeaseLife.TestCase
