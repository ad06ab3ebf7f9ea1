"""The execution of a batch of commands in one transaction, with a separate outcome for each."""

from collections.abc import Mapping, Sequence
from typing import TypeGuard

import msgspec
from sqlalchemy import Connection

from registry_gateway.core.commands import Advertise, Command, Deregister, Outcome, Register, Renew, Renewed
from registry_gateway.core.errors import RegistryError, TooMany
from registry_gateway.core.lease import LeasePolicy
from registry_gateway.core.model import Event, Registration, Version
from registry_gateway.core.transitions import Documents, decide, health_due
from registry_gateway.store.statements import events, first_registrations, gone, registrations, subscriptions, tools
from registry_gateway.store.statements.versions import histories


def apply(
    connection: Connection,
    commands: Sequence[Command],
    policies: Mapping[str, LeasePolicy],
    now: float | None,
    *,
    judging: bool = False,
) -> tuple[list[Outcome | RegistryError | None], list[Event]]:
    """Execute `commands`; return their outcomes or errors, in order, and the events.

    Heartbeats in time are renewed by one guarded statement. All other commands (late or unknown heartbeats, those with
    a change to record, and other kinds) are decided on locked rows, one after the other.

    `now` is None for the time of the database server. `judging` means that the transaction has signed presence and may
    decide that a lease has lapsed. Without it, commands that need such a decision are skipped, with the outcome None.
    """
    outcomes: dict[int, Outcome | RegistryError | None] = {}
    renewals = [(i, c) for i, c in enumerate(commands) if isinstance(c, Renew)]
    if renewals:
        renewed = registrations.renew(connection, [(c.dialect, c.key, c.owner) for _, c in renewals], now)
        for i, command in renewals:
            held = renewed.get((command.dialect, command.key))
            if held is not None and not _brings_news(command, held):
                outcomes[i] = Renewed(held)
    rest = [(i, c) for i, c in enumerate(commands) if i not in outcomes]
    happened: list[Event] = []
    if rest:
        before, at = registrations.lock(connection, {(c.dialect, c.key) for _, c in rest}, now)
        late = set() if judging else {key for key, r in before.items() if r.lease.overdue(at)}
        if late:
            outcomes.update((i, None) for i, c in rest if (c.dialect, c.key) in late)
            rest = [(i, c) for i, c in rest if i not in outcomes]
        decided, happened = _decide_each(connection, rest, before, policies, at)
        outcomes.update(decided)
    return [outcomes[i] for i in range(len(commands))], happened


def _brings_news(command: Renew, held: Registration) -> bool:
    """Tell whether a heartbeat changes more than the lease, or comes from another account."""
    return (
        (held.owner is not None and held.owner != command.owner)
        or (command.version is not None and command.version != held.version)
        or (command.reported is not None and command.reported != held.reported)
        or (held.version_due is not None and held.version_due <= held.lease.last_seen)
        or (held.reported != held.logged_health and health_due(held, held.lease.last_seen))
    )


def _decide_each(
    connection: Connection,
    commands: Sequence[tuple[int, Command]],
    before: Mapping[tuple[str, str], Registration],
    policies: Mapping[str, LeasePolicy],
    now: float,
) -> tuple[dict[int, Outcome | RegistryError], list[Event]]:
    leaving = {(c.dialect, c.key) for _, c in commands if isinstance(c, Deregister)}
    active = subscriptions.count_active(connection, leaving) if leaving else {}
    limits = _RegistrationLimits(connection, [c for _, c in commands], before, policies)
    tool_limits = _ToolLimits(connection, [c for _, c in commands], policies)
    after: dict[tuple[str, str], Registration | None] = dict(before)
    documents: dict[tuple[str, str], Documents] = {}
    versions = _histories(connection, [c for _, c in commands], before)
    recorded: set[tuple[str, str]] = set()
    ended: set[tuple[str, str]] = set()
    happened: list[Event] = []
    outcomes: dict[int, Outcome | RegistryError] = {}
    for i, command in commands:
        key = (command.dialect, command.key)
        try:
            history, subscribers = versions.get(key, ()), active.get(key, 0)
            decision = decide(after.get(key), command, policies[command.dialect], now, subscribers, history)
            if decision.documents is not None:
                tool_limits.take(key, decision.documents.tools)
            if limits.limited and _is_counted(decision.after, policies) and not _is_counted(after.get(key), policies):
                limits.take(decision.after)
        except RegistryError as error:
            outcomes[i] = error
            continue
        outcomes[i] = decision.outcome
        if decision.anew or decision.after is None:
            ended.add(key)
            versions.pop(key, None)
        if decision.recorded is not None:
            versions.setdefault(key, []).append(decision.recorded)
            recorded.add(key)
        after[key] = decision.after
        happened += decision.events
        if decision.documents is not None:
            documents[key] = _merged(documents.get(key), decision.documents)
    left = {key for key in before.keys() & ended if after[key] is None}
    gone.archive(connection, left, now)
    registrations.remove(connection, (before.keys() & ended) - left)
    kept = {key: registration for key, registration in before.items() if key not in ended}
    histories = {key: versions[key] for key in recorded if after[key] is not None}
    registrations.save(connection, kept, after, documents, histories)
    events.record(connection, happened)
    return outcomes, happened


