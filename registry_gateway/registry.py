"""The registry: every operation one transaction, and the only place that asks the clock."""

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, cast

from registry_gateway import journal, rate, subscribing
from registry_gateway.admission import Admission
from registry_gateway.batch import apply
from registry_gateway.batching import Batching, Shared
from registry_gateway.clock import Clock
from registry_gateway.commands import (
    Advertise,
    Approve,
    Command,
    Deregister,
    Done,
    Outcome,
    Register,
    Registered,
    Renew,
    Renewal,
)
from registry_gateway.continuity import Continuity
from registry_gateway.errors import RegistryError, Unstorable
from registry_gateway.lease import LeasePolicy, Policies
from registry_gateway.meters import Meters
from registry_gateway.model import Actor, Entry, Event, Subscription, Version
from registry_gateway.store import events, registrations, subscriptions, sweeps
from registry_gateway.store.engine import Store
from registry_gateway.store.keys import Key


class Moment(NamedTuple):
    """A point in the life of the registry: the last event's id, and the time in epoch seconds."""

    event: int
    now: float


CHUNK = 500
"""Most rows one sweeping transaction touches, so that heartbeats never wait long behind it."""

PAGE = 250
"""Registrations of a list that are read at once: others wait for no more than these."""

log = logging.getLogger("registry_gateway.events")


