"""Statements for monitoring: recent lapses, and which services are up."""

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, case, func, select

from registry_gateway.core.lease import Policies
from registry_gateway.core.model import EventKind
from registry_gateway.core.status import Status
from registry_gateway.store.statements.key_batch import Key
from registry_gateway.store.statements.statuses import RANKS, rank
from registry_gateway.store.tables import EventRow, RegistrationRow

R = RegistrationRow
E = EventRow


def lapses(connection: Connection, since: Sequence[float]) -> Mapping[str, Sequence[int]]:
    """Return the number of recorded lapses by dialect after each time of `since` (epoch seconds)."""
    counted = [func.sum(case((E.at > at, 1), else_=0)) for at in since]
    recent = select(E.dialect, *counted).where(E.at > min(since), E.kind == EventKind.EXPIRED).group_by(E.dialect)
    return {row[0]: list(row[1:]) for row in connection.execute(recent)}


def up(connection: Connection, policies: Policies, now: float) -> Mapping[Key, bool]:
    """Return whether each service is up: true if it is up or degraded, false if it is down. Others are left out."""
    ranked = rank(policies, now).label("rank")
    judged = [RANKS[status] for status in (Status.UP, Status.DEGRADED, Status.DOWN)]
    rows = connection.execute(select(R.dialect, R.key, ranked).where(ranked.in_(judged)).order_by(R.dialect, R.key))
    return {(row[0], row[1]): row[2] != RANKS[Status.DOWN] for row in rows}
