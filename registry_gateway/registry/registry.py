"""The registry: each operation is one transaction. Only this package reads the clock."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import overload

from sqlalchemy import Connection

from registry_gateway.core import rate_limit
from registry_gateway.core.clock import Clock
from registry_gateway.core.commands import (
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
from registry_gateway.core.deadlines import CLOSE_WITHIN
from registry_gateway.core.lease import LeasePolicy, Policies
from registry_gateway.core.model import Actor, Entry, Event, Subscription, Version
from registry_gateway.observability import event_log
from registry_gateway.observability.metrics import Metrics
from registry_gateway.registry import subscriptions
from registry_gateway.registry.admission import Admission
from registry_gateway.registry.commits import Commits
from registry_gateway.registry.event_feed import EventFeed
from registry_gateway.registry.group_commit import GroupCommit
from registry_gateway.registry.outages import Outages
from registry_gateway.registry.queries import Queries
from registry_gateway.registry.shared_read import SharedRead
from registry_gateway.registry.snapshot import Moment, Snapshot
from registry_gateway.store.engine import Store
from registry_gateway.store.statements import events, gone, lapses, lease_clock, tools
from registry_gateway.store.statements import subscriptions as subscription_rows
from registry_gateway.store.statements.key_batch import Key
from registry_gateway.store.statements.versions import history

CHUNK = 500
"""Most rows per sweeping transaction, so that heartbeats never wait long for it."""


class Registry:
    """Registrations, leases and their history in one SQL database.

    Each operation is one transaction. All of them raise `StoreUnavailable`, and change nothing, if the database cannot
    be reached. `register`, `advertise` and `deregister` raise `RateLimited` if the caller exceeds the rate limit.
    """

    def __init__(
        self,
        store: Store,
        policies: Mapping[str, LeasePolicy],
        clock: Clock,
        limit: rate_limit.Rate | None = None,
        metrics: Metrics | None = None,
    ) -> None:
        """`policies` has the lease policy of each dialect. `limit` limits changes per caller; None: no limit. `metrics`
        is None for metrics that nothing else reads.
        """
        self._store = store
        self._policies = policies
        self.policies = Policies(policies)
        self._clock = clock
        self.metrics = metrics or Metrics(policies)
        self._outages = Outages(store, clock, self.metrics)
        self.queries = Queries(store, self.policies, clock)
        commits = Commits(store, policies, clock, self._outages, self.metrics, self._report)
        batches = self.metrics.batches
        self._writer: GroupCommit[Command, Outcome] = GroupCommit(
            commits.commit, observe=batches["write"].observe, writing=True
        )
        find = self.queries.find
        self._finder: GroupCommit[Key, Entry | None] = GroupCommit(find, observe=batches["find"].observe)
        self.metrics.queue("write", lambda: self._writer.waiting)
        self.metrics.queue("find", lambda: self._finder.waiting)
        self._moments: SharedRead[None, Moment] = SharedRead(lambda _asked: self.queries.moment())
        self._snapshots: SharedRead[None, Snapshot] = SharedRead(lambda _asked: self.queries.snapshot())
        self._admission = None if limit is None else Admission(limit, store, clock, self.policies)
        self.feed = EventFeed(store)

    # --- commands

    async def register(self, command: Register) -> Registered:
        """Register a service or update it.

        Raises:
            AlreadyRegistered: In mode `create`, if the key is alive.
            NotRegistered: In mode `update`, if the key is not registered.
            NotOwner: The key belongs to another account.
            TooMany: The limit of the account or the dialect is reached.
        """
        await self._admit(command)
        return await self._submit(command)

    async def renew(self, command: Renew) -> Renewal:
        """Renew a lease: `Renewed`, `Lapsed` (late, and the policy refuses that) or `Unknown`.

        Raises:
            NotOwner: The key belongs to another account.
            TooMany: It would revive a lapsed registration, and the limit is reached.
        """
        return await self._submit(command)

    async def advertise(self, command: Advertise) -> Done:
        """Replace the tools of a registration.

        Raises:
            NotRegistered: The key is not registered.
        """
        await self._admit(command)
        return await self._submit(command)

    async def deregister(self, command: Deregister) -> Done:
        """End a registration; the outcome holds its last state.

        Raises:
            NotRegistered: The key is not registered.
            NotOwner: The key belongs to another account.
            StillSubscribed: It has active subscriptions.
        """
        await self._admit(command)
        return await self._submit(command)

    async def approve(self, command: Approve) -> Done:
        """Approve a pending registration; approving an approved one is no error.

        Raises:
            NotRegistered: The key is not registered.
        """
        return await self._submit(command)

    async def _admit(self, command: rate_limit.Change) -> None:
        if self._admission is not None:
            await self._admission.admit(command)

    @overload
    async def _submit(self, command: Register) -> Registered: ...
    @overload
    async def _submit(self, command: Renew) -> Renewal: ...
    @overload
    async def _submit(self, command: Advertise | Deregister | Approve) -> Done: ...
    async def _submit(self, command: Command) -> Outcome:
        """Return the outcome of `command`, which is one of those of its kind."""
        return await self._writer.submit(command)

    # --- reads

    async def find(self, dialect: str, key: str) -> Entry | None:
        """Return the registration under `key`, with its health now; None if there is none."""
        return await self._finder.submit((dialect, key))

    async def list(self, dialect: str | None = None, *, alive: bool = False, documents: bool = True) -> Sequence[Entry]:
        """Return the registrations of a dialect (None: all) by key; with `alive` only live ones.

        The list is read page by page: each registration once, as of its page. Those that exist throughout are included.
        Without `documents` these are empty and not read, which is most of the work.
        """
        return (await self.queries.list(dialect, alive=alive, documents=documents)).entries

    async def snapshot(self) -> Snapshot:
        """Return the services of all dialects that are not gone, at one moment. Concurrent callers share it.

        Raises:
            Overloaded: Too many expensive reads are running, or this one took too long.
        """
        return await self._snapshots.submit(None)

    async def moment(self) -> Moment:
        """Return the id of the last event and the judging time: one small read, shared by concurrent callers."""
        return await self._moments.submit(None)

    async def versions(self, dialect: str, key: str) -> Sequence[Version]:
        """Return the versions a registration has had, oldest first."""
        return await self._store.read(lambda c: history(c, dialect, key))

    async def tools(self, dialect: str, key: str) -> Sequence[str]:
        """Return the names of the tools of a registration, in the order they came."""
        return (await self._store.read(lambda c: tools.of(c, [(dialect, key)]))).get((dialect, key), ())

    async def events(
        self, *, after: int | None = None, dialect: str | None = None, key: str | None = None, limit: int = 1000
    ) -> Sequence[Event]:
        """Return `limit` events, oldest first: those after id `after`, or without it the newest.

        Raises:
            NotInLog: Some of those after `after` have been removed, or the log has no such id.
        """
        if after is None:
            return await self._store.read(lambda c: events.read(c, dialect=dialect, key=key, limit=limit))
        # New events are requested often, and are few.
        return await self._store.find(lambda c: events.follow(c, after=after, dialect=dialect, key=key, limit=limit))

    # --- subscriptions

    async def subscribe(self, dialect: str, key: str, subscriber: str, actor: Actor) -> Subscription:
        """Record that `subscriber` depends on a registration, which blocks its deregistration.

        Raises:
            NotRegistered: The key is not registered.
            AlreadyExists: It has an active subscription of that subscriber.
        """
        policy = self.policies.of(dialect)
        asked = policy, dialect, key, subscriber, actor
        done = await self._store.write(lambda c: subscriptions.subscribe(c, *asked, now=self._given(c)))
        if done is None:
            done = await self._outages.judge(subscriptions.judge_and_subscribe, *asked)
        added, event = done
        self._report([event])
        return added

    async def unsubscribe(self, number: int, actor: Actor) -> Subscription:
        """Cancel a subscription by its number.

        Raises:
            NotFound: There is no active subscription of that number.
        """
        ended, event = await self._store.write(
            lambda c: subscriptions.unsubscribe(c, number, actor, lease_clock.read(c, self._clock))
        )
        self._report([event])
        return ended

    async def subscriptions(self, dialect: str | None = None, key: str | None = None) -> Sequence[Subscription]:
        """Return the subscriptions of one registration or all, including ended ones, oldest first."""
        return await self._store.read(lambda c: subscription_rows.read(c, dialect, key))

    # --- maintenance

    async def start(self) -> None:
        """Sign presence as a starting gateway, and make up for all of the time since the last sign."""
        await self._outages.start()

    async def resume(self) -> None:
        """Sign presence, and make up for an absence of all gateways."""
        await self._outages.resume()

    async def leave(self) -> None:
        """Sign presence for the last time. Call this last; a failure does no harm."""
        await self._outages.leave()

    async def expire(self) -> int:
        """Record due lapses, each exactly once; return the number of events. Liveness does not depend on this.

        Lapsed registrations beyond a policy's `most_lapsed` are removed, with an event for each.
        """
        return await self._sweep(lapses.expire)

    async def purge(self, events_before: float | None = None, most_events: int | None = None) -> int:
        """Remove registrations whose retention is over; return how many.

        Also removes events older than `events_before` (epoch seconds) and the oldest beyond `most_events`, never the
        newest. The last states of services whose end is no longer in the log go with it.
        """
        purged = await self._sweep(lapses.purge)
        if events_before is not None:
            while await self._store.write(lambda c: events.prune(c, events_before, CHUNK)) == CHUNK:
                pass
        if most_events is not None:
            while await self._store.write(lambda c: events.prune_beyond(c, most_events, CHUNK)) == CHUNK:
                pass
        while await self._store.write(lambda c: gone.prune(c, events_before or 0.0, CHUNK)) == CHUNK:
            pass
        return purged

    async def checkpoint(self) -> None:
        """Checkpoint SQLite's WAL. PostgreSQL does this by itself."""
        await self._store.checkpoint()

    async def close(self) -> None:
        """Finish accepted requests, then close the database. Unfinished work is abandoned after a limit."""
        await self.feed.close()
        try:
            async with asyncio.timeout(CLOSE_WITHIN / 2):
                await self._writer.drain()
        except TimeoutError:
            self._store.cut()
            await self._writer.stop()
        await self._store.close()

    async def _sweep(self, statement: Callable[..., tuple[Sequence[Event], bool]]) -> int:
        total, more = 0, True
        while more:
            swept, more = await self._outages.judge(statement, self._policies, CHUNK)
            self._report(swept)
            total += len(swept)
        return total

    def _report(self, recorded: Sequence[Event]) -> None:
        event_log.report(recorded)
        self.metrics.happened(recorded)
        if recorded:
            self.feed.notice()

    def _given(self, connection: Connection) -> float | None:
        return lease_clock.given(connection, self._clock)
