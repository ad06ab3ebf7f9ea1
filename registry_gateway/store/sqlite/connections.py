"""How connections to SQLite are set up."""

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
