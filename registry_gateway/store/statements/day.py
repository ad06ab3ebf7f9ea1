"""Statements on the last day: begins and ends of leases, mass lapses, and absences."""

from math import inf
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, ColumnElement, Connection, and_, case, cast, func, select
from sqlalchemy.orm import aliased

from registry_gateway.core.model import EventKind
from registry_gateway.core.overview import SPAN_SECONDS, Absence, Run, Span
from registry_gateway.store.database_sql import sql_of
from registry_gateway.store.statements import events
from registry_gateway.store.tables import EventRow, RegistrationRow

E = EventRow
R = RegistrationRow

_BEGINS = (EventKind.REGISTERED.value, EventKind.RECOVERED.value)
_TURNS = (*_BEGINS, EventKind.EXPIRED.value, EventKind.DEREGISTERED.value)

_RECENT = 100
"""Most events of absences that are read."""


def live(connection: Connection, now: float) -> dict[str, int]:
    """Return the number of live services by dialect at `now`."""
    running = select(R.dialect, func.count()).where(R.stage == 0, R.expires_at > now).group_by(R.dialect)
    return {row[0]: row[1] for row in connection.execute(running)}


def last_before(connection: Connection, at: float) -> int:
    """Return an id after which all events from `at` (epoch seconds) on come."""
    first = connection.execute(select(E.id).where(E.at >= at).order_by(E.at).limit(1)).scalar()
    return events.span(connection)[1] if first is None else first - 1


def spans(connection: Connection, after: int, last: int) -> list[tuple[int, Span]]:
    """Return what happened to leases in the events after the id `after` up to the id `last`, by dialect and span.

    Each span has its number, which grows with the time.
    """
    number = cast(E.at / SPAN_SECONDS, BigInteger)
    expired = E.kind == EventKind.EXPIRED.value
    statement = (
        select(
            number,
            E.dialect,
            func.min(E.at),
            func.max(E.at),
            func.sum(case((E.kind.in_(_BEGINS), 1), else_=0)),
            func.sum(case((_ends(), 1), else_=0)),
            func.sum(case((expired, 1), else_=0)),
            func.min(case((expired, E.at))),
            func.max(case((expired, E.at))),
        )
        .where(E.id > after, E.id <= last, E.dialect != "", E.kind.in_(_TURNS))
        .group_by(E.dialect, number)
    )
    rows = connection.execute(statement)
    return [(row[0], Span._make((*row[1:7], _or(row[7], inf), _or(row[8], 0.0)))) for row in rows]


def _or(at: float | None, otherwise: float) -> float:
    return otherwise if at is None else at


def _ends() -> ColumnElement[bool]:
    """Return whether an event ended a lease. A deregistration after the lapse did not."""
    earlier = aliased(E)
    turn = (
        select(earlier.kind)
        .where(earlier.dialect == E.dialect, earlier.key == E.key, earlier.id < E.id, earlier.kind.in_(_TURNS))
        .order_by(earlier.id.desc())
        .limit(1)
        .correlate(E)
        .scalar_subquery()
    )
    return case(
        (E.kind == EventKind.EXPIRED.value, True),
        (E.kind == EventKind.DEREGISTERED.value, func.coalesce(turn, "") != EventKind.EXPIRED.value),
        else_=False,
    )


class Lapsed(NamedTuple):
    """The services that lapsed in a run: their number, how many are live again, and the first of their last heartbeats
    (epoch seconds; None if unknown).
    """

    services: int
    recovered: int
    last_seen: float | None


def lapsed(connection: Connection, run: Run, now: float) -> Lapsed:
    """Return the services that lapsed in a run, at `now`."""
    # The coalesce keeps the planner from reading all events of the dialect by its index.
    of_dialect = func.coalesce(E.dialect, "") == run.dialect
    lapses = and_(of_dialect, E.kind == EventKind.EXPIRED.value)
    within = and_(lapses, E.at >= run.began_at, E.at <= run.ended_at)
    last_seen: ColumnElement[Any] = func.min(sql_of(connection).number_member(E.detail, "last_seen"))
    services, seen = connection.execute(select(func.count(E.key.distinct()), last_seen).where(within)).one()
    again = select(func.count()).where(R.dialect == run.dialect, R.stage == 0, R.expires_at > now)
    recovered = connection.execute(again.where(R.key.in_(select(E.key).where(within)))).scalar_one()
    return Lapsed(services, recovered, seen)


def absences(connection: Connection, since: float) -> list[Absence]:
    """Return the absences that ended at `since` (epoch seconds) or later, the newest first.

    Steps of the clock, which extend leases too, are left out.
    """
    found: list[Absence] = []
    for event in reversed(events.read(connection, dialect="", key="", limit=_RECENT)):
        began, cause = event.detail.get("absent_since"), event.detail.get("cause")
        if event.at < since or not isinstance(began, int | float) or "clock_step" in event.detail:
            continue
        found.append(
            Absence(
                since=began,
                until=event.at,
                cause="database" if cause == "database" else "gateway" if cause == "gateway" else None,
            )
        )
    return found
