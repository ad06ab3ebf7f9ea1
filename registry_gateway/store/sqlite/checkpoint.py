"""How SQLite's write-ahead log is checkpointed: written into the database file."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection

from registry_gateway.store.sqlite.connections import BUSY_TIMEOUT

COMMITS = 1000
"""Commits after which SQLite's log is checkpointed: 100 to 250 MB of it if each is of many services. With half as
many, heartbeats of 100,000 services, which change a page each, were slowed by 27 % instead of 13.
"""

PASSES = 3
"""Attempts to checkpoint beside the writer."""

LARGE_LOG = 8_192
"""Pages of 4 KiB in the log (32 MiB) from which on the writer is blocked for the rest of it. Heartbeats wait meanwhile.
A heartbeat costs more while the log grows than while it is written again from its beginning.
"""

LOG_WAIT_MS = 50
"""Milliseconds for which that may wait for writers, and then block them while it waits for readers."""


def checkpoint(connection: Connection) -> None:
    """Checkpoint the write-ahead log, beside the writer if that is possible.

    A writer can start the log again from its beginning only when all of it is in the file. Between the commits of a
    small fleet there is time enough for that. Where commits follow each other without a pause, new pages are always
    added meanwhile, and the log grows: then the writer is blocked for these.
    """

    def pragma(text: str) -> Sequence[Any]:
        return connection.exec_driver_sql(f"PRAGMA {text}").all()

    for _ in range(PASSES):
        [(_busy, pages, worked_in)] = pragma("wal_checkpoint(PASSIVE)")
        if pages == worked_in:
            break
    if pages < LARGE_LOG:
        return
    pragma(f"busy_timeout={LOG_WAIT_MS}")
    try:
        pragma("wal_checkpoint(FULL)")
    finally:
        pragma(f"busy_timeout={BUSY_TIMEOUT * 1000:.0f}")
