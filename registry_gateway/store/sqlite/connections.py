"""How connections to SQLite are set up, and how its write-ahead log is worked into the file."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Engine, event

from registry_gateway.core.deadlines import TRANSACTION_WITHIN
from registry_gateway.store.sqlite.file import SqliteFile

BUSY_TIMEOUT = TRANSACTION_WITHIN - 0.5
"""Seconds a SQLite writer waits for another process's commit, and a caller for a pooled connection. Less than the
transaction has, so that the error says what it waited for.
"""

_PRAGMAS = (
    "foreign_keys=ON",
    "temp_store=MEMORY",
    "cache_size=-65536",
    "mmap_size=268435456",
    "wal_autocheckpoint=65536",
)
"""What holds for every connection.

What a statement needs while it runs stays in memory: the rows it returns, and the pages as they were before. Otherwise
a batch of heartbeats in no order spends a third of its time on a temporary file, and needs a directory for it.

Up to 64 MiB of page cache for each connection, enough for the leases of 100,000 services, up to 256 MiB of the file
mapped into memory, and a write-ahead log of 256 MiB before a commit works it into the file.

What is mapped belongs to the kernel's own cache: it is shared by all connections, and given back where it is needed.
Without it, 100,000 services that are asked for in no order are read from the kernel page by page.

Working the log in waits for the disk, and so do all who share that commit. With the default of 4 MiB a busy gateway
does that several times a second, each time for pages that are written again soon. `Store.checkpoint` does it beside
the writer.
"""

COMMITS = 1000
"""Commits after which SQLite's log is worth working in: 100 to 250 MB of it if each is of many services. With half as
many, heartbeats of 100,000 services, which change a page each, were slowed by 27 % instead of 13.
"""

PASSES = 3
"""Attempts to work in the log beside the writer."""

LARGE_LOG = 32_768
"""Pages of 4 KiB in the log (128 MiB) from which on the writer is held up for the rest of it, if it can't be had
otherwise. Heartbeats wait meanwhile.
"""

LOG_PATIENCE_MS = 50
"""Milliseconds that may then wait for writers, and hold them up waiting for readers."""


def prepare(engine: Engine, file: SqliteFile, synchronous: str | None) -> None:
    """Have each connection set up, and `file` told of it. `synchronous` is None where nothing can be written."""
    writing = () if synchronous is None else ("journal_mode=WAL", f"synchronous={synchronous}")

    @event.listens_for(engine, "do_connect")
    def connecting(*_: Any) -> None:
        file.connecting(making=synchronous is not None)

    @event.listens_for(engine, "connect")
    def pragmas(connection: Any, _record: Any) -> None:
        cursor = connection.cursor()
        for pragma in (*writing, *_PRAGMAS):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()
        file.connected()

    @event.listens_for(engine, "close")
    def closed(*_: Any) -> None:
        file.closed()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # The driver's own transaction control is off (isolation_level None): it would start a write
        # transaction only at the first INSERT, too late for reading and deciding under the lock.
        writing = connection.get_execution_options().get("writing", False)
        connection.connection.cursor().execute("BEGIN IMMEDIATE" if writing else "BEGIN")


def checkpoint(connection: Connection) -> None:
    """Work the write-ahead log into the file, beside the writer if that is possible.

    Only when nothing is left can a writer begin the log anew. Between the commits of a small fleet there is time enough
    for that. Where commits follow each other without a pause, something is always left, and the log grows: then the
    writer is held up for the rest of it.
    """

    def pragma(text: str) -> Sequence[Any]:
        return connection.exec_driver_sql(f"PRAGMA {text}").all()

    for _ in range(PASSES):
        [(_busy, pages, worked_in)] = pragma("wal_checkpoint(PASSIVE)")
        if pages == worked_in:
            return
    if pages < LARGE_LOG:
        return
    pragma(f"busy_timeout={LOG_PATIENCE_MS}")
    try:
        pragma("wal_checkpoint(FULL)")
    finally:
        pragma(f"busy_timeout={BUSY_TIMEOUT * 1000:.0f}")
