"""The reads of the catalogue. Each uses one snapshot and one judging time.

Reads with many different parameters are searches, whose number is limited. The statistics and the log's bounds are not:
each is read once at a time for all waiting requests, even while many searches run.
"""

from collections.abc import Collection
from datetime import UTC, datetime
from typing import NamedTuple

import msgspec
from sqlalchemy import Connection

from registry_gateway.core.model import Registration
from registry_gateway.core.status import REGISTERED, Status, status
from registry_gateway.doctor.rules.service import RECENT, OwnFindings, OwnNotes
from registry_gateway.endpoints.catalogue import cursor, listed_findings, render
from registry_gateway.endpoints.catalogue.changes import Changes
from registry_gateway.endpoints.catalogue.listed_findings import Facts
from registry_gateway.endpoints.catalogue.log_query import LogQuery
from registry_gateway.endpoints.catalogue.query import Counted, Events, Services
from registry_gateway.http.problem_details import Refused, bad_parameter
from registry_gateway.registry.event_batch import Batch
from registry_gateway.registry.queries import Queries
from registry_gateway.store.statements import catalogue as present
from registry_gateway.store.statements import events, gone, past
from registry_gateway.store.statements import tools as tool_names
from registry_gateway.store.statements.search import Page, Wanted
from registry_gateway.wire.catalogue import EventList, LogPage, Service, ServiceDetail, ServiceList, Stats

HOUR = 3_600.0

PART = 200
"""Services that are read and sent to a watcher at a time."""

_PAST_ORDERS = ("key", "name")
_PAST_MEMBERS = ("dialect", "key", "name", "version", "address", "since")


class Log(NamedTuple):
    """The ids of the first and the last event that are kept."""

    first: int
    last: int

    def check(self, after: int) -> None:
        """Check that all events after the id `after` are in the log.

        Raises:
            Refused: 410: they are not, or the log has no event with that id yet.
        """
        if self.first - 1 <= after <= self.last:
            return
        kept = f"{self.first} to {self.last}" if self.last else "none"
        raise Refused(
            410,
            "Not in the log",
            f"What followed event {after} is not known (events kept: {kept}); start without an id, from a snapshot",
            last_event_id=after,
            first=self.first,
            last=self.last,
        )


