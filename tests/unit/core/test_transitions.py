"""What each command does to a registration in each state, under each kind of policy."""

from dataclasses import dataclass
from typing import Any, Literal

import msgspec
import pytest

from registry_gateway.core.commands import (
    Advertise,
    Approve,
    Command,
    Deregister,
    Done,
    Lapsed,
    Register,
    Registered,
    Renew,
    Renewed,
    Unknown,
)
from registry_gateway.core.errors import AlreadyRegistered, NotOwner, NotRegistered, RegistryError, StillSubscribed
from registry_gateway.core.lease import REVOKED, LeasePolicy, grant, revoked
from registry_gateway.core.model import GATEWAY, Actor, Registration
from registry_gateway.core.transitions import Decision, decide

NOW = 1000.0
TTL = 30.0
ALICE = Actor("account:alice", "192.0.2.1", "req_1")

REFUSE = LeasePolicy(late_renewal="refuse", retention=0)
REFUSE_BUT_KEEP = LeasePolicy(late_renewal="refuse", retention=60, keeps_deregistered=True)
REVIVE = LeasePolicy(late_renewal="revive", retention=None)
REMEMBER = LeasePolicy(late_renewal="revive", retention=60, kept_for_revival=True)
REVIVE_AND_KEEP = LeasePolicy(late_renewal="revive", retention=60, keeps_deregistered=True)
POLICIES = {
    "refuse": REFUSE,
    "refuse-keep": REFUSE_BUT_KEEP,
    "revive": REVIVE,
    "remember": REMEMBER,
    "revive-keep": REVIVE_AND_KEEP,
}


def held(**changes: Any) -> Registration:
    """A registration of 100 s ago, renewed until 20 s from now."""
    lease = msgspec.structs.replace(grant(TTL, NOW - 100), heartbeat_at=NOW - 10, expires_at=NOW + 20)
    plain = Registration(
        dialect="test",
        key="svc",
        name="Service",
        version="1.0",
        address="http://old",
        owner=None,
        approved_at=NOW - 100,
        reported="healthy",
        advertised=True,
        registered_at=NOW - 100,
        updated_at=NOW - 100,
        lease=lease,
    )
    return msgspec.structs.replace(plain, **changes)


def lapsed(stage: int, **changes: Any) -> Registration:
    """One whose lease ran out 5 s ago, with `stage` steps of its silence recorded."""
    lease = msgspec.structs.replace(held().lease, heartbeat_at=NOW - 35, expires_at=NOW - 5, stage=stage)
    return held(lease=lease, **changes)


STATES: dict[str, Registration | None] = {
    "absent": None,
    "alive": held(),
    "lapsed": lapsed(0),
    "recorded": lapsed(1),
    "left": held(lease=revoked(held().lease, NOW - 5)),
}


def registering(mode: Literal["create", "update", "replace"], **changes: Any) -> Register:
    command = Register(
        dialect="test",
        key="svc",
        name="Service",
        version="1.0",
        ttl=TTL,
        document=b"{}",
        mode=mode,
        actor=ALICE,
        address="http://old",
    )
    return msgspec.structs.replace(command, **changes)


RENEW = Renew("test", "svc", ALICE)
ADVERTISE = Advertise("test", "svc", b"[]", ALICE)
DEREGISTER = Deregister(dialect="test", key="svc", actor=ALICE, reason="moving")
APPROVE = Approve("test", "svc", ALICE)
COMMANDS: dict[str, Command] = {
    "create": registering("create"),
    "update": registering("update"),
    "replace": registering("replace"),
    "renew": RENEW,
    "advertise": ADVERTISE,
    "deregister": DEREGISTER,
    "approve": APPROVE,
}


def decided(before: Registration | None, command: Command, policy: LeasePolicy, subscribers: int = 0) -> Decision:
    return decide(before, command, policy, NOW, subscribers)


def kinds(decision: Decision) -> list[str]:
    return [event.kind.value for event in decision.events]


@dataclass(frozen=True)
class Case:
    """What is expected: the outcome's or error's type, the events, and what becomes of the registration."""

    outcome: type
    events: str = ""
    after: Literal["alive", "same", "left", "absent", "changed"] = "alive"


