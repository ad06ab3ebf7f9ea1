"""The status of a row as SQL: it must match `core.status.status`."""

from collections.abc import Mapping

from sqlalchemy import ColumnElement, Double, SmallInteger, and_, case, literal, or_, true

from registry_gateway.core.lease import KEEP, REVOKED, LeasePolicy, Policies
from registry_gateway.core.status import UNWELL, Status, statuses_after_expiry
from registry_gateway.store.tables import RegistrationRow

R = RegistrationRow

Ranks = Mapping[Status, int]

RANKS = {status: rank for rank, status in enumerate(Status)}
"""The sort order of statuses, and their numbers in statements."""

URGENCY = {
    status: rank for rank, status in enumerate((Status.DOWN, Status.DEGRADED, Status.PENDING, Status.UP, Status.GONE))
}
"""The sort order of statuses by what needs attention first."""


Row = type[RegistrationRow]
"""The rows that a condition is about: the registrations, or an alias of rows with their columns."""


def _rank_under(row: Row, policy: LeasePolicy, now: float, ranks: Ranks) -> ColumnElement[int]:
    """Return the rank of `status.status(row, policy, now)`; it must match that function."""
    alive = _alive(row, now)
    numbers = {status: literal(rank, SmallInteger) for status, rank in ranks.items()}
    first, *later = statuses_after_expiry(policy)
    steps = [(row.expires_at <= now - after, numbers[found]) for after, found in reversed(later)]
    return case(
        (row.stage == REVOKED, numbers[Status.GONE]),
        *([(~_kept(row, policy, now), numbers[Status.GONE])] if policy.lapse_frees_key else []),
        (row.approved_at.is_(None), numbers[Status.PENDING]),
        (and_(alive, row.reported.in_(UNWELL)), numbers[Status.DEGRADED]),
        (alive, numbers[Status.UP]),
        *steps,
        else_=numbers[first[1]],
    )


def _alive(row: Row, now: float) -> ColumnElement[bool]:
    return and_(row.stage == 0, row.expires_at > literal(now, Double))


def _kept(row: Row, policy: LeasePolicy, now: float) -> ColumnElement[bool]:
    """Return `not lease.ended(policy, now)` under a policy whose lapse frees the key."""
    if policy.ends_at_lapse:
        return _alive(row, now)
    if policy.retention is None:
        return true()
    return or_(_alive(row, now), row.expires_at > literal(now - policy.retention, Double))


def rank(policies: Policies, now: float, row: Row = R, ranks: Ranks = RANKS) -> ColumnElement[int]:
    """Return the rank of a row's status at `now`, by the policy of its dialect."""
    ranked = [(row.dialect == d, _rank_under(row, policy, now, ranks)) for d, policy in policies.known.items()]
    other = _rank_under(row, KEEP, now, ranks)
    return case(*ranked, else_=other) if ranked else other


def registered(policies: Policies, now: float) -> ColumnElement[bool]:
    """Return whether a row is not gone: the most frequent condition, answered from an index."""
    freeing = {dialect: policy for dialect, policy in policies.known.items() if policy.lapse_frees_key}
    kept = (or_(R.dialect != dialect, _kept(R, policy, now)) for dialect, policy in freeing.items())
    return and_(R.stage != REVOKED, *kept)