class Registry:
    """Registrations, leases and their history in one SQL database.

    Every operation is one transaction. All of them raise `StoreUnavailable` if the database can't be reached,
    and have changed nothing then. What services change (`register`, `advertise`, `deregister`) raises `RateLimited`
    if there is a limit to how often, and they have reached it.
    """

    def __init__(
        self,
        store: Store,
        policies: Mapping[str, LeasePolicy],
        clock: Clock,
        limit: rate.Rate | None = None,
        meters: Meters | None = None,
    ) -> None:
        """Take the database, the lease policy of each dialect, the clock, how often a caller may change things (None:
        as often as it likes), and meters (None: some of its own).
        """
        self._store = store
        self._policies = policies
        self.policies = Policies(policies)
        self._clock = clock
        self._continuity = Continuity(store, clock)
        self.meters = meters or Meters(policies)
        batches = self.meters.batches
        self._writer: Batching[Command, Outcome] = Batching(self._commit, observe=batches["write"].observe)
        self._finder: Batching[Key, Entry | None] = Batching(self._find, observe=batches["find"].observe)
        self.meters.queue("write", lambda: self._writer.waiting)
        self.meters.queue("find", lambda: self._finder.waiting)
        self._moments: Shared[None, Moment] = Shared(self._moment)
        self._admission = None if limit is None else Admission(limit, self._continuity, store, clock)
        self._heeders: list[Callable[[], None]] = []

    def heed(self, call: Callable[[], None]) -> None:
        """Have `call` called whenever events of this registry have been committed. It must not block.

        Other processes on the same database record events as well: this only tells of one's own sooner.
        """
        self._heeders.append(call)

    # --- what services ask for

    async def register(self, command: Register) -> Registered:
        """Register a service or update it.

        Raises:
            AlreadyRegistered: In mode `create`, and the key is alive.
            NotRegistered: In mode `update`, and there is none.
            NotOwner: The key belongs to another account.
            TooMany: There are as many, of the account or at all, as the policy allows, and this would be another one.
        """
        return cast("Registered", await self._change(command))

    async def renew(self, command: Renew) -> Renewal:
        """Renew a lease: `Renewed`, `Lapsed` (late, and the policy refuses such) or `Unknown`.

        Raises:
            NotOwner: The key belongs to another account.
        """
        return cast("Renewal", await self._writer.submit(command))

    async def advertise(self, command: Advertise) -> Done:
        """Replace the capabilities of a registration.

        Raises:
            NotRegistered: There is none.
        """
        return cast("Done", await self._change(command))

    async def deregister(self, command: Deregister) -> Done:
        """End a registration; the outcome holds it as it was.

        Raises:
            NotRegistered: There is none.
            NotOwner: It belongs to another account.
            StillSubscribed: Somebody depends on it.
        """
        return cast("Done", await self._change(command))

    async def approve(self, command: Approve) -> Done:
        """Approve a pending registration; approving twice is no error.

        Raises:
            NotRegistered: There is none.
        """
        return cast("Done", await self._writer.submit(command))

    async def _change(self, command: rate.Change) -> Outcome:
        if self._admission is not None:
            await self._admission.admit(command)
        return await self._writer.submit(command)

    # --- what readers ask for

    async def find(self, dialect: str, key: str) -> Entry | None:
        """Return what is registered under `key`, with its health now; None if nothing is, or is any longer."""
        return await self._finder.submit((dialect, key))

    async def list(self, dialect: str | None = None, *, alive: bool = False) -> Sequence[Entry]:
        """Return the registrations of a dialect (None: of all) by key; with `alive`, those that are.

        They are read page by page: each as it stands when its page is read, and once. Those that are there
        throughout are all in the list.
        """
        now = await self._continuity.judging_time()
        alive_at, found, after = now if alive else None, list[Entry](), ("", "")
        while True:
            rows = await self._continuity.run(self._store.scan, registrations.find_next, dialect, alive_at, after, PAGE)
            found += [entry for row in rows if (entry := self._judged(row, now)) is not None]
            if len(rows) < PAGE:
                return found
            after = (rows[-1][0].dialect, rows[-1][0].key)

    async def _find(self, keys: Sequence[Key]) -> Sequence[Entry | RegistryError | None]:
        now = await self._continuity.judging_time()
        try:
            rows = await self._continuity.run(self._store.find, registrations.find, keys)
        except Unstorable as error:
            if len(keys) == 1:
                return [error]
            return [found for key in keys for found in await self._find([key])]
        return [self._judged(rows[key], now) if key in rows else None for key in keys]

    def _judged(self, row: registrations.Found, now: float) -> Entry | None:
        registration, document, capabilities = row
        policy = self.policies.of(registration.dialect)
        if policy.ends_at_lapse and not registration.lease.alive(now):
            return None
        return Entry(registration, document, capabilities, registration.lease.health(policy, now))

    async def moment(self) -> Moment:
        """Return where the log of changes stands, and the time. One small read, shared by all who wait for it."""
        return await self._moments.submit(None)

    async def _moment(self, _asked: None) -> Moment:
        last = await self._continuity.run(self._store.find, events.last)
        return Moment(last, self._clock.now())

    async def versions(self, dialect: str, key: str) -> Sequence[Version]:
        """Return the versions a registration has had, oldest first."""
        return await self._continuity.run(self._store.read, registrations.versions, dialect, key)

    async def events(
        self, *, after: int | None = None, dialect: str | None = None, key: str | None = None, limit: int = 1000
    ) -> Sequence[Event]:
        """Return `limit` events, oldest first: the next ones after id `after`, or the newest there are without it.

        Raises:
            NotInLog: Some of those after `after` are not kept any longer.
        """
        if after is None:
            return await self._continuity.run(self._store.read, events.read, dialect=dialect, key=key, limit=limit)
        # What is new is asked for often, and is little.
        return await self._continuity.run(
            self._store.find, events.follow, after=after, dialect=dialect, key=key, limit=limit
        )

    # --- subscriptions

    async def subscribe(self, dialect: str, key: str, subscriber: str, actor: Actor) -> Subscription:
        """Record that `subscriber` depends on a registration, which can't be deregistered until it ends.

        Raises:
            NotRegistered: There is no such registration.
            AlreadyExists: It has an active subscription of that subscriber.
        """
        policy = self.policies.of(dialect)
        now = self._clock.now()
        added, event = await self._continuity.write(subscribing.subscribe, policy, dialect, key, subscriber, actor, now)
        self._report([event])
        return added

    async def unsubscribe(self, number: int, actor: Actor) -> Subscription:
        """Cancel a subscription by its number.

        Raises:
            NotFound: There is none of that number, or it has ended.
        """
        ended, event = await self._continuity.write(subscribing.unsubscribe, number, actor, self._clock.now())
        self._report([event])
        return ended

    async def subscriptions(self, dialect: str | None = None, key: str | None = None) -> Sequence[Subscription]:
        """Return the subscriptions, of one registration or all, ended ones included, oldest first."""
        return await self._continuity.run(self._store.read, subscriptions.read, dialect, key)

    # --- keeping house

    async def resume(self) -> None:
        """Say that this gateway is there, and make up for an absence of all gateways."""
        await self._continuity.resume()

    async def expire(self) -> int:
        """Record the lapses that have come to pass, each exactly once; return how many.

        Liveness doesn't wait for this: it is judged when read.
        """
        for name in self._policies:
            while await self._continuity.write(sweeps.rearm, name, self._clock.now(), CHUNK) == CHUNK:
                pass
        return sum([await self._sweep(sweeps.expire, name) for name in self._policies])

    async def purge(self, events_before: float | None = None, most_events: int | None = None) -> int:
        """Remove registrations whose retention is over; return how many.

        Also removes events: those older than `events_before` (epoch seconds), and the oldest beyond `most_events`. The
        newest event is kept, however old.
        """
        purged = sum([await self._sweep(sweeps.purge, name) for name in self._policies])
        if events_before is not None:
            while await self._continuity.write(events.prune, events_before, CHUNK) == CHUNK:
                pass
        if most_events is not None:
            while await self._continuity.write(events.prune_beyond, most_events, CHUNK) == CHUNK:
                pass
        return purged

    async def checkpoint(self) -> None:
        """Have the database work its log of writes in, where nobody else does."""
        await self._store.checkpoint()

    async def close(self) -> None:
        """Finish the writes that have been taken, then close the database."""
        await self._writer.drain()
        await self._store.close()

    async def _sweep(self, statement: Callable[..., Sequence[Event]], dialect: str) -> int:
        total = 0
        while True:
            swept = await self._continuity.write(statement, dialect, self._policies[dialect], self._clock.now(), CHUNK)
            self._report(swept)
            total += len(swept)
            if len(swept) < CHUNK:
                return total

    def _report(self, recorded: Sequence[Event]) -> None:
        journal.report(recorded)
        self.meters.happened(recorded)
        if recorded:
            for call in self._heeders:
                call()

    # --- transactions

    async def _commit(self, commands: Sequence[Command]) -> Sequence[Outcome | RegistryError]:
        try:
            outcomes, recorded = await self._continuity.write(apply, commands, self._policies, self._clock.now())
        except Unstorable as error:
            if len(commands) == 1:
                return [error]
            # One of them spoils the statement for all; on its own each gets what it deserves.
            return [outcome for command in commands for outcome in await self._commit([command])]
        self.meters.committed(commands, outcomes)
        self._report(recorded)
        return outcomes