CREATED = Case(Registered, "registered")
UPDATED = Case(Registered, "updated")
BACK = Case(Registered, "recovered updated")
BACK_UNRECORDED = Case(Registered, "expired recovered updated")
RENEWED = Case(Renewed)
TAKEN = Case(AlreadyRegistered)
NONE = Case(NotRegistered)

TABLE: dict[tuple[str, str], dict[str, Case]] = {
    # (command, state): the case, for all policies ("*") or one
    ("create", "absent"): {"*": CREATED},
    ("create", "alive"): {"*": TAKEN},
    ("create", "lapsed"): {
        "*": BACK_UNRECORDED,
        "refuse": Case(Registered, "expired registered"),
        "remember": Case(Registered, "expired registered"),
    },
    ("create", "recorded"): {"*": BACK, "refuse": CREATED, "remember": CREATED},
    ("create", "left"): {"*": CREATED},
    ("update", "absent"): {"*": NONE},
    ("update", "alive"): {"*": UPDATED},
    ("update", "lapsed"): {"*": BACK_UNRECORDED, "refuse": NONE, "remember": NONE},
    ("update", "recorded"): {"*": BACK, "refuse": NONE, "remember": NONE},
    ("update", "left"): {"*": NONE},
    ("replace", "absent"): {"*": CREATED},
    ("replace", "alive"): {"*": UPDATED},
    ("replace", "lapsed"): {
        "*": BACK_UNRECORDED,
        "refuse": Case(Registered, "expired registered"),
        "remember": Case(Registered, "expired registered"),
    },
    ("replace", "recorded"): {"*": BACK, "refuse": CREATED, "remember": CREATED},
    ("replace", "left"): {"*": CREATED},
    ("renew", "absent"): {"*": Case(Unknown, after="absent")},
    ("renew", "alive"): {"*": RENEWED},
    ("renew", "lapsed"): {
        "*": Case(Lapsed, after="same"),
        "revive": Case(Renewed, "expired recovered"),
        "remember": Case(Renewed, "expired recovered"),
        "revive-keep": Case(Renewed, "expired recovered"),
    },
    ("renew", "recorded"): {
        "*": Case(Lapsed, after="same"),
        "revive": Case(Renewed, "recovered"),
        "remember": Case(Renewed, "recovered"),
        "revive-keep": Case(Renewed, "recovered"),
    },
    ("renew", "left"): {
        "*": Case(Lapsed, after="same"),
        "revive": Case(Renewed, "recovered"),
        "remember": Case(Renewed, "recovered"),
        "revive-keep": Case(Renewed, "recovered"),
    },
    ("advertise", "absent"): {"*": NONE},
    ("advertise", "alive"): {"*": Case(Done, "updated", "changed")},
    ("advertise", "lapsed"): {"*": Case(Done, "updated", "changed"), "refuse": NONE},
    ("advertise", "recorded"): {"*": Case(Done, "updated", "changed"), "refuse": NONE},
    ("deregister", "absent"): {"*": NONE},
    ("deregister", "alive"): {
        "*": Case(Done, "deregistered", "left"),
        "refuse": Case(Done, "deregistered", "absent"),
        "revive": Case(Done, "deregistered", "absent"),
        "remember": Case(Done, "deregistered", "absent"),
    },
    ("deregister", "lapsed"): {
        "*": Case(Done, "expired deregistered", "left"),
        "refuse": NONE,
        "revive": Case(Done, "expired deregistered", "absent"),
        "remember": Case(Done, "expired deregistered", "absent"),
    },
    ("deregister", "recorded"): {
        "*": Case(Done, "deregistered", "left"),
        "refuse": NONE,
        "revive": Case(Done, "deregistered", "absent"),
        "remember": Case(Done, "deregistered", "absent"),
    },
    ("deregister", "left"): {"*": NONE},
    ("approve", "absent"): {"*": NONE},
    ("approve", "alive"): {"*": Case(Done, after="same")},
    ("approve", "lapsed"): {"*": Case(Done, after="same"), "refuse": NONE},
    ("approve", "recorded"): {"*": Case(Done, after="same"), "refuse": NONE},
}


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize(("command", "state"), TABLE)
def test_every_command_in_every_state_under_every_policy(command: str, state: str, policy: str) -> None:
    before = STATES[state]
    cases = TABLE[command, state]
    case = cases.get(policy, cases["*"])
    if issubclass(case.outcome, RegistryError):
        with pytest.raises(case.outcome):
            decided(before, COMMANDS[command], POLICIES[policy])
        return
    decision = decided(before, COMMANDS[command], POLICIES[policy])
    assert type(decision.outcome) is case.outcome
    assert kinds(decision) == case.events.split()
    match case.after:
        case "absent":
            assert decision.after is None
        case "same":
            assert decision.after == before
        case "alive":
            assert decision.after is not None
            assert decision.after.lease.alive(NOW)
            assert decision.after.lease.expires_at == NOW + TTL
        case "left":
            assert decision.after is not None
            assert decision.after.lease.stage == REVOKED
            assert not decision.after.lease.alive(NOW)
        case "changed":
            assert decision.after is not None
            assert before is not None
            assert decision.after.lease == before.lease


