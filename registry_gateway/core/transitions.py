"""The effect of a command on a registration. Pure: the arguments are the state before, the command, the policy and the
time; the result holds the state after, the events and the outcome. The caller locks the row and writes the result.
"""

from collections.abc import Sequence

import msgspec

from registry_gateway.core import lease as leases
from registry_gateway.core import takeover
from registry_gateway.core.commands import (
    Advertise,
    Approve,
    Command,
    Deregister,
    Done,
    Lapsed,
    Outcome,
    Register,
    Registered,
    Renew,
    Renewed,
    Unknown,
)
from registry_gateway.core.errors import AlreadyRegistered, NotOwner, NotRegistered, StillSubscribed
from registry_gateway.core.lease import REVOKED, LeasePolicy
from registry_gateway.core.model import Event, EventKind, Registration, Version
from registry_gateway.core.registration_events import (
    differences,
    happened,
    health_change,
    revival,
    shortened,
    unrecorded_lapse,
    version_change,
)
from registry_gateway.core.status import UNWELL

replace = msgspec.structs.replace

VERSION_INTERVAL = 10.0
"""Minimum seconds between two events `version_changed` that heartbeats cause for a registration."""


HEALTH_INTERVAL = 10.0
"""Minimum seconds between two events `health_changed` of a registration."""


class Documents(msgspec.Struct, frozen=True):
    """Documents to write; None keeps the stored one. A new `document` removes the tools document.

    `tools` are the new tool names; None keeps the stored ones.
    """

    document: bytes | None = None
    tools_document: bytes | None = None
    tools: tuple[str, ...] | None = None


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """The result of a command: the state after it (None: removed), what else to write, and the outcome.

    `anew`: the lapse of the registration before had freed its key, and `after` is a new registration. Everything that
    belongs to the old one (documents, version history, subscriptions) is removed, as by a sweep or a purge. `recorded`
    is the version that this command adds to the history.
    """

    after: Registration | None
    anew: bool = False
    outcome: Outcome
    documents: Documents | None = None
    events: Sequence[Event] = ()
    recorded: Version | None = None


def _own(before: Registration, owner: str | None) -> None:
    if before.owner is not None and before.owner != owner:
        raise NotOwner(f"{before.key} was registered by another account")


def existing(before: Registration | None, policy: LeasePolicy, now: float, key: str) -> Registration:
    """Return the registration. Raises NotRegistered if it does not exist or has ended at `now`."""
    if before is None or before.lease.ended(policy, now):
        raise NotRegistered(f"{key} is not registered")
    return before


def register(
    before: Registration | None, command: Register, policy: LeasePolicy, now: float, history: Sequence[Version]
) -> Decision:
    """Register, update or revive, depending on the command's mode and the state."""
    events: list[Event] = []
    live = before if before is not None and before.lease.alive(now) else None
    anew = before is not None and live is None and policy.lapse_frees_key
    if before is not None and anew:
        events, before = unrecorded_lapse(before, now), None
    if command.mode == "update" and (before is None or before.lease.stage == REVOKED):
        raise NotRegistered(f"{command.key} is not registered")
    if before is not None:
        _own(before, command.owner)
        if command.mode == "create" and live is not None:
            raise AlreadyRegistered(f"{command.key} is already registered")
    created = before is None or before.lease.stage == REVOKED
    old = None if before is None else _last_version(before, history)
    approved_at = before.approved_at if before is not None else None
    client_address, replaced_client_address, replaced_at = takeover.recorded(live, command.actor, policy, now)
    after = Registration(
        dialect=command.dialect,
        key=command.key,
        name=command.name,
        version=command.version,
        address=command.address,
        owner=command.owner,
        approved_at=now if approved_at is None and command.approved else approved_at,
        reported=None,
        advertised=False,
        registered_at=now if before is None else before.registered_at,
        updated_at=now,
        health_logged_at=None if before is None else before.health_logged_at,
        lease=leases.grant(command.ttl, now),
        client_address=client_address,
        replaced_client_address=replaced_client_address,
        replaced_at=replaced_at,
    )
    if created:
        events.append(
            happened(
                EventKind.REGISTERED,
                after,
                command.actor,
                now,
                version=after.version,
                service=after.name,
                service_address=after.address,
                **({"approval": "pending"} if after.approved_at is None else {}),
            )
        )
    elif before is not None:
        if live is None:
            events += revival(before, command.actor, now, "registration")
        events.append(happened(EventKind.UPDATED, after, command.actor, now, **differences(before, after)))
        if old != after.version:
            events.append(version_change(old, after, command.actor, now))
    return Decision(
        after=after,
        recorded=None if old == after.version else Version(after.version, now),
        anew=anew,
        outcome=Registered(after, created),
        documents=Documents(command.document, tools=command.tools),
        events=events,
    )


def _last_version(before: Registration, history: Sequence[Version]) -> str:
    return history[-1].version if history else before.version


