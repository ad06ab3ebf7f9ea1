"""Statements of sweeps: effects of time are recorded once, by the first gateway that finds them due.

The statements are built once, because each gateway runs them every second. They skip rows that another gateway has
locked.
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Double,
    Integer,
    Select,
    Text,
    and_,
    bindparam,
    func,
    select,
    tuple_,
    update,
)

from registry_gateway.core.lease import REVOKED, LeasePolicy, Stage
from registry_gateway.core.model import GATEWAY, Event, EventKind, Registration
from registry_gateway.core.registration_events import happened, lapse
from registry_gateway.store.statements import gone
from registry_gateway.store.statements.events import record
from registry_gateway.store.statements.registrations import COLUMNS, registration_of
from registry_gateway.store.tables import RegistrationRow

R = RegistrationRow


def _due(*conditions: ColumnElement[bool]) -> ColumnElement[bool]:
    """Return the condition that a row is among `limit` unlocked rows of a dialect that fulfil `conditions`."""
    # A CTE is run once; PostgreSQL may repeat a plain subquery and lock more rows than the limit.
    due = _locked(*conditions).with_only_columns(R.dialect, R.key).cte("due")
    return tuple_(R.dialect, R.key).in_(select(due))


def _locked(*conditions: ColumnElement[bool]) -> Select[Any]:
    """Return the statement that locks `limit` unlocked rows of a dialect that fulfil `conditions`."""
    of_dialect = select(*COLUMNS).where(R.dialect == bindparam("of", type_=Text), *conditions)
    return of_dialect.limit(bindparam("limit", type_=Integer)).with_for_update(skip_locked=True)


_NOW = bindparam("now", type_=Double)
_EXPIRED = (R.sweep_at <= _NOW, R.expires_at <= _NOW)  # the first uses the index, the second is decisive
_REARM = (
    update(R)
    .where(_due(R.stage == 0, R.sweep_at <= _NOW, R.expires_at > _NOW))
    .values(sweep_at=R.expires_at)
    .returning(R.stage)
)
_LOCKED = _locked(R.stage == bindparam("at_stage", type_=Integer), *_EXPIRED)
_AT_STAGE = _due(R.stage == bindparam("at_stage", type_=Integer), *_EXPIRED)
_STEP = update(R).where(_AT_STAGE).values(stage=bindparam("next_stage", type_=Integer)).returning(*COLUMNS)
_ENDED_LONG_AGO = _locked(R.stage.in_(bindparam("ended", expanding=True)), *_EXPIRED)

# The coalesce keeps the planner from scanning all live rows of a dialect by this column.
_ENDED = and_(func.coalesce(R.dialect, "") == bindparam("of", type_=Text), R.stage > 0)
_LAPSED = select(R.expires_at, R.key).where(_ENDED).order_by(R.expires_at.desc(), R.key.desc()).limit(1)
_PLACE = tuple_(R.expires_at, R.key) <= tuple_(bindparam("end", type_=Double), bindparam("last", type_=Text))
_BEYOND = select(*COLUMNS).where(_ENDED, _PLACE).with_for_update(skip_locked=True)


def expire(
    connection: Connection, policies: Mapping[str, LeasePolicy], limit: int, now: float
) -> tuple[list[Event], bool]:
    """Record up to `limit` due stages of expiry, each once; return the events, and whether there may be more.

    Rows are removed if the policy ends a registration at its lapse. Lapsed registrations beyond a policy's limit are
    removed, the first lapsed first. The transaction must have signed presence.
    """
    events: list[Event] = []
    left = limit
    for dialect, policy in policies.items():
        left -= rearm(connection, dialect, now, left)
        taken = _expire_dialect(connection, dialect, policy, now, left)
        left -= len(taken)
        events += taken
        if taken and policy.most_lapsed is not None:
            events += _beyond(connection, dialect, policy.most_lapsed, now)
    record(connection, events)
    return events, left <= 0


def rearm(connection: Connection, dialect: str, now: float, limit: int) -> int:
    """Update the sweep time of up to `limit` leases that were renewed since the last check; return how many.

    So a live lease is checked once per term, and its heartbeats need not write the sweep's index.
    """
    # The rows are counted, because SQLite's driver has no row count for statements that begin with WITH.
    return len(connection.execute(_REARM, {"of": dialect, "limit": limit, "now": now}).all())


def _expire_dialect(connection: Connection, dialect: str, policy: LeasePolicy, now: float, limit: int) -> list[Event]:
    events: list[Event] = []
    for index, stage in enumerate(policy.stages, start=1):
        values = {"of": dialect, "limit": limit - len(events), "now": now - stage.after, "at_stage": index - 1}
        if policy.ends_at_lapse:
            registrations = _removed(connection, _LOCKED, values)
        else:
            rows = connection.execute(_STEP, values | {"next_stage": index})
            registrations = [registration_of(row) for row in rows]
        events += [_stage_event(index, stage, registration, now) for registration in registrations]
    return events


def _removed(connection: Connection, locking: Select[Any], values: Mapping[str, Any]) -> list[Registration]:
    """Remove the registrations that `locking` locks, and return them. Their last states are kept."""
    found = [registration_of(row) for row in connection.execute(locking, values)]
    gone.archive(connection, [(r.dialect, r.key) for r in found], None)
    return found


def _beyond(connection: Connection, dialect: str, most: int, now: float) -> list[Event]:
    """Remove the lapsed registrations of a dialect, except the `most` that lapsed last; return the events."""
    newest = connection.execute(_LAPSED.offset(most), {"of": dialect}).first()
    if newest is None:
        return []
    removed = _removed(connection, _BEYOND, {"of": dialect, "end": newest[0], "last": newest[1]})
    reason = f"only the {most} lapsed last are kept"
    return [happened(EventKind.PURGED, registration, GATEWAY, now, reason) for registration in removed]


def _stage_event(index: int, stage: Stage, registration: Registration, now: float) -> Event:
    if index == 1:
        return lapse(registration, now)
    reason = f"no heartbeat for {now - registration.lease.last_seen:.1f} s"
    return happened(EventKind(stage.event), registration, GATEWAY, now, reason)


def purge(
    connection: Connection, policies: Mapping[str, LeasePolicy], limit: int, now: float
) -> tuple[list[Event], bool]:
    """Remove up to `limit` registrations whose retention after lapse or deregistration is over; return the events, and
    whether there may be more. The transaction must have signed presence.
    """
    events: list[Event] = []
    for dialect, policy in policies.items():
        if policy.retention is None:
            continue
        ended = [REVOKED, *range(1, len(policy.stages) + 1)]
        values = {"of": dialect, "limit": limit - len(events), "now": now - policy.retention, "ended": ended}
        reason = f"kept for {policy.retention:g} s after it ended"
        removed = _removed(connection, _ENDED_LONG_AGO, values)
        events += [happened(EventKind.PURGED, registration, GATEWAY, now, reason) for registration in removed]
    record(connection, events)
    return events, len(events) >= limit
