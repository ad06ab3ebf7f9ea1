"""Statements on presence: when a gateway on this database last received heartbeats.

Only a transaction that has called `sign` may decide that a lease has lapsed, because time without a gateway does not
count. See docs/decisions/0004-absence-of-the-gateway.md.
"""

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    Double,
    Subquery,
    bindparam,
    case,
    insert,
    literal,
    or_,
    select,
    update,
)

from registry_gateway.core.model import GATEWAY, Event, EventKind
from registry_gateway.store.database_sql import sql_of
from registry_gateway.store.statements.lease_clock import moment
from registry_gateway.store.statements.prepared import Prepared
from registry_gateway.store.tables import PresenceRow, RegistrationRow

R = RegistrationRow

ABSENCE = 1.5
"""Seconds without a sign after which an absence is assumed. Each gateway signs once a second."""

RESTART = 0.25
"""The same for a starting gateway: it did not run before, so nearly all the time since the last sign counts."""

SET_BACK = 0.5
"""Seconds that a sign may lie in the future before the clock counts as set back. Older versions sign by their own
clock.
"""


class Sign(NamedTuple):
    """A sign of presence.

    Attributes:
        now: Its time in epoch seconds, read while the row of presence was locked.
        events: Events to record at the end of the transaction, about the outage it made up for.
    """

    now: float
    events: tuple[Event, ...] = ()


Cause = Literal["gateway", "database"]
"""Why no gateway was present: none ran, or one ran and could not write."""

Stepped = Callable[[float], float]
"""Returns for a time the seconds by which the clock was set since the previous call in this process; 0 if it was not.
"""


def _never_set(_now: float) -> float:
    return 0.0


# --- reading

_LAST = select(PresenceRow.present_at)
_SEEN = Prepared(_LAST, postgresql=select(_LAST.scalar_subquery(), moment()))


def seen(connection: Connection, now: float | None) -> tuple[float, float | None]:
    """Return the time and the last sign of a gateway (None: never), both at one instant, in epoch seconds."""
    rows = _SEEN.run(connection, {"now": now})
    return sql_of(connection).time(now, rows), rows[0][0] if rows else None


def last(connection: Connection) -> float | None:
    """Return the last sign of a gateway, in epoch seconds; None if there was none."""
    return connection.execute(_LAST).scalar()


def last_column() -> ColumnElement[float]:
    """Return the last sign of a gateway as a part of a statement."""
    return _LAST.scalar_subquery()


# --- signing

_ROW: Subquery = _LAST.with_for_update().subquery("held")
_HELD = Prepared(_LAST, postgresql=select(_ROW.c.present_at, moment()))
"""The row of presence, locked, with the time after the wait for the lock."""

_SIGN = update(PresenceRow).values(present_at=bindparam("signed", type_=Double))


def resume(
    connection: Connection,
    now: float | None,
    absence: float = ABSENCE,
    stepped: Stepped = _never_set,
    cause: Cause = "gateway",
) -> Sign:
    """Do what `sign` does, also on a database without any sign."""
    signed = sign(connection, now, absence, stepped, cause)
    if signed is None:
        signed = Sign(seen(connection, now)[0])
        stepped(signed.now)
        connection.execute(insert(PresenceRow), {"id": 1, "present_at": signed.now})
    return signed


def sign(
    connection: Connection,
    now: float | None,
    absence: float = ABSENCE,
    stepped: Stepped = _never_set,
    cause: Cause = "gateway",
) -> Sign | None:
    """Sign presence now, after making up for an absence. Returns None if there was never a sign.

    An absence is more than `absence` seconds without a sign. Its length is added to the leases that were running at the
    last sign, up to a full term from now. A clock that was set forward has the same effect. A sign in the future shows
    that the clock was set back: then each lease is limited to a full term from now. `cause` is recorded as that of an
    absence.

    The row of presence stays locked until the transaction ends. It is always locked before any registration.
    """
    held = _HELD.run(connection, {"now": now})
    if not held:
        return None
    present_at = held[0][0]
    at = sql_of(connection).time(now, held)
    step = stepped(at)
    events: tuple[Event, ...] = ()
    if at - present_at > absence:
        extended = _extend(connection, present_at, at)
        if at - present_at > ABSENCE:
            events = (_after_absence(present_at, at, step, extended, cause),)
    elif at - present_at < -SET_BACK:
        events = (_after_setting_back(present_at, at, _move_back(connection, present_at, at)),)
    connection.execute(_SIGN, {"signed": at})
    return Sign(at, events)


def _extend(connection: Connection, present_at: float, now: float) -> int:
    """Extend leases that were running at `present_at` by the time since, up to a full term; return their number."""
    running = (R.stage == 0, R.expires_at > present_at)
    _lock_in_order(connection, *running)
    ends = _least(R.expires_at + literal(now - present_at, Double), literal(now, Double) + R.ttl)
    return connection.execute(update(R).where(*running).values(expires_at=ends)).rowcount


def _move_back(connection: Connection, present_at: float, now: float) -> int:
    """Move future times back to `now` after a clock was set back; return the number of rows.

    Each lease is limited to a full term from now. Recorded ends move with the clock, so that the time since them stays
    the same.
    """
    moved = literal(now - present_at, Double)
    this = literal(now, Double)
    full = this + R.ttl
    ahead = or_(R.stage != 0, R.expires_at > full, R.granted_at > this, R.heartbeat_at > this, R.replaced_at > this)
    _lock_in_order(connection, ahead)
    changes = {
        "expires_at": case((R.stage == 0, _least(R.expires_at, full)), else_=R.expires_at + moved),
        "sweep_at": case((R.stage == 0, _least(R.sweep_at, full)), else_=R.sweep_at + moved),
        "granted_at": _least(R.granted_at, this),
        "heartbeat_at": _least(R.heartbeat_at, this),
        "replaced_at": _least(R.replaced_at, this),
        "version_due": R.version_due + moved,
        "health_logged_at": R.health_logged_at + moved,
    }
    return connection.execute(update(R).where(ahead).values(changes)).rowcount


def _least(one: Any, other: Any) -> ColumnElement[Any]:
    return case((one > other, other), else_=one)


def _lock_in_order(connection: Connection, *which: ColumnElement[bool]) -> None:
    """Lock rows in the order of their keys, as heartbeats do, to avoid deadlocks."""
    sql_of(connection).lock(connection, select(R.key).where(*which).order_by(R.dialect, R.key))


def _after_absence(present_at: float, now: float, stepped: float, extended: int, cause: Cause) -> Event:
    away = "no gateway" if cause == "gateway" else "the database could not be written"
    absence = f"{away} for {now - present_at:.1f} s"
    happened = absence if stepped <= 0 else f"the clock was set forward by {stepped:.1f} s"
    reason = f"{happened}: {extended} live lease(s) extended"
    return _resumed(now, reason, {"absent_since": present_at, "leases": extended, "cause": cause}, stepped)


def _after_setting_back(present_at: float, now: float, moved: int) -> Event:
    reason = f"the clock was set back by {present_at - now:.1f} s: {moved} lease(s) moved with it"
    return _resumed(now, reason, {"absent_since": present_at, "leases": moved}, now - present_at)


def _resumed(now: float, reason: str, detail: dict[str, str | float | int | None], stepped: float) -> Event:
    return Event(
        id=0,
        at=now,
        kind=EventKind.RESUMED,
        dialect="",
        key="",
        actor=GATEWAY.name,
        client_address=None,
        request_id=None,
        reason=reason,
        detail=detail | ({"clock_step": stepped} if stepped else {}),
    )
