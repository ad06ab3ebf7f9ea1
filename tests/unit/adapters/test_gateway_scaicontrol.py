"""The ScaiControl dialect without a server: what silence means, and what the answers are computed from."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from gateway_scaicontrol import ScaiControlSettings, adapter, policy, translate
from gateway_scaicontrol.faults import fault
from registry_gateway.core.lease import Health, grant
from registry_gateway.core.model import Registration
from registry_gateway.settings import Settings

REGISTRATION = Registration(
    dialect="scaicontrol",
    key="invoices",
    name="Invoices",
    version="1.0.0",
    address=None,
    owner="account:billing",
    approved_at=None,
    reported=None,
    advertised=False,
    registered_at=1_800_000_000.1,
    updated_at=1_800_000_000.1,
    lease=grant(90.0, 1_800_000_000.1),
)


@given(
    interval=st.integers(1, 600),
    degraded=st.integers(1, 20),
    more=st.integers(1, 20),
    ttl=st.integers(1, 10_000),
    silence=st.integers(0, 50_000),
)
def test_health_is_what_the_references_counter_would_have_said(
    interval: int, degraded: int, more: int, ttl: int, silence: int
) -> None:
    """The reference counts a miss every interval, beginning at the deadline; nothing is counted here."""
    own = ScaiControlSettings(
        monitor_interval=interval, degraded_threshold=degraded, unreachable_threshold=degraded + more
    )
    misses = 0 if silence < ttl else (silence - ttl) // interval + 1
    expected = Health.HEALTHY if misses == 0 else Health.LAPSED
    if misses >= degraded:
        expected = Health.DEGRADED
    if misses >= degraded + more:
        expected = Health.UNREACHABLE
    assert grant(ttl, 0.0).health(policy(Settings(), own), silence) is expected


def test_the_id_belongs_to_the_registration_and_to_nothing_else() -> None:
    changed = msgspec.structs.replace(REGISTRATION, version="2", owner=None, updated_at=0.0, lease=grant(1.0, 2.0))
    assert translate.registration_id(changed) == translate.registration_id(REGISTRATION)
    for other in ({"key": "invoices-2"}, {"registered_at": 1_800_000_000.2}):
        anew = msgspec.structs.replace(REGISTRATION, **other)
        assert translate.registration_id(anew) != translate.registration_id(REGISTRATION)


def test_the_interval_follows_a_changed_multiplier() -> None:
    """A lease that was granted under another multiplier is kept alive by what is answered now."""
    answers = [translate.renewed(REGISTRATION, grace).next_heartbeat_in_seconds for grace in (1, 3, 4, 1000)]
    assert answers == [90, 30, 22, 1]


def test_the_welcome_says_how_to_get_a_token() -> None:
    place, token, curl = adapter.welcome("http://localhost:8765", ScaiControlSettings())
    assert place.endswith("http://localhost:8765/api/v1/registry/register")
    assert "registry-gateway accounts create" in token
    assert "registry:manage" in token
    assert "$TOKEN" in curl


def test_a_defect_is_a_500_that_says_nothing_of_its_cause() -> None:
    answer = fault(RuntimeError("postgresql://registry:secret@db"), {"type": "http", "request_id": "req_1"})
    assert answer.status == 500
    assert msgspec.json.decode(answer.body) == {
        "error": {"code": "internal_error", "message": "Internal server error", "request_id": "req_1"}
    }