class Reader:
    """The reads of the catalogue. All methods raise `StoreUnavailable` if the database can't be reached."""

    def __init__(self, queries: Queries, retention: float, *, most_events: int | None = None) -> None:
        """Read through `queries`.

        Args:
            queries: The reads of the registry.
            retention: Seconds for which events are kept.
            most_events: Most events that are kept; None if there is no limit.
        """
        self._queries = queries
        self._policies = queries.policies
        self._retention = retention
        self._most_events = most_events

    async def services(self, query: Services, own: OwnFindings) -> ServiceList:
        """Return a page of services, of the present or, with `at`, of the past.

        `own` returns what the dialect of an entry finds.

        Raises:
            Refused: 400: the parameters can't be combined; 410: `at` is before the first event in the log.
        """
        if isinstance(query.at, datetime):
            return await self._past(query, query.at.timestamp())
        kind, wanted = query.order(), query.wanted()
        order = kind.removeprefix("-")
        page = _page(query, kind, cursor.decode(kind, order, query.cursor))
        with_findings = query.with_findings()

        def work(connection: Connection, now: float) -> tuple[ServiceList, list[Facts], float]:
            found, last = present.search(connection, wanted, page, self._policies, now)
            listed = self._listed(connection, found, now, tools="tools" in (query.fields or ("tools",)))
            total = present.count(connection, wanted, self._policies, now)
            facts = listed_findings.read(connection, found, self._policies, now) if with_findings else []
            return _list(query, listed, total, cursor.encode(kind, last)), facts, now

        services, facts, now = await self._queries.search(work)
        if not with_findings:
            return services
        return msgspec.structs.replace(
            services, services=await listed_findings.added(services.services, facts, now, own)
        )

    def _listed(
        self, connection: Connection, found: Collection[Registration], now: float, *, tools: bool = True
    ) -> list[Service]:
        names = tool_names.of(connection, [(r.dialect, r.key) for r in found] if tools else [])
        left = [(r.dialect, r.key) for r in found if status(r, self._policies.of(r.dialect), now) is Status.GONE]
        names |= gone.tools(connection, left) if tools else {}
        ends = events.ends(connection, left)
        return [
            render.service(r, names.get((r.dialect, r.key), ()), ends.get((r.dialect, r.key)), self._policies, now)
            for r in found
        ]

    async def _past(self, query: Services, at: float) -> ServiceList:
        sort, wanted = query.order(), query.wanted()
        kind, order = f"at:{sort}", sort.removeprefix("-")
        _check_sort(query, order)
        page = _page(query, sort, cursor.decode(kind, order, query.cursor))

        def work(connection: Connection, now: float) -> ServiceList:
            self._check_past(at, self._queries.now(connection))
            found, last, total = past.search(connection, at, wanted, page, now)
            self._check_kept(connection, at)  # after the search, to notice events that were removed meanwhile
            return _list(query, [render.past_service(p) for p in found], total, cursor.encode(kind, last))

        return await self._queries.search(work)

    def _check_past(self, at: float, now: float) -> None:
        if at > now:
            raise bad_parameter("at", "It is in the future")
        if at < now - self._retention:
            raise _before_the_log(now - self._retention)

    def _check_kept(self, connection: Connection, at: float) -> None:
        """Check that no events since `at` were removed because of `most_events`.

        Raises:
            Refused: 410: some were removed.
        """
        if self._most_events is None:
            return
        began = events.began(connection)
        if began is not None and began[0] > 1 and at < began[1]:
            raise _before_the_log(began[1])

    async def service(self, dialect: str, key: str, findings: OwnFindings, notes: OwnNotes) -> ServiceDetail | None:
        """Return all details of a service, registered or gone; None if it is neither registered nor in the log.

        `findings` and `notes` return those of the dialect of an entry.
        """
        known, now = await self._queries.search(lambda c, now: (present.find_known(c, dialect, key, RECENT), now))
        policy = self._policies.of(dialect)
        found = render.service_detail(known, policy, now, findings)
        if found is None or known.found is None or found.status is Status.GONE:
            return found
        return msgspec.structs.replace(found, notes=await notes(render.entry(known.found, policy, now)))

    async def events(self, dialect: str, key: str, query: Events) -> EventList | None:
        """Return a page of a service's events; None if the service is neither registered nor in the log.

        Raises:
            Refused: 400: the cursor is not valid; 410: events after it have been removed.
        """
        after = cursor.decode(query.order, "id", query.cursor)
        page = Page(order="id", descending=query.order == "newest", limit=query.limit, after=after)

        def work(connection: Connection, _now: float) -> EventList | None:
            if not present.known(connection, dialect, key):
                return None
            found, last = present.events(connection, dialect, key, page)
            first, _ = events.span(connection)  # after the read, to notice events that were removed meanwhile
            if after is not None and not page.descending and int(after[-1]) < first - 1:
                text = "Events that follow the cursor are not kept any longer; start without one"
                raise Refused(410, "Not in the log", text, parameter="cursor", first=first)
            return EventList(next=cursor.encode(query.order, None if last is None else (last,)), events=found)

        return await self._queries.search(work)

    async def happened(self, query: LogQuery) -> LogPage:
        """Return a page of the events of all services.

        Raises:
            Refused: 400: the cursor or a time is not valid.
        """
        page = Page(order="id", descending=True, limit=query.limit, after=cursor.decode("log", "id", query.cursor))
        found, last, searched_since = await self._queries.log(query.wanted, page)
        following = cursor.encode("log", None if last is None else (last,))
        return LogPage(next=following, searched_since=searched_since, events=found)

    async def log(self) -> Log:
        """Return the ids of the first and the last event in the log."""
        return Log(*await self._queries.read(lambda connection, _now: events.span(connection)))

    async def snapshot(self, wanted: Wanted, after: cursor.Place | None) -> tuple[list[Service], cursor.Place | None]:
        """Return the next services after the position `after`, and the last one's position if more follow."""
        page = Page(order="key", descending=False, limit=PART, after=after)

        def work(connection: Connection, now: float) -> tuple[list[Service], cursor.Place | None]:
            found, last = present.search(connection, wanted, page, self._policies, now)
            return self._listed(connection, found, now), last

        return await self._queries.search(work)

    async def changes(self, batch: Batch) -> Changes:
        """Return events with their services in the present state, which is after the events."""
        read = self._queries.read if batch.shared else self._queries.search  # resuming watchers have many batches
        return await read(self._changes, batch)

    def _changes(self, connection: Connection, now: float, batch: Batch) -> Changes:
        keys = {(e.dialect, e.key) for e in batch.events}
        found = present.registered(connection, keys)
        found |= gone.find_registrations(connection, keys - found.keys())
        services = dict(zip(found, self._listed(connection, found.values(), now), strict=True))
        return Changes(batch.after, batch.events, services)

    async def stats(self, query: Counted) -> Stats:
        """Return the statistics of the registry. With filters it is a search; without them it is never refused."""
        wanted = query.wanted()

        def work(connection: Connection, now: float) -> tuple[list[present.Count], dict[str, int], dict[str, int]]:
            counts = present.counts(connection, self._policies, now, wanted)
            return counts, gone.count(connection, wanted), present.count_events(connection, now - HOUR)

        counts, left, event_counts = await (self._queries.read if query == Counted() else self._queries.search)(work)
        return render.stats(counts, left, event_counts, list(self._policies.known))


def _before_the_log(since: float) -> Refused:
    began = datetime.fromtimestamp(since, UTC).isoformat(timespec="seconds")
    return Refused(410, "Before the log", f"Events are kept since {began}", parameter="at", since=since)


def _check_sort(query: Services, order: str) -> None:
    unknown = {
        "status": query.status != REGISTERED,
        "tool": query.tool is not None,
        "fields": not set(query.fields) <= set(_PAST_MEMBERS),
    }
    for name, given in unknown.items():
        if given:
            raise bad_parameter(name, "The log of events does not have it: not together with `at`")
    if order not in _PAST_ORDERS:
        raise bad_parameter("sort", f"A list of the past is sorted by one of: {', '.join(_PAST_ORDERS)}")


def _page(query: Services, sort: str, after: cursor.Place | None) -> Page:
    return Page(order=sort.removeprefix("-"), descending=sort.startswith("-"), limit=query.limit, after=after)


def _list(query: Services, services: list[Service], total: int, following: str | None) -> ServiceList:
    return ServiceList(total=total, next=following, services=[render.picked(s, query.fields) for s in services])