def _version_due(history: Sequence[Version], now: float) -> float | None:
    """Return when the next version change may be recorded; None: now.

    The first version is not a change. A clock that was set back causes no delay.
    """
    if len(history) < 2:
        return None
    last = history[-1].since
    return last + VERSION_INTERVAL if abs(now - last) < VERSION_INTERVAL else None


def health_due(held: Registration, now: float) -> bool:
    """Tell whether the reported health differs from the recorded one, and may be recorded at `now`.

    A first report of good health is not a change. A clock that was set back causes no delay.
    """
    if held.reported == held.logged_health or (held.logged_health is None and held.reported not in UNWELL):
        return False
    return held.health_logged_at is None or abs(now - held.health_logged_at) >= HEALTH_INTERVAL


def renew(
    before: Registration | None, command: Renew, policy: LeasePolicy, now: float, history: Sequence[Version]
) -> Decision:
    """Renew a lease that the fast path does not cover: late, unknown, of another account, or with a change to record.

    The registration always has the version and health of the last heartbeat. Of a series of quick changes the log has
    the first one, and with the first heartbeat after `VERSION_INTERVAL` or `HEALTH_INTERVAL` the latest.
    """
    if before is None:
        return Decision(after=None, outcome=Unknown())
    _own(before, command.owner)
    refused = policy.late_renewal == "refuse" or before.lease.ended(policy, now)
    if refused and not before.lease.alive(now):
        return Decision(after=before, outcome=Lapsed(before))
    events = revival(before, command.actor, now, "heartbeat")
    after = replace(before, lease=leases.renewed(before.lease, now), version_due=None)
    if command.version is not None and command.version != before.version:
        after = replace(after, version=command.version, updated_at=now)
    old, news = _last_version(before, history), None
    if after.version != old:
        due = _version_due(history, now)
        if due is None:
            news = Version(after.version, now)
            events.append(version_change(old, after, command.actor, now))
        after = replace(after, version_due=due)
    if command.reported is not None:
        after = replace(after, reported=command.reported)
    if health_due(after, now):
        events.append(health_change(after.logged_health, after, command.actor, now))
        after = replace(after, logged_health=after.reported, health_logged_at=now)
    return Decision(after=after, outcome=Renewed(after), events=events, recorded=news)


def advertise(before: Registration | None, command: Advertise, policy: LeasePolicy, now: float) -> Decision:
    """Replace the tools. This does not renew the lease."""
    held = existing(before, policy, now, command.key)
    after = replace(held, advertised=True, updated_at=now)
    return Decision(
        after=after,
        outcome=Done(after),
        documents=Documents(tools_document=command.tools_document, tools=command.tools),
        events=[happened(EventKind.UPDATED, after, command.actor, now, "tools posted")],
    )


def deregister(
    before: Registration | None, command: Deregister, policy: LeasePolicy, now: float, subscribers: int
) -> Decision:
    """End a registration, unless it has subscribers, or the deregistration comes from a process that was replaced."""
    held = existing(before, policy, now, command.key)
    if held.lease.stage == REVOKED:
        raise NotRegistered(f"{command.key} is not registered")
    if not command.forced:
        _own(held, command.owner)
        ignored = takeover.reason_to_ignore(held, command.actor, policy, now)
        if ignored is not None and held.lease.alive(now):
            event = happened(EventKind.DEREGISTRATION_IGNORED, held, command.actor, now, ignored)
            return Decision(after=takeover.without_takeover(held), outcome=Done(held), events=[event])
    if subscribers:
        raise StillSubscribed(f"{command.key} has {subscribers} active subscription(s)")
    event = happened(EventKind.DEREGISTERED, held, command.actor, now, shortened(command.reason))
    recorded = [*unrecorded_lapse(held, now), event]
    after = replace(held, updated_at=now, lease=leases.revoked(held.lease, now)) if policy.keeps_deregistered else None
    return Decision(after=after, outcome=Done(held), events=recorded)


def approve(before: Registration | None, command: Approve, policy: LeasePolicy, now: float) -> Decision:
    """Approve a pending registration."""
    held = existing(before, policy, now, command.key)
    if held.approved_at is not None:
        return Decision(after=held, outcome=Done(held))
    after = replace(held, approved_at=now, updated_at=now)
    return Decision(
        after=after,
        outcome=Done(after),
        events=[happened(EventKind.APPROVED, after, command.actor, now)],
    )


def decide(
    before: Registration | None,
    command: Command,
    policy: LeasePolicy,
    now: float,
    subscribers: int,
    history: Sequence[Version] = (),
) -> Decision:
    """Return the result of `command`.

    `subscribers` is the number of active subscriptions, used only by deregistrations. `history` has the recorded
    versions, oldest first; it may be empty if the command changes no version and no change is due.

    Raises:
        RegistryError: The command is refused; nothing changes.
    """
    match command:
        case Register():
            return register(before, command, policy, now, history)
        case Renew():
            return renew(before, command, policy, now, history)
        case Advertise():
            return advertise(before, command, policy, now)
        case Deregister():
            return deregister(before, command, policy, now, subscribers)
        case Approve():
            return approve(before, command, policy, now)
