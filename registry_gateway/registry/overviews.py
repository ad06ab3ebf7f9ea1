"""The overview of a registry, computed at most once a minute for all readers."""

from itertools import chain

from sqlalchemy import Connection

from registry_gateway.core import overview
from registry_gateway.core.clock import Clock
from registry_gateway.core.lease import Policies
from registry_gateway.core.overview import DAY, HOUR, Absence, MassLapse, Overview, Span
from registry_gateway.core.status import REGISTERED
from registry_gateway.registry.queries import Queries
from registry_gateway.registry.shared_read import SharedRead
from registry_gateway.registry.timeline import Timeline
from registry_gateway.store.statements import catalogue, day, events, presence

KEPT_SECONDS = 60.0
"""Seconds for which an overview is kept."""

MOST_LAPSES = 10
"""Most mass lapses in an overview: the newest."""

MOST_ABSENCES = 20
"""Most absences in an overview: the newest."""

KINDS = ("expired", "recovered", "registered", "deregistered")
"""The kinds of events that are counted for the last hour."""


class Overviews:
    """The overview of a registry, kept for a minute."""

    def __init__(self, queries: Queries, clock: Clock) -> None:
        """Read nothing yet. `clock` measures the age of what is kept."""
        self._queries = queries
        self._clock = clock
        self._kept: Overview | None = None
        self._until = 0.0
        self._timeline = Timeline()
        self._reads: SharedRead[None, Overview] = SharedRead(self._current)

    async def get(self) -> Overview:
        """Return an overview that is at most `KEPT_SECONDS` old.

        Raises:
            Overloaded: Too many expensive reads are running, or this one took too long.
            StoreUnavailable: The database can't be reached.
        """
        return await self._reads.submit(None)

    async def _current(self, _asked: None) -> Overview:
        if self._kept is None or self._clock.monotonic() >= self._until:
            while await self._queries.search(self._timeline.advance):
                pass
            self._kept = await self._queries.search(_read, self._queries, self._timeline)
            self._until = self._clock.monotonic() + KEPT_SECONDS
        return self._kept


def _read(connection: Connection, now: float, queries: Queries, timeline: Timeline) -> Overview:
    """Compute the overview. `now` is the judging time."""
    live = day.live(connection, now)
    while timeline.advance(connection, now):
        pass  # events since the last part
    known = queries.policies.known
    by_dialect = {dialect: of_it for dialect, of_it in timeline.spans(now).items() if dialect in known}
    absences = _absences(connection, queries.now(connection))
    began = events.began(connection)
    known_since = began[1] if began is not None and began[0] > 1 else 0.0
    statuses = _statuses(connection, queries.policies, now)
    happened = catalogue.count_events(connection, now - HOUR)
    emptied = (overview.emptied(of_it, live.get(dialect, 0)) for dialect, of_it in by_dialect.items())
    return Overview(
        at=now,
        by_status=overview.totals(statuses, REGISTERED),
        by_dialect=statuses,
        last_hour={kind: happened.get(kind, 0) for kind in KINDS},
        last_day=overview.series(
            chain.from_iterable(by_dialect.values()), sum(live.get(dialect, 0) for dialect in known), now, known_since
        ),
        mass_lapses=_mass_lapses(connection, by_dialect, live, absences, now),
        emptied=sorted((e for e in emptied if e is not None), key=lambda e: -e.at),
        absences=absences[:MOST_ABSENCES],
    )


def _statuses(connection: Connection, policies: Policies, now: float) -> dict[str, dict[str, int]]:
    found = {dialect: dict.fromkeys(map(str, REGISTERED), 0) for dialect in policies.known}
    for count in catalogue.counts(connection, policies, now):
        if count.status in REGISTERED:
            found.setdefault(count.dialect, dict.fromkeys(map(str, REGISTERED), 0))[count.status] = count.services
    return found


def _absences(connection: Connection, now: float) -> list[Absence]:
    found = day.absences(connection, now - DAY)
    present_at = presence.last(connection)
    if present_at is not None and now - present_at > presence.ABSENCE:
        found.insert(0, Absence(since=present_at, until=None, cause=None))
    return found


def _mass_lapses(
    connection: Connection,
    by_dialect: dict[str, list[Span]],
    live: dict[str, int],
    absences: list[Absence],
    now: float,
) -> list[MassLapse]:
    runs = [run for dialect, of_it in by_dialect.items() for run in overview.runs(of_it, live.get(dialect, 0))]
    found: list[MassLapse] = []
    for run in sorted(runs, key=lambda run: -run.began_at)[:MOST_LAPSES]:
        lapsed = day.lapsed(connection, run, now)
        if overview.massive(lapsed.services, run.live_before):
            since = run.began_at if lapsed.last_seen is None else lapsed.last_seen
            found.append(
                MassLapse(
                    dialect=run.dialect,
                    began_at=run.began_at,
                    ended_at=run.ended_at,
                    services=lapsed.services,
                    live_before=max(run.live_before, lapsed.services),
                    recovered=lapsed.recovered,
                    absences=overview.overlapping(absences, since, run.ended_at),
                )
            )
    return found
