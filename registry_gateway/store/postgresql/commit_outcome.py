"""What became of a transaction whose COMMIT was not answered, on PostgreSQL."""

import asyncio
from enum import Enum
from typing import Any, NamedTuple

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

XID = "xid"
"""Where a transaction leaves its id, in the `info` of its connection."""

PAUSE = 0.1
"""Seconds between two looks at a transaction that has not ended."""


class Fate(Enum):
    """What became of a transaction. `OPEN`: it has not ended, or nothing can be learnt at the moment."""

    COMMITTED = "committed"
    ABORTED = "aborted"
    UNKNOWN = "unknown"
    OPEN = "open"


class Session(NamedTuple):
    """A connection as the server knows it, and the life of the server it was made in."""

    pid: int
    started: Any
    life: tuple[Any, Any]


_LIFE = "pg_postmaster_start_time(), (SELECT stats_reset FROM pg_stat_wal)"
"""The first changes with each start, the second with each recovery from a crash."""

_SESSION = text(f"SELECT pid, backend_start, {_LIFE} FROM pg_stat_activity WHERE pid = pg_backend_pid()")  # noqa: S608 - a constant
_NOW = text(f"SELECT pg_is_in_recovery(), {_LIFE}")
_STATE = text("SELECT state FROM pg_stat_activity WHERE pid = :pid AND backend_start = :started")
_END = text("SELECT pg_terminate_backend(:pid)")
_STATUS = text("SELECT pg_xact_status(CAST(CAST(:xid AS text) AS xid8))")
_NEVER_BEGUN = "22023"  # the id is "in the future": no transaction had it


def session(connection: Connection) -> Session:
    """Return what the server calls this connection."""
    pid, started, *life = connection.execute(_SESSION).one()
    return Session(pid, started, (life[0], life[1]))


def _look(connection: Connection, session: Session, xid: int | None) -> Fate:
    in_recovery, *life = connection.execute(_NOW).one()
    if in_recovery:
        return Fate.OPEN  # it can't say what the server that takes writes did
    state = connection.execute(_STATE, {"pid": session.pid, "started": session.started}).scalar()
    if state is not None:
        if state.startswith("idle"):  # our connection is gone, and the server has not noticed
            connection.execute(_END, {"pid": session.pid})
        return Fate.OPEN
    if xid is None:
        return Fate.UNKNOWN
    try:
        status = connection.execute(_STATUS, {"xid": str(xid)}).scalar()
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) == _NEVER_BEGUN:
            return Fate.ABORTED
        raise
    if status == "aborted":
        return Fate.ABORTED
    # After a crash, or on a server that was promoted, another transaction may have been given the same id.
    return Fate.COMMITTED if status == "committed" and session.life == (life[0], life[1]) else Fate.UNKNOWN


async def settled(engine: AsyncEngine, session: Session, xid: int | None, deadline: float) -> Fate:
    """Return what became of the transaction `xid` of `session`, whose connection is given up.

    Looks again until it has ended, or until `deadline`, in seconds of the event loop. A transaction that waits for its
    COMMIT in vain is ended; one that is being committed is left alone.
    """
    loop = asyncio.get_running_loop()
    while True:
        try:
            async with asyncio.timeout_at(deadline), engine.connect() as connection:
                fate = await connection.run_sync(_look, session, xid)
        except (SQLAlchemyError, OSError):
            fate = Fate.OPEN
        if fate is not Fate.OPEN or loop.time() + PAUSE >= deadline:
            return fate
        await asyncio.sleep(PAUSE)
