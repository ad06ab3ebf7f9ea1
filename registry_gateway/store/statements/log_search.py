"""The search of the event log of all services, newest first."""

import msgspec
from sqlalchemy import ColumnElement, Connection, or_, select

from registry_gateway.core.model import Event, EventKind
from registry_gateway.store.statements.events import event_of
from registry_gateway.store.statements.search import Page, both, paged
from registry_gateway.store.tables import EventRow

E = EventRow

SEARCHED = 50_000
"""Events in which a text is searched: the newest before `until`."""


class LogFilter(msgspec.Struct, frozen=True, kw_only=True):
    """The conditions on events; None or an empty value sets no condition.

    Attributes:
        dialects, kinds: The dialect and the kind are one of these.
        key, name, actor: Exact values.
        since, until: Times in epoch seconds; an event at `since` is included, one at `until` is not.
        accounts: Whether the events of accounts and webhooks match, which have no dialect.
        text: Part of the key, the name, the addresses, the actor or the reason, ignoring case. Only the newest
            `SEARCHED` events before `until` are searched.
    """

    dialects: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    key: str | None = None
    name: str | None = None
    actor: str | None = None
    since: float | None = None
    until: float | None = None
    accounts: bool = False
    text: str | None = None

    def matches(self, event: Event) -> bool:
        """Tell whether an event fulfils the conditions on dialect, kind, key, name and actor."""
        return (
            (not self.dialects or event.dialect in self.dialects)
            and (not self.kinds or event.kind in self.kinds)
            and self.key in (None, event.key)
            and self.name in (None, event.name)
            and self.actor in (None, event.actor)
        )


def search(connection: Connection, wanted: LogFilter, page: Page) -> tuple[list[Event], int | None, float | None]:
    """Return a page of events, and the id of its last one if another page follows.

    The third value is the time from which on a text was searched, if that left out older events; else None.
    """
    cut = None if wanted.text is None else _oldest_searched(connection, wanted.until)
    if cut is not None and wanted.since is not None and wanted.since >= cut:
        cut = None
    statement = select(*E.__table__.c).where(both(_conditions(wanted, wanted.since if cut is None else cut)))
    rows = connection.execute(paged(statement, [E.id], page)).all()
    following = rows[page.limit - 1].id if len(rows) > page.limit else None
    return [event_of(row) for row in rows[: page.limit]], following, cut


def _oldest_searched(connection: Connection, until: float | None) -> float | None:
    """Return the time of the oldest event in which a text is searched; None if the log has no older ones."""
    statement = select(E.at).order_by(E.at.desc()).offset(SEARCHED - 1).limit(2)
    if until is not None:
        statement = statement.where(E.at < until)
    times = connection.execute(statement).scalars().all()
    return times[0] if len(times) == 2 else None


def _conditions(wanted: LogFilter, since: float | None) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.dialects:
        conditions.append(E.dialect.in_(wanted.dialects))
    elif not wanted.accounts:
        conditions.append(or_(E.dialect != "", E.kind == EventKind.RESUMED.value))
    if wanted.kinds:
        conditions.append(E.kind.in_(wanted.kinds))
    for column, value in ((E.key, wanted.key), (E.name, wanted.name), (E.actor, wanted.actor)):
        if value is not None:
            conditions.append(column == value)
    if since is not None:
        conditions.append(E.at >= since)
    if wanted.until is not None:
        conditions.append(E.at < wanted.until)
    if wanted.text is not None:
        looked_at = (E.key, E.name, E.service_address, E.client_address, E.actor, E.reason)
        conditions.append(or_(*(column.icontains(wanted.text, autoescape=True) for column in looked_at)))
    return conditions