_WITH_VERSION = (Register, Renew)


def _histories(
    connection: Connection, commands: Sequence[Command], before: Mapping[tuple[str, str], Registration]
) -> dict[tuple[str, str], list[Version]]:
    """Return the version histories of the registrations whose version may be recorded."""
    changing: set[tuple[str, str]] = set()
    for command in commands:
        held = before.get((command.dialect, command.key))
        if held is not None and isinstance(command, _WITH_VERSION):
            news = command.version is not None and command.version != held.version
            if news or held.version_due is not None:
                changing.add((held.dialect, held.key))
    return histories(connection, changing) if changing else {}


def _is_counted(registration: Registration | None, policies: Mapping[str, LeasePolicy]) -> TypeGuard[Registration]:
    """Tell whether a registration counts towards the limits."""
    if registration is None:
        return False
    return registration.lease.stage == 0 or not policies[registration.dialect].lapse_frees_key


class _RegistrationLimits:
    """How many more registrations an account and the dialect may have, if the policy sets limits.

    Counted only for registrations that are new or may be revived. Gateways that count at the same instant may together
    exceed a limit slightly, which is acceptable for limits against abuse.
    """

    def __init__(
        self,
        connection: Connection,
        commands: Sequence[Command],
        before: Mapping[tuple[str, str], Registration],
        policies: Mapping[str, LeasePolicy],
    ) -> None:
        self._left: dict[tuple[str, str | None], int] = {}
        for c in commands:
            policy = policies[c.dialect]
            if policy.most is None and policy.most_owned is None:
                continue
            held = before.get((c.dialect, c.key))
            if not isinstance(c, Register | Renew) or (isinstance(c, Renew) and held is None):
                continue
            if _is_counted(held, policies):
                continue
            lapsed = not policy.lapse_frees_key
            if policy.most is not None and (c.dialect, None) not in self._left:
                held_by_all = first_registrations.count(connection, c.dialect, lapsed=lapsed)
                self._left[c.dialect, None] = policy.most - held_by_all
            if policy.most_owned is not None and c.owner is not None and (c.dialect, c.owner) not in self._left:
                owned = first_registrations.count(connection, c.dialect, c.owner, lapsed=lapsed)
                self._left[c.dialect, c.owner] = policy.most_owned - owned

    @property
    def limited(self) -> bool:
        """Whether there is a limit for any of the commands."""
        return bool(self._left)

    def take(self, registration: Registration) -> None:
        """Count a new registration.

        Raises:
            TooMany: A limit is reached.
        """
        dialect, owner = registration.dialect, registration.owner
        limits = [limit for limit in {(dialect, None), (dialect, owner)} if limit in self._left]
        for limit in limits:
            if self._left[limit] <= 0:
                raise TooMany(_FULL if limit[1] is None else _ACCOUNT_FULL)
        for limit in limits:
            self._left[limit] -= 1


class _ToolLimits:
    """How many more tools the registrations of a dialect may have together, if the policy sets a limit.

    Counted when a command has tools. As with `_RegistrationLimits`, concurrent gateways may exceed the limit slightly.
    """

    def __init__(
        self, connection: Connection, commands: Sequence[Command], policies: Mapping[str, LeasePolicy]
    ) -> None:
        self._most: dict[str, int] = {}
        self._total: dict[str, int] = {}
        self._held: dict[tuple[str, str], int] = {}
        for dialect in {c.dialect for c in commands}:
            most = policies[dialect].most_tools
            if most is None:
                continue
            of_dialect = [c for c in commands if c.dialect == dialect]
            if any(isinstance(c, Register | Advertise) and c.tools for c in of_dialect):
                self._most[dialect] = most
                self._total[dialect] = tools.count(connection, dialect)
                held = tools.count_each(connection, dialect, {c.key for c in of_dialect})
                self._held |= {(dialect, key): number for key, number in held.items()}

    def take(self, key: tuple[str, str], names: tuple[str, ...] | None) -> None:
        """Replace the tools of a registration; None keeps them.

        Raises:
            TooMany: The limit would be exceeded.
        """
        dialect = key[0]
        if names is None or dialect not in self._most:
            return
        more = len(names) - self._held.get(key, 0)
        if more > 0 and self._total[dialect] + more > self._most[dialect]:
            total = self._total[dialect] + more
            raise TooMany(f"There would be {total} tools in all with these, and there may be {self._most[dialect]}")
        self._total[dialect] += more
        self._held[key] = len(names)


_FULL = "There are as many services registered as there may be; one must be deregistered first"
_ACCOUNT_FULL = "The account has as many services registered as it may have; deregister one first"


def _merged(earlier: Documents | None, later: Documents) -> Documents:
    if earlier is None or later.document is not None:
        return later
    return msgspec.structs.replace(earlier, tools_document=later.tools_document, tools=later.tools)