def test_a_new_registration_is_all_its_command_says() -> None:
    command = registering("create", owner="alice", approved=False, document=b'{"a":1}')
    decision = decided(None, command, REFUSE)
    assert decision.after == Registration(
        dialect="test",
        key="svc",
        name="Service",
        version="1.0",
        address="http://old",
        owner="alice",
        approved_at=None,
        reported=None,
        advertised=False,
        registered_at=NOW,
        updated_at=NOW,
        lease=grant(TTL, NOW),
    )
    assert decision.outcome == Registered(decision.after, created=True)
    assert decision.documents is not None
    assert (decision.documents.document, decision.documents.tools_document) == (b'{"a":1}', None)


def test_an_event_says_who_did_what_when_and_from_where() -> None:
    [event] = decided(held(), DEREGISTER, REFUSE).events
    assert (event.at, event.dialect, event.key, event.reason) == (NOW, "test", "svc", "moving")
    assert (event.actor, event.client_address, event.request_id) == ("account:alice", "192.0.2.1", "req_1")


def test_a_lapse_is_an_event_of_the_gateway_with_its_times() -> None:
    lapse, recovery = decided(lapsed(0), RENEW, REVIVE).events
    assert lapse.actor == GATEWAY.name
    assert lapse.reason == "no heartbeat for 35.0 s (lease: 30 s)"
    assert lapse.detail == {"last_seen": NOW - 35, "expires_at": NOW - 5}
    assert recovery.actor == "account:alice"
    assert recovery.reason == "heartbeat 5.0 s after the lease expired"


def test_a_heartbeat_that_revives_what_had_left_says_so() -> None:
    [recovery] = decided(STATES["left"], RENEW, REVIVE_AND_KEEP).events
    assert recovery.reason == "heartbeat 5.0 s after the deregistration"


@pytest.mark.parametrize("stage", [1, REVOKED])
def test_an_end_recorded_by_a_gateway_whose_clock_is_ahead_holds(stage: int) -> None:
    ended = held(lease=msgspec.structs.replace(held().lease, expires_at=NOW + 0.05, stage=stage))
    assert type(decided(ended, RENEW, REFUSE_BUT_KEEP).outcome) is Lapsed
    revival = decided(ended, RENEW, REVIVE_AND_KEEP)
    assert kinds(revival) == ["recovered"]
    assert revival.after is not None
    assert revival.after.lease.stage == 0
    assert "heartbeat 0.0 s after" in str(revival.events[0].reason)


def test_registering_again_keeps_since_when_and_whether_approved() -> None:
    after = decided(held(), registering("replace", name="New"), REFUSE).after
    assert after is not None
    assert (after.registered_at, after.approved_at, after.updated_at) == (NOW - 100, NOW - 100, NOW)
    assert (after.reported, after.advertised, after.lease.heartbeat_at) == (None, False, None)


def test_registering_again_may_approve_but_never_takes_an_approval_back() -> None:
    pending = held(approved_at=None)
    approved = decided(pending, registering("replace", approved=True), REFUSE).after
    still_pending = decided(pending, registering("replace", approved=False), REFUSE).after
    kept = decided(held(), registering("replace", approved=False), REFUSE).after
    assert approved is not None
    assert still_pending is not None
    assert kept is not None
    assert (approved.approved_at, still_pending.approved_at, kept.approved_at) == (NOW, None, NOW - 100)


