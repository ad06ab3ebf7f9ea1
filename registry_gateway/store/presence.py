"""The statements on presence: whether a gateway was there to hear the heartbeats."""

from sqlalchemy import Connection, bindparam, insert, select, update

from registry_gateway.model import GATEWAY, Event, EventKind
from registry_gateway.store.events import record
from registry_gateway.store.tables import PresenceRow, RegistrationRow

R = RegistrationRow


_LAST = select(PresenceRow.present_at)
_PRESENT = _LAST.with_for_update()
_SIGN = update(PresenceRow).values(present_at=bindparam("now"))


def last(connection: Connection) -> float | None:
    """Return when the last gateway was last there, in epoch seconds; None if there never was one."""
    return connection.execute(_LAST).scalar()


def resume(connection: Connection, now: float, outage: float) -> int:
    """Say that a gateway is present at `now`; after an absence of more than `outage` seconds, make up for it.

    What was alive when the last gateway was last seen gets a full lease from `now`: nobody could hear its
    heartbeats. Returns how many leases that were.
    """
    present_at = connection.execute(_PRESENT).scalar()
    if present_at is None:
        connection.execute(insert(PresenceRow), {"id": 1, "present_at": now})
        return 0
    connection.execute(_SIGN, {"now": max(now, present_at)})
    if now - present_at <= outage:
        return 0
    extended = connection.execute(
        update(R).where(R.stage == 0, R.expires_at > present_at).values(expires_at=now + R.ttl)
    ).rowcount
    reason = f"no gateway for {now - present_at:.1f} s: {extended} live lease(s) start anew"
    event = Event(
        id=0,
        at=now,
        kind=EventKind.RESUMED,
        dialect="",
        key="",
        actor=GATEWAY.name,
        address=None,
        request_id=None,
        reason=reason,
        detail={"absent_since": present_at, "leases": extended},
    )
    record(connection, [event])
    return extended
