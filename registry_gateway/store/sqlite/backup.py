"""Copies of a SQLite database: backup while it is in use, and restore."""

import contextlib
import fcntl
import os
import sqlite3
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

from registry_gateway.core.errors import StoreUnavailable
from registry_gateway.store.sqlite.file import LOG_FILES, SqliteFile

_SHARED = (0x4000_0002, 510)
"""Start and length of SQLite's shared locks (https://www.sqlite.org/fileformat2.html#the_lock_byte_page).

In WAL mode each open connection holds one.
"""


class NotACopy(StoreUnavailable):
    """The file is not a database of this program, or is damaged. The message names it."""


class InUse(StoreUnavailable):
    """A process has the database open."""


@contextlib.contextmanager
def copied(source: SqliteFile, directory: Path) -> Iterator[Path]:
    """Write the contents of `source` at one instant to a new file in `directory`, readable by its owner only.

    Writers are not blocked. The file is synced to disk, and removed at the end unless it was renamed.

    Raises:
        NotACopy: The source cannot be read, or is damaged.
        OSError: The copy cannot be written.
    """
    handle, name = tempfile.mkstemp(prefix=f".{source.path.name}.", suffix=".unfinished", dir=directory)
    copy = Path(name)
    try:
        try:
            uri = source.read_only_uri() or f"file:{quote(str(source.path))}?mode=rw"
            with contextlib.closing(sqlite3.connect(uri, uri=True, isolation_level=None)) as connection:
                # Of a damaged schema VACUUM says that it can't open the copy.
                connection.execute("SELECT count(*) FROM sqlite_schema").fetchall()
                connection.execute("VACUUM INTO ?", (name,))
        except sqlite3.Error as error:
            raise NotACopy(f"{source.path} can't be copied: {source.flaw() or error}") from None
        os.fsync(handle)
        yield copy
    finally:
        os.close(handle)
        copy.unlink(missing_ok=True)


def examine(copy: Path, of: Path) -> tuple[str, float | None]:
    """Return the migration of a copy, and the last sign of a gateway in it, in epoch seconds.

    The message of an error names `of` instead of the copy.

    Raises:
        NotACopy: It is damaged, or not a database of this program.
    """
    with contextlib.closing(sqlite3.connect(f"file:{quote(str(copy))}?immutable=1", uri=True)) as connection:
        try:
            [(found,), *_] = connection.execute("PRAGMA integrity_check(1)").fetchall()
            if found != "ok":
                raise NotACopy(f"{of} is damaged: {' '.join(found.split())}")
            [(revision,)] = connection.execute("SELECT version_num FROM alembic_version").fetchall()
            [(last,)] = connection.execute("SELECT max(present_at) FROM presence").fetchall()
        except (sqlite3.Error, ValueError):
            raise NotACopy(f"{of} is not a database of registry-gateway") from None
    return revision, last


def name_it(copy: Path, target: Path) -> None:
    """Rename a finished copy to `target`.

    Raises:
        FileExistsError: `target` exists.
    """
    try:
        target.hardlink_to(copy)
    except FileExistsError:
        raise
    except OSError:  # no hard links on this file system; the name was free just before
        copy.rename(target)
    _sync(target.parent)


def put_in_place(copy: Path, target: SqliteFile) -> Path | None:
    """Replace the database with a copy; return the path at which the old one is kept with its WAL, None if there was
    none.

    Raises:
        InUse: A process has the database open.
        OSError: A file cannot be renamed.
    """
    if not target.path.exists():
        _discard(target, None)
        name_it(copy, target.path)
        return None
    kept = target.path.with_name(f"{target.path.name}.replaced-{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}")
    with _locked(target.path):
        _copy_access(copy, target.path)
        target.path.rename(kept)
        _discard(target, kept)
        copy.rename(target.path)
        _sync(target.path.parent)
    return kept


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Prevent SQLite from opening a file.

    Raises:
        InUse: A connection is open.
    """
    start, length = _SHARED
    with path.open("r+b") as file:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, length, start)
        except OSError:
            raise InUse(
                f"a process has {path} open; first stop the gateway and commands that use the database"
            ) from None
        yield


def _copy_access(copy: Path, old: Path) -> None:
    """Set the mode and, if permitted, the owner of a copy to those of the file it replaces."""
    found = old.stat()
    copy.chmod(found.st_mode & 0o777)
    with contextlib.suppress(PermissionError):
        os.chown(copy, found.st_uid, found.st_gid)


def _discard(target: SqliteFile, kept: Path | None) -> None:
    """Move the WAL of `target` to the kept database it belongs to, or remove it."""
    log, index = (target.side(end) for end in LOG_FILES)
    if log.exists():
        if kept is None:
            log.unlink()
        else:
            log.rename(kept.with_name(f"{kept.name}{LOG_FILES[0]}"))
    index.unlink(missing_ok=True)


def _sync(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