def test_one_that_ended_at_its_lapse_starts_anew() -> None:
    after = decided(lapsed(0), registering("replace", approved=False), REFUSE).after
    assert after is not None
    assert (after.registered_at, after.approved_at) == (NOW, None)


@pytest.mark.parametrize("stage", [0, 1])
def test_one_that_is_kept_for_a_revival_is_over_when_its_retention_is(stage: int) -> None:
    over = held(lease=msgspec.structs.replace(held().lease, expires_at=NOW - 60, stage=stage))
    assert isinstance(decided(over, RENEW, REMEMBER).outcome, Lapsed)
    with pytest.raises(NotRegistered):
        decided(over, DEREGISTER, REMEMBER)
    late = held(lease=msgspec.structs.replace(held().lease, expires_at=NOW - 59.9, stage=stage))
    assert isinstance(decided(late, RENEW, REMEMBER).outcome, Renewed)


def test_an_update_tells_what_people_look_for() -> None:
    command = registering("replace", name="New", address=None, version="2.0")
    updated, version = decided(held(), command, REFUSE).events
    assert updated.detail == {
        "old_name": "Service",
        "new_name": "New",
        "old_address": "http://old",
        "new_address": None,
    }
    assert (version.kind.value, version.detail) == ("version_changed", {"old": "1.0", "new": "2.0"})


@pytest.mark.parametrize(
    "command", [registering("create"), registering("update"), registering("replace"), RENEW, DEREGISTER]
)
@pytest.mark.parametrize("state", ["alive", "lapsed", "recorded"])
def test_nobody_but_the_owner_changes_what_is_owned(state: str, command: Command) -> None:
    before = STATES[state]
    assert before is not None
    owned = msgspec.structs.replace(before, owner="bob")
    with pytest.raises(NotOwner):
        decided(owned, command, REVIVE)
    with pytest.raises(NotOwner):
        decided(owned, msgspec.structs.replace(command, owner="alice"), REVIVE)


def test_an_administrator_deregisters_what_anybody_owns() -> None:
    forced = msgspec.structs.replace(DEREGISTER, forced=True)
    assert kinds(decided(held(owner="bob"), forced, REVIVE)) == ["deregistered"]


def test_what_somebody_depends_on_stays_even_when_forced() -> None:
    with pytest.raises(StillSubscribed):
        decided(held(), DEREGISTER, REVIVE, subscribers=1)
    with pytest.raises(StillSubscribed):
        decided(held(), msgspec.structs.replace(DEREGISTER, forced=True), REVIVE, subscribers=1)


@pytest.mark.parametrize(
    ("reason", "recorded"),
    [(None, None), ("x" * 1024, "x" * 1024), ("é" * 65_536, "é" * 1024 + "… (65536 characters)")],
)
def test_a_long_reason_is_cut_where_it_is_recorded(reason: str | None, recorded: str | None) -> None:
    decision = decided(held(), msgspec.structs.replace(DEREGISTER, reason=reason), REVIVE)
    assert decision.events[-1].reason == recorded


def test_a_heartbeat_records_news_and_only_news() -> None:
    same = decided(held(), Renew("test", "svc", ALICE, version="1.0", reported="healthy"), REVIVE)
    assert kinds(same) == []
    news = decided(held(), Renew("test", "svc", ALICE, version="1.1", reported="degraded"), REVIVE)
    assert kinds(news) == ["version_changed", "health_changed"]
    assert news.after is not None
    assert (news.after.version, news.after.reported, news.after.updated_at) == ("1.1", "degraded", NOW)


def test_a_heartbeat_approves_nothing() -> None:
    after = decided(held(approved_at=None), RENEW, REVIVE).after
    assert after is not None
    assert after.approved_at is None


def test_a_refused_heartbeat_brings_no_news() -> None:
    late = Renew("test", "svc", ALICE, version="2.0", reported="healthy")
    assert decided(lapsed(1), late, REFUSE_BUT_KEEP).after == lapsed(1)


def test_approving_a_pending_one_is_recorded_once() -> None:
    decision = decided(held(approved_at=None), APPROVE, REVIVE)
    assert decision.after is not None
    assert decision.after.approved_at == NOW
    assert kinds(decision) == ["approved"]
    assert kinds(decided(decision.after, APPROVE, REVIVE)) == []
