"""Statements for monitoring: recent lapses, and which services are up."""

from bisect import bisect_right, insort
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import Connection, select

from registry_gateway.core.lease import Policies
from registry_gateway.core.model import EventKind
from registry_gateway.core.status import Status
from registry_gateway.store.statements.events import span
from registry_gateway.store.statements.key_batch import Key
from registry_gateway.store.statements.statuses import RANKS, rank
from registry_gateway.store.tables import EventRow, RegistrationRow

R = RegistrationRow
E = EventRow


class RecentLapses(NamedTuple):
    """The times of recorded lapses by dialect, in ascending order, up to the event with the id `last`."""

    last: int
    times: Mapping[str, Sequence[float]]

    def after(self, at: float) -> Mapping[str, int]:
        """Return the number of lapses by dialect after `at` (epoch seconds)."""
        return {dialect: len(times) - bisect_right(times, at) for dialect, times in self.times.items()}


def recent_lapses(connection: Connection, since: float, known: RecentLapses | None) -> RecentLapses:
    """Return the lapses that were recorded after `since` (epoch seconds).

    Of `known`, the result of the call before, only what has happened since is read; None: all is read.
    """
    last = span(connection)[1]
    if known is None or last < known.last:  # the log ends earlier, as after a restore
        first = connection.execute(select(E.id).where(E.at > since).order_by(E.at).limit(1)).scalar()
        known = RecentLapses(last if first is None else first - 1, {})
    times = {dialect: list(at[bisect_right(at, since) :]) for dialect, at in known.times.items()}
    new = select(E.dialect, E.at).where(E.id > known.last, E.id <= last, E.kind == EventKind.EXPIRED, E.at > since)
    for dialect, at in connection.execute(new):
        insort(times.setdefault(dialect, []), at)
    return RecentLapses(last, times)


def up(connection: Connection, policies: Policies, now: float) -> Mapping[Key, bool]:
    """Return whether each service is up: true if it is up or degraded, false if it is down. Others are left out."""
    ranked = rank(policies, now).label("rank")
    judged = [RANKS[status] for status in (Status.UP, Status.DEGRADED, Status.DOWN)]
    rows = connection.execute(select(R.dialect, R.key, ranked).where(ranked.in_(judged)).order_by(R.dialect, R.key))
    return {(row[0], row[1]): row[2] != RANKS[Status.DOWN] for row in rows}
