"""The one status for services of all dialects, over every kind of lease policy."""

import pytest

from registry_gateway.core.lease import EXPIRED, REVOKED, Health, Lease, LeasePolicy, Stage
from registry_gateway.core.model import Registration
from registry_gateway.core.status import Status, status

NOW = 1000.0
ENDS = LeasePolicy(late_renewal="refuse", retention=0)
STAYS = LeasePolicy(late_renewal="revive", retention=100, keeps_deregistered=True)
REMEMBERED = LeasePolicy(late_renewal="revive", retention=100, kept_for_revival=True)
STEPS = LeasePolicy(
    late_renewal="revive",
    retention=None,
    stages=(EXPIRED, Stage(60, Health.DEGRADED, "degraded"), Stage(600, Health.UNREACHABLE, "unreachable")),
)


def registration(
    *, left: float = 20, stage: int = 0, reported: str | None = None, approved: bool = True
) -> Registration:
    """A registration with so many seconds left of its lease."""
    return Registration(
        dialect="test",
        key="svc",
        name="Service",
        version="1.0",
        address=None,
        owner=None,
        approved_at=NOW - 100 if approved else None,
        reported=reported,
        advertised=False,
        registered_at=NOW - 100,
        updated_at=NOW - 100,
        lease=Lease(ttl=30, granted_at=NOW - 100, heartbeat_at=None, expires_at=NOW + left, stage=stage),
    )


@pytest.mark.parametrize("policy", [ENDS, STAYS, REMEMBERED, STEPS])
@pytest.mark.parametrize(
    ("reported", "expected"),
    [(None, "up"), ("healthy", "up"), ("anything", "up"), ("degraded", "degraded"), ("unhealthy", "degraded")],
)
def test_what_lives_is_up_unless_it_says_it_is_unwell(policy: LeasePolicy, reported: str, expected: str) -> None:
    assert status(registration(reported=reported), policy, NOW) == expected


@pytest.mark.parametrize(
    ("policy", "timeline"),
    [
        (ENDS, {0.001: "up", 0: "gone", -1e6: "gone"}),
        (STAYS, {0.001: "up", 0: "down", -1e6: "down"}),
        (REMEMBERED, {0.001: "up", 0: "down", -99.9: "down", -100: "gone", -1e6: "gone"}),
        (STEPS, {0.001: "up", 0: "degraded", -59: "degraded", -60: "degraded", -600: "down", -1e6: "down"}),
    ],
)
def test_health_after_the_deadline_never_gets_better(policy: LeasePolicy, timeline: dict[float, str]) -> None:
    found = {left: status(registration(left=left, reported="degraded"), policy, NOW).value for left in timeline}
    assert found == {**timeline, 0.001: "degraded"}  # by what it says itself


def test_a_lapse_on_record_is_one_whatever_this_clock_says() -> None:
    assert status(registration(left=1, stage=1), STAYS, NOW) is Status.DOWN
    assert status(registration(left=1, stage=1), STEPS, NOW) is Status.DEGRADED
    assert status(registration(left=1, stage=1), ENDS, NOW) is Status.GONE


@pytest.mark.parametrize("left", [20, -20, -1e6])
def test_what_waits_for_approval_is_pending_alive_or_not(left: float) -> None:
    assert status(registration(left=left, approved=False, reported="unhealthy"), STEPS, NOW) is Status.PENDING


def test_the_deregistered_and_the_missing_are_gone() -> None:
    assert status(registration(stage=REVOKED, approved=False), STAYS, NOW) is Status.GONE
    assert status(None, STAYS, NOW) is Status.GONE
    assert status(registration(left=-1, approved=False), ENDS, NOW) is Status.GONE
