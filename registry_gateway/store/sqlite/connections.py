"""How connections to SQLite are set up."""

from typing import Any

from sqlalchemy import Connection, Engine, event

from registry_gateway.core.deadlines import TRANSACTION_WITHIN
from registry_gateway.store.sqlite.file import SqliteFile

BUSY_TIMEOUT = TRANSACTION_WITHIN - 0.5
"""Seconds that a writer waits for another process's commit, and a caller for a pooled connection. Less than the limit
of a transaction, so that the error names the cause of the wait.
"""

_PRAGMAS = (
    "foreign_keys=ON",
    "temp_store=MEMORY",
    "cache_size=-65536",
    "mmap_size=268435456",
    "wal_autocheckpoint=65536",
)
"""The settings of each connection.

Temporary data of statements (result rows, old versions of pages) stays in memory. Otherwise a batch of heartbeats in
random order spends a third of its time on a temporary file, and needs a directory for it.

Sizes: up to 64 MiB of page cache per connection, enough for the leases of 100,000 services; up to 256 MiB of the file
mapped into memory; and a WAL of 256 MiB before a commit checkpoints it.

Mapped memory is the kernel's page cache, shared by all connections and released under pressure. Without it, 100,000
services that are read in random order are read from the kernel page by page.

A checkpoint waits for the disk, and so do all callers of that commit. With the default of 4 MiB a busy gateway
checkpoints several times a second, each time for pages that are written again soon. `Store.checkpoint` does it beside
the writer.
"""


def prepare(engine: Engine, file: SqliteFile, synchronous: str | None) -> None:
    """Set up each new connection of `engine`, and report connections to `file`. `synchronous` is None for read-only
    use.
    """
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
