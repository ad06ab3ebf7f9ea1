"""The statement on the past: which services were alive at an instant, according to the event log.

For each service it reads four events: the last event and the last begin or end of a lease up to the instant, and the
first ones after it. A lapse is recorded later than it occurs; its detail has the time at which the lease ended. If the
begin has been pruned, later events show it: only a live service can lapse or deregister.
"""

from typing import Any

import msgspec
from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Connection,
    Double,
    Select,
    Subquery,
    and_,
    case,
    func,
    literal,
    or_,
    select,
    union_all,
)
from sqlalchemy.orm import aliased

from registry_gateway.core.model import EventKind
from registry_gateway.store.database_sql import DatabaseSql, sql_of
from registry_gateway.store.statements.search import Page, Searched, Wanted, both, matching, paged
from registry_gateway.store.tables import EventRow, RegistrationRow

R = RegistrationRow
E = EventRow

_BEGINS = (EventKind.REGISTERED, EventKind.RECOVERED)
_ENDS = (EventKind.EXPIRED, EventKind.DEREGISTERED)
_TURNS = (*_BEGINS, *_ENDS, EventKind.PURGED)


class Past(msgspec.Struct, frozen=True):
    """A service that was alive. `since` is the begin of that lease, None if the log does not reach back so far."""

    dialect: str
    key: str
    name: str | None
    version: str | None
    address: str | None
    since: float | None


def search(
    connection: Connection, at: float, wanted: Wanted, page: Page, now: float
) -> tuple[list[Past], tuple[str | float, ...] | None, int]:
    """Return a page of the services alive at `at`, the place of its last one if another page follows, and the total.

    `now` is the judging time of registered services. It is before `at` in an outage, in which no lease lapses.
    """
    was = _alive(at, min(at, now), wanted, sql_of(connection)).subquery("was")
    searched = Searched(was.c.dialect, was.c.key, was.c.name, was.c.version, was.c.address)
    condition = both(matching(searched, wanted))
    place: list[Any] = [*([was.c.name] if page.order == "name" else []), was.c.dialect, was.c.key]
    rows = connection.execute(paged(select(*was.c).where(condition), place, page)).all()
    found = [Past(*row) for row in rows[: page.limit]]
    if page.after is None and len(rows) <= page.limit:
        return found, None, len(found)
    total = connection.execute(select(func.count()).select_from(was).where(condition)).scalar_one()
    if len(rows) <= page.limit:
        return found, None, total
    last = found[-1]
    return found, (*([last.name or ""] if page.order == "name" else []), last.dialect, last.key), total


def _turns(at: ColumnElement[float], wanted: Wanted) -> Subquery:
    """Return the ids of the four events of each service."""
    turning, past = E.kind.in_(_TURNS), E.at <= at
    statement = select(
        E.dialect,
        E.key,
        func.max(case((past, E.id))).label("known"),
        func.max(case((and_(past, turning), E.id))).label("turn"),
        func.min(case((~past, E.id))).label("first"),
        func.min(case((and_(~past, turning), E.id))).label("next"),
    ).where(E.dialect.in_(wanted.dialects) if wanted.dialects else E.dialect != "")
    return statement.group_by(E.dialect, E.key).subquery("turns")


def _alive(moment: float, judged_at: float, wanted: Wanted, sql: DatabaseSql) -> CompoundSelect[Any]:
    at, judged = literal(moment, Double), literal(judged_at, Double)
    turns = _turns(at, wanted)
    known, turn, first, following = (aliased(E, name=name) for name in ("known", "turn", "first", "following"))
    lapsing = and_(R.stage == 0, R.expires_at <= judged)  # not recorded yet
    began = and_(
        turn.kind.in_(_BEGINS),
        or_(following.id.is_(None), following.kind != EventKind.EXPIRED, _ended(following.detail, sql) > at),
        or_(following.id.is_not(None), R.key.is_(None), ~lapsing),
    )
    began_before_the_log = and_(
        turn.id.is_(None),
        following.kind.in_(_ENDS),
        func.coalesce(_ended(following.detail, sql), following.at) > at,
    )
    logged = (
        select(turns.c.dialect, turns.c.key, *_state(known, first, sql), turn.at.label("since"))
        .outerjoin(known, known.id == turns.c.known)
        .outerjoin(turn, turn.id == turns.c.turn)
        .outerjoin(first, first.id == turns.c.first)
        .outerjoin(following, following.id == turns.c.next)
        .outerjoin(R, _of(turns))
        .where(or_(began, began_before_the_log))
    )
    # Registered services without a begin or end of a lease in the log.
    unlogged: Select[Any] = (
        select(R.dialect, R.key, *_state(known, first, sql), R.registered_at)
        .outerjoin(turns, _of(turns))
        .outerjoin(known, known.id == turns.c.known)
        .outerjoin(first, first.id == turns.c.first)
        .where(turns.c.turn.is_(None), turns.c.next.is_(None))
        .where(R.registered_at <= at, R.stage == 0, R.expires_at > judged)
    )
    return union_all(logged, unlogged)


def _of(turns: Subquery) -> ColumnElement[bool]:
    return and_(R.dialect == turns.c.dialect, R.key == turns.c.key)


def _state(known: Any, first: Any, sql: DatabaseSql) -> tuple[ColumnElement[Any], ...]:
    """Return name, version and address: from the last event up to the instant, else the old values in the first event
    after it, else the current values.
    """
    name = func.coalesce(known.name, _old(first, "old_name", sql), first.name, R.name, "")
    version = func.coalesce(known.version, _old(first, "old", sql), first.version, R.version)
    address = case(
        (known.id.is_not(None), known.service_address),
        (first.id.is_not(None), func.coalesce(_old(first, "old_address", sql), first.service_address)),
        else_=R.address,
    )
    return name.label("name"), version.label("version"), address.label("address")


def _ended(detail: Any, sql: DatabaseSql) -> ColumnElement[float]:
    """Return the time at which a lease ended, from the event of its lapse."""
    return sql.number_member(detail, "expires_at")


def _old(event: Any, member: str, sql: DatabaseSql) -> ColumnElement[Any]:
    """Return the old value in the first event after the instant."""
    return sql.text_member(event.detail, member)
