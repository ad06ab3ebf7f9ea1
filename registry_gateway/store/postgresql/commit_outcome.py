"""The outcome of a transaction on PostgreSQL whose COMMIT was not answered."""

import asyncio
from enum import Enum
from typing import Any, NamedTuple

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

XID = "xid"
"""The key under which the id of a transaction is stored in the `info` of its connection."""

PAUSE = 0.1
"""Seconds between two checks of a transaction that has not ended."""


class Outcome(Enum):
    """The outcome of a transaction. `OPEN`: it has not ended, or its outcome is unknown at the moment."""

    COMMITTED = "committed"
    ABORTED = "aborted"
    UNKNOWN = "unknown"
    OPEN = "open"


class Session(NamedTuple):
    """The server's identification of a connection, and of its own run since the last start or crash."""

    pid: int
    started: Any
    server_run: tuple[Any, Any]


_SERVER_RUN = "pg_postmaster_start_time(), (SELECT stats_reset FROM pg_stat_wal)"
"""The first changes with each start of the server, the second with each recovery from a crash."""

_SESSION = text(f"SELECT pid, backend_start, {_SERVER_RUN} FROM pg_stat_activity WHERE pid = pg_backend_pid()")  # noqa: S608 - a constant
_NOW = text(f"SELECT pg_is_in_recovery(), {_SERVER_RUN}")
_STATE = text("SELECT state FROM pg_stat_activity WHERE pid = :pid AND backend_start = :started")
_END = text("SELECT pg_terminate_backend(:pid)")
_STATUS = text("SELECT pg_xact_status(CAST(CAST(:xid AS text) AS xid8))")
_NEVER_BEGUN = "22023"  # the id is "in the future": there is no such transaction


def session(connection: Connection) -> Session:
    """Return the server's identification of this connection."""
    pid, started, *server_run = connection.execute(_SESSION).one()
    return Session(pid, started, (server_run[0], server_run[1]))


def _look(connection: Connection, session: Session, xid: int | None) -> Outcome:
    in_recovery, *server_run = connection.execute(_NOW).one()
    if in_recovery:
        return Outcome.OPEN  # a standby does not know the state of the primary
    state = connection.execute(_STATE, {"pid": session.pid, "started": session.started}).scalar()
    if state is not None:
        if state.startswith("idle"):  # the connection is lost, and the server has not noticed
            connection.execute(_END, {"pid": session.pid})
        return Outcome.OPEN
    if xid is None:
        return Outcome.UNKNOWN
    try:
        status = connection.execute(_STATUS, {"xid": str(xid)}).scalar()
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) == _NEVER_BEGUN:
            return Outcome.ABORTED
        raise
    if status == "aborted":
        return Outcome.ABORTED
    # After a crash or a promotion another transaction may have the same id.
    same_run = session.server_run == (server_run[0], server_run[1])
    return Outcome.COMMITTED if status == "committed" and same_run else Outcome.UNKNOWN


async def settled(engine: AsyncEngine, session: Session, xid: int | None, deadline: float) -> Outcome:
    """Return the outcome of the transaction `xid` of `session`, whose connection is abandoned.

    Checks until the transaction has ended, or until `deadline` in seconds of the event loop. A transaction that has not
    received its COMMIT is terminated; one that is committing is not.
    """
    loop = asyncio.get_running_loop()
    while True:
        try:
            async with asyncio.timeout_at(deadline), engine.connect() as connection:
                outcome = await connection.run_sync(_look, session, xid)
        except (SQLAlchemyError, OSError):
            outcome = Outcome.OPEN
        if outcome is not Outcome.OPEN or loop.time() + PAUSE >= deadline:
            return outcome
        await asyncio.sleep(PAUSE)
