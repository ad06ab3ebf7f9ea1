"""All reads of registrations: each is one transaction, one snapshot and one judging time.

So all readers at one moment get the same answer, also in an outage; see `outages.judging_time`.
"""

import builtins
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Concatenate, NamedTuple, ParamSpec, TypeVar

from sqlalchemy import Connection

from registry_gateway.core.clock import Clock
from registry_gateway.core.errors import RegistryError
from registry_gateway.core.lease import Health, Policies
from registry_gateway.core.model import Entry, Event
from registry_gateway.core.status import Status, status
from registry_gateway.registry.group_commit import apart
from registry_gateway.registry.outages import judging_time
from registry_gateway.registry.snapshot import Moment, Snapshot, SnapshotEntry
from registry_gateway.store.engine import Store
from registry_gateway.store.statements import events, lease_clock, lists, log_search, presence, registrations
from registry_gateway.store.statements.key_batch import Key
from registry_gateway.store.statements.lists import Listed
from registry_gateway.store.statements.log_search import LogFilter
from registry_gateway.store.statements.registrations import Found
from registry_gateway.store.statements.search import Page

PAGE = 250
"""Registrations per page of a list: other reads wait for no more than one page."""

P = ParamSpec("P")
T = TypeVar("T")


class Listing(NamedTuple):
    """Registrations by key, and the judging time in epoch seconds."""

    entries: Sequence[Entry]
    now: float


class Queries:
    """The reads of a registry. All of them raise `StoreUnavailable` if the database cannot be reached."""

    def __init__(self, store: Store, policies: Policies, clock: Clock) -> None:
        self._store = store
        self.policies = policies
        self._clock = clock

    async def read(self, work: Callable[Concatenate[Connection, float, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `work` in a reading transaction. It receives the connection, the judging time, and the arguments."""
        return await self._store.read(lambda connection: work(connection, self.time(connection), *args, **kwargs))

    async def search(
        self, work: Callable[Concatenate[Connection, float, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Do what `read` does, for expensive reads. Raises `Overloaded` if too many of them are running."""
        return await self._store.search(lambda connection: work(connection, self.time(connection), *args, **kwargs))

    def time(self, connection: Connection) -> float:
        """Return the judging time. Later reads on the connection are at least as new."""
        return judging_time(*presence.seen(connection, self._given(connection)))

    def now(self, connection: Connection) -> float:
        """Return the current time, which is later than the judging time in an outage."""
        return lease_clock.read(connection, self._clock)

    async def list(self, dialect: str | None = None, *, alive: bool = False, documents: bool = True) -> Listing:
        """Return the registrations of a dialect (None: all); with `alive` only live ones.

        Without `documents` these are not read, and empty in all entries. The list is read page by page: each
        registration as of its page, judged at the time of the first page.
        """
        page = partial(self._page, dialect=dialect, alive=alive, documents=documents)
        now, rows = await self._store.scan(partial(page, at=None, after=("", "")))
        found = self._judged_all(rows, now)
        while len(rows) == PAGE:
            last = rows[-1][0]
            _, rows = await self._store.scan(partial(page, at=now, after=(last.dialect, last.key)))
            found += self._judged_all(rows, now)
        return Listing(found, now)

    def _page(
        self,
        connection: Connection,
        *,
        at: float | None,
        dialect: str | None,
        alive: bool,
        documents: bool,
        after: Key,
    ) -> tuple[float, Sequence[Found]]:
        now = self.time(connection) if at is None else at
        return now, lists.find_next(connection, dialect, now if alive else None, after, PAGE, documents=documents)

    def _judged_all(self, rows: Sequence[Found], now: float) -> builtins.list[Entry]:
        return [entry for row in rows if (entry := self._judged(row, now)) is not None]

    async def snapshot(self) -> Snapshot:
        """Return the services of all dialects that are not gone, at one moment.

        Raises:
            Overloaded: Too many expensive reads are running, or this one took too long.
        """
        return await self.search(self._snapshot)

    def _snapshot(self, connection: Connection, now: float) -> Snapshot:
        _, last_event = events.span(connection)
        found: builtins.list[SnapshotEntry] = []
        after: Key = ("", "")
        while rows := lists.find_next_listed(connection, after, PAGE):
            found += self._entries(rows, now)
            last = rows[-1].registration
            after = (last.dialect, last.key)
        return Snapshot(Moment(last_event, now), found)

    def _entries(self, rows: Sequence[Listed], now: float) -> Iterator[SnapshotEntry]:
        for registration, tools, last_event in rows:
            found = status(registration, self.policies.of(registration.dialect), now)
            if found is not Status.GONE:
                yield SnapshotEntry(registration, found, tools, last_event)

    async def log(
        self, wanted: Callable[[float], LogFilter], page: Page
    ) -> tuple[builtins.list[Event], int | None, float | None]:
        """Return the result of `log_search.search`. `wanted` returns the conditions at the current time.

        Raises:
            Overloaded: Too many expensive reads are running, or this one took too long.
        """
        return await self.search(lambda c, _now: log_search.search(c, wanted(self.now(c)), page))

    async def find(self, keys: Sequence[Key]) -> Sequence[Entry | RegistryError | None]:
        """Return the registration of each key; None where there is none."""
        return await apart(self._find, keys)

    async def _find(self, keys: Sequence[Key]) -> Sequence[Entry | None]:
        rows, seen = await self._store.find(lambda c: registrations.find(c, keys, self._given(c)))
        now = judging_time(*seen)
        return [self._judged(rows[key], now) if key in rows else None for key in keys]

    async def moment(self) -> Moment:
        """Return the id of the last event, and the judging time."""
        last, seen = await self._store.find(lambda c: events.moment(c, self._given(c)))
        return Moment(last, judging_time(*seen))

    def _given(self, connection: Connection) -> float | None:
        return lease_clock.given(connection, self._clock)

    def _judged(self, row: Found, now: float) -> Entry | None:
        registration, document, tools_document = row
        policy = self.policies.of(registration.dialect)
        health = registration.lease.health(policy, now)
        if health is not Health.HEALTHY and registration.lease.ended(policy, now):
            return None
        return Entry(registration, document, tools_document, health, now)
