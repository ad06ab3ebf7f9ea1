"""The meaning of SQLite's errors."""

import sqlite3

from registry_gateway.store.sqlite.file import SqliteFile

CAUSES = {
    sqlite3.SQLITE_BUSY: "another process holds the lock of the file",
    sqlite3.SQLITE_FULL: "the disk is full",
    sqlite3.SQLITE_READONLY: "the file can't be written",
    sqlite3.SQLITE_CANTOPEN: "the file can't be opened",
    sqlite3.SQLITE_IOERR: "the file can't be read or written",
}
"""By primary result code. What is wrong with the file itself is in `flaw`."""

STOPPED = "SQLITE_INTERRUPT"
"""SQLite's code for a statement that was interrupted."""

REFUSALS = ("SQLITE_ERROR", "SQLITE_NOTADB", "SQLITE_CORRUPT", "SQLITE_AUTH", "SQLITE_PERM")
"""SQLite's codes for missing tables and for files that are not its databases."""

_OF_THE_FILE = ("SQLITE_CANTOPEN", "SQLITE_READONLY", "SQLITE_NOTADB", "SQLITE_IOERR", "SQLITE_PERM", "SQLITE_AUTH")
"""SQLite's codes for errors that the file or its directory may cause."""


def name_of(error: Exception) -> str:
    """Return SQLite's name of an error, such as SQLITE_BUSY; empty if it is not SQLite's."""
    return getattr(getattr(error, "orig", None) or error, "sqlite_errorname", "")


def flaw(error: Exception, file: SqliteFile) -> str | None:
    """Return what is wrong with the file, if that caused the error and a retry does not help; else None."""
    name = name_of(error)
    if name.startswith("SQLITE_CORRUPT"):
        return f"the database {file.path} is damaged; restore a backup with: registry-gateway db restore FILE"
    found = file.flaw() if name.startswith(_OF_THE_FILE) else None
    return None if found is None else f"the database {file.path} can't be used: {found}"
