"""The statements on presence: when a gateway on this database last listened for heartbeats.

A lease may be called lapsed only by a transaction that has looked here first (`sign`): silence counts for nothing
while no gateway listened. See docs/decisions/0004-absence-of-the-gateway.md.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

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
"""Seconds without a sign after which no gateway was listening. Each gateway signs once a second."""

RESTART = 0.25
"""The same for a gateway that starts: it did not listen before, so nearly all the time since the last sign counts."""

SET_BACK = 0.5
"""Seconds a sign may lie in the future before the clock counts as set back. Older versions sign by their own."""


class Sign(NamedTuple):
    """A sign of presence.

    Attributes:
        now: When it was given, in epoch seconds; taken while the row of presence was locked.
        events: What is to be recorded of what it made up for, once the transaction has done everything else.
    """

    now: float
    events: tuple[Event, ...] = ()


Stepped = Callable[[float], float]
"""Given the time, returns by how many seconds the clock was set since this process last looked; 0 if it was not."""


def _never_set(_now: float) -> float:
    return 0.0


# --- reading

_LAST = select(PresenceRow.present_at)
_SEEN = Prepared(_LAST, postgresql=select(_LAST.scalar_subquery(), moment()))


def seen(connection: Connection, now: float | None) -> tuple[float, float | None]:
    """Return the time, and when a gateway last listened (None: never), both of one instant, in epoch seconds."""
    rows = _SEEN.run(connection, {"now": now})
    return sql_of(connection).time(now, rows), rows[0][0] if rows else None


def last(connection: Connection) -> float | None:
    """Return when a gateway last listened, in epoch seconds; None if there never was one."""
    return connection.execute(_LAST).scalar()


def last_column() -> ColumnElement[float]:
    """Return when a gateway last listened as a part of a statement."""
    return _LAST.scalar_subquery()


# --- signing

_ROW: Subquery = _LAST.with_for_update().subquery("held")
_HELD = Prepared(_LAST, postgresql=select(_ROW.c.present_at, moment()))
"""The row of presence, locked, with the time after any wait for the lock."""

_SIGN = update(PresenceRow).values(present_at=bindparam("signed", type_=Double))


def resume(connection: Connection, now: float | None, absence: float = ABSENCE, stepped: Stepped = _never_set) -> Sign:
    """Do what `sign` does, also on a database that no gateway was ever on."""
    signed = sign(connection, now, absence, stepped)
    if signed is None:
        signed = Sign(seen(connection, now)[0])
        stepped(signed.now)
        connection.execute(insert(PresenceRow), {"id": 1, "present_at": signed.now})
    return signed


def sign(
    connection: Connection, now: float | None, absence: float = ABSENCE, stepped: Stepped = _never_set
) -> Sign | None:
    """Sign that a gateway listens now; before that, make up for an absence. None if there never was a gateway.

    An absence is more than `absence` seconds without a sign. It adds its own length to the leases that were running at
    the sign before, up to a full term from now. So does a clock that was set forward, which looks the same. A sign in
    the future shows that the clock was set back: then no lease ends later than a full term from now.

    The row of presence stays locked until the transaction ends. It is locked before any registration is, always.
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
            events = (_after_absence(present_at, at, step, extended),)
    elif at - present_at < -SET_BACK:
        events = (_after_setting_back(present_at, at, _move_back(connection, present_at, at)),)
    connection.execute(_SIGN, {"signed": at})
    return Sign(at, events)


def _extend(connection: Connection, present_at: float, now: float) -> int:
    """Extend what was running at `present_at` by the time since, up to a full term; return how many leases that was."""
    running = (R.stage == 0, R.expires_at > present_at)
    _lock_in_order(connection, *running)
    ends = _least(R.expires_at + literal(now - present_at, Double), literal(now, Double) + R.ttl)
    return connection.execute(update(R).where(*running).values(expires_at=ends)).rowcount


def _move_back(connection: Connection, present_at: float, now: float) -> int:
    """Bring what lies in the future back to `now`, after a clock was set back; return how many rows that was.

    A lease ends no later than a full term from now. Ends on record move with the clock, so that a silence is as long as
    it was.
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
    """Lock rows in the order of their keys, as heartbeats do, so that the two never wait for each other."""
    sql_of(connection).lock(connection, select(R.key).where(*which).order_by(R.dialect, R.key))


def _after_absence(present_at: float, now: float, stepped: float, extended: int) -> Event:
    absence = f"no gateway for {now - present_at:.1f} s"
    cause = absence if stepped <= 0 else f"the clock was set forward by {stepped:.1f} s"
    reason = f"{cause}: {extended} live lease(s) extended"
    return _resumed(now, reason, {"absent_since": present_at, "leases": extended}, stepped)


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
