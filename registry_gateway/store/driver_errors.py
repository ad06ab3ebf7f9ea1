"""The meaning of driver errors: a lost race, bad values, a database that refuses, or one that is unavailable.

The cause is worded for clients and never repeats a driver's text.
"""

import sqlite3

from sqlalchemy.exc import DataError, DBAPIError, IntegrityError

from registry_gateway.core.errors import SLOW, UNNAMED, Overloaded, StoreRefuses, StoreUnavailable, Unstorable
from registry_gateway.store.lanes import expensive_reads
from registry_gateway.store.postgresql import errors as postgresql
from registry_gateway.store.sqlite import errors as sqlite
from registry_gateway.store.sqlite.file import FileLost, SqliteFile


class LostRace(StoreUnavailable):
    """Another process changed the same rows first; the transaction was rolled back and can be repeated."""


def translated(error: Exception, file: SqliteFile | None = None) -> StoreUnavailable | Unstorable:
    """Return the store error for a driver's error. `file` is the database's file if it is SQLite."""
    if isinstance(error, StoreRefuses):
        return error
    if isinstance(error, FileLost):
        return StoreRefuses(str(error), str(error))
    state: str = getattr(getattr(error, "orig", None), "sqlstate", None) or ""
    if isinstance(error, (IntegrityError, sqlite3.IntegrityError)) or state in postgresql.RACES:
        return LostRace(f"lost a race in the database: {_first_line(error)}")
    if _was_stopped(error):
        return Overloaded(
            f"It took more than {expensive_reads.READ_SECONDS:g} s and was stopped; ask for less, or try later"
        )
    if isinstance(error, DataError) or state.startswith(postgresql.BAD_VALUES):
        return Unstorable(f"the database takes no such values: {_first_line(error)}")
    flaw = sqlite.flaw(error, file) if file is not None else None
    if flaw is not None:
        return StoreRefuses(flaw, flaw)
    if remedy := _remedy(error, state):
        doing = postgresql.doing(getattr(error, "statement", None))
        return StoreRefuses(
            f"the database refuses {doing}: {_first_line(error)}; {remedy}", f"it refuses {doing}; {remedy}"
        )
    where = "the database" if file is None else f"the database {file.path}"
    return StoreUnavailable(f"{where} is unavailable: {_first_line(error)}", cause_of(error))


def _remedy(error: Exception, state: str) -> str | None:
    """Return what the operator can do about an error, if a retry does not help; else None."""
    if sqlite.name_of(error).startswith(sqlite.REFUSALS):
        return "run: registry-gateway db check"
    return postgresql.remedy(state, _first_line(error)) if state else None


def _was_stopped(error: Exception) -> bool:
    """Tell whether a read exceeded its time limit."""
    state = getattr(getattr(error, "orig", None) or error, "sqlstate", None)
    return state == postgresql.STOPPED or sqlite.name_of(error) == sqlite.STOPPED


def _first_line(error: Exception) -> str:
    cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    return (str(cause).strip() or cause_of(cause)).splitlines()[0]


def cause_of(error: BaseException) -> str:
    """Return the cause of a driver's error, or of SQLAlchemy's error around it, for clients."""
    driver = getattr(error, "orig", None) or error
    code: int | None = getattr(driver, "sqlite_errorcode", None)
    if code is not None:
        return sqlite.CAUSES.get(code & 0xFF, UNNAMED)
    state: str | None = getattr(driver, "sqlstate", None)
    if state is not None:
        return postgresql.CAUSES.get(state, UNNAMED)
    if isinstance(driver, TimeoutError):
        return SLOW
    if isinstance(driver, OSError):
        return "it can't be reached"
    return UNNAMED
