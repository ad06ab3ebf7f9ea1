"""Which deregistrations are the goodbye of a process that was replaced."""

import msgspec
import pytest

from registry_gateway.core.commands import Deregister, Done, Register
from registry_gateway.core.lease import LeasePolicy
from registry_gateway.core.model import Actor, Registration
from registry_gateway.core.transitions import Decision, decide

NOW = 1000.0
TTL = 30.0
HOUR = 3_600.0
OLD, NEW, OTHER = "192.0.2.1", "192.0.2.2", "192.0.2.3"

GUARDS = LeasePolicy(late_renewal="refuse", retention=0, takeover_window=HOUR)
HEEDS = LeasePolicy(late_renewal="refuse", retention=0)


def registered(
    address: str | None, before: Registration | None = None, now: float = NOW, policy: LeasePolicy = GUARDS
) -> Registration:
    """The registration after one from `address`."""
    command = Register(
        dialect="test",
        key="svc",
        name="Service",
        version="1.0",
        ttl=TTL,
        document=b"{}",
        mode="replace",
        actor=Actor("anonymous", address),
    )
    after = decide(before, command, policy, now, 0).after
    assert after is not None
    return after


def goodbye(
    held: Registration, address: str | None, now: float, policy: LeasePolicy = GUARDS, *, forced: bool = False
) -> Decision:
    """What a deregistration from `address` does; the lease is renewed until then."""
    lease = msgspec.structs.replace(held.lease, heartbeat_at=now, expires_at=now + TTL)
    command = Deregister(dialect="test", key="svc", actor=Actor("anonymous", address), forced=forced)
    return decide(msgspec.structs.replace(held, lease=lease), command, policy, now, 0)


def set_aside(decision: Decision) -> bool:
    """Whether it was; it is answered as ever."""
    assert isinstance(decision.outcome, Done)
    [event] = decision.events
    if event.kind == "deregistered":
        assert decision.after is None
        return False
    assert event.kind == "deregistration_ignored"
    assert decision.after is not None
    assert decision.after.lease == decision.outcome.registration.lease
    return True


@pytest.mark.parametrize(("after", "expected"), [(0, True), (TTL, True), (HOUR, True), (HOUR + 0.1, False)])
def test_from_the_replaced_address_it_is_set_aside_for_an_hour(after: float, expected: bool) -> None:
    held = registered(NEW, registered(OLD))
    assert set_aside(goodbye(held, OLD, NOW + after)) is expected


@pytest.mark.parametrize(("after", "expected"), [(0, True), (TTL, True), (TTL + 0.1, False)])
def test_where_both_addresses_are_equal_it_is_set_aside_for_one_lease(after: float, expected: bool) -> None:
    held = registered(OLD, registered(OLD))
    assert set_aside(goodbye(held, OLD, NOW + after)) is expected


def test_it_is_set_aside_once_for_each_takeover() -> None:
    held = registered(NEW, registered(OLD))
    after = goodbye(held, OLD, NOW + 1).after
    assert after is not None
    assert not set_aside(goodbye(after, OLD, NOW + 2))
    again = registered(OLD, after, NOW + 2)
    assert set_aside(goodbye(again, NEW, NOW + 3))


@pytest.mark.parametrize("address", [NEW, OTHER, None])
def test_every_other_address_is_heeded(address: str | None) -> None:
    assert not set_aside(goodbye(registered(NEW, registered(OLD)), address, NOW + 1))


@pytest.mark.parametrize("address", [OTHER, None])
def test_every_other_address_is_heeded_where_both_are_equal(address: str | None) -> None:
    assert not set_aside(goodbye(registered(OLD, registered(OLD)), address, NOW + 1))


def test_without_a_takeover_it_is_heeded() -> None:
    assert not set_aside(goodbye(registered(OLD), OLD, NOW + 1))


def test_a_lapsed_registration_is_taken_over_by_none() -> None:
    assert not set_aside(goodbye(registered(NEW, registered(OLD), NOW + TTL), OLD, NOW + TTL + 1))


def test_addresses_that_are_not_known_are_not_equal() -> None:
    assert not set_aside(goodbye(registered(None, registered(None)), None, NOW + 1))
    assert not set_aside(goodbye(registered(NEW, registered(None)), None, NOW + 1))


def test_what_is_forced_acts_at_once() -> None:
    assert not set_aside(goodbye(registered(NEW, registered(OLD)), OLD, NOW + 1, forced=True))


def test_a_policy_without_a_window_keeps_no_address_and_heeds_all() -> None:
    held = registered(NEW, registered(OLD, policy=HEEDS), policy=HEEDS)
    assert (held.client_address, held.replaced_client_address, held.replaced_at) == (None, None, None)
    assert not set_aside(goodbye(held, OLD, NOW + 1, HEEDS))


def test_a_deregistration_after_the_lapse_takes_effect() -> None:
    keeps = LeasePolicy(late_renewal="revive", retention=100, kept_for_revival=True, takeover_window=HOUR)
    held = registered(NEW, registered(OLD))
    decision = decide(held, Deregister(dialect="test", key="svc", actor=Actor("a", OLD)), keeps, NOW + TTL, 0)
    assert [event.kind for event in decision.events] == ["expired", "deregistered"]


def test_the_event_says_why() -> None:
    [event] = goodbye(registered(NEW, registered(OLD)), OLD, NOW + 12.3).events
    assert event.reason == "from 192.0.2.1, which 192.0.2.2 replaced 12.3 s before"
    assert event.client_address == OLD
    [event] = goodbye(registered(OLD, registered(OLD)), OLD, NOW + 3).events
    assert event.reason == "from 192.0.2.1, where it had registered again 3.0 s before, within one lease"
