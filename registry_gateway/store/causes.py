"""Why a database does not work, in words that may be shown to anybody: never those of a driver."""

import sqlite3

_POSTGRESQL = {
    "25006": "the server is read-only (a standby?)",
    "42501": "the role lacks a privilege",
    "53100": "the server's disk is full",
    "53300": "the server has no connection left",
    "55P03": "a lock is held by somebody else",
    "57P03": "the server is starting or stopping",
    "28P01": "the server refuses the credentials",
    "28000": "the server refuses the credentials",
    "3D000": "the server has no such database",
    "42P01": "a table is missing",
}
"""By SQLSTATE."""

_SQLITE = {
    sqlite3.SQLITE_BUSY: "another process holds the lock of the file",
    sqlite3.SQLITE_FULL: "the disk is full",
    sqlite3.SQLITE_READONLY: "the file can't be written",
    sqlite3.SQLITE_CANTOPEN: "the file can't be opened",
    sqlite3.SQLITE_IOERR: "the file can't be read or written",
    sqlite3.SQLITE_CORRUPT: "the file is damaged",
    sqlite3.SQLITE_NOTADB: "the file is no database",
}
"""By primary result code."""

SLOW = "it does not answer in time"
OTHER = "the log of the gateway has the cause"


def cause_of(error: BaseException) -> str:
    """Return the cause of an error of a driver, or of SQLAlchemy around one."""
    driver = getattr(error, "orig", None) or error
    code: int | None = getattr(driver, "sqlite_errorcode", None)
    if code is not None:
        return _SQLITE.get(code & 0xFF, OTHER)
    state: str | None = getattr(driver, "sqlstate", None)
    if state is not None:
        return _POSTGRESQL.get(state, OTHER)
    if isinstance(driver, TimeoutError):
        return SLOW
    if isinstance(driver, OSError):
        return "it can't be reached"
    return OTHER
