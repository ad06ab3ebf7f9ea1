"""Copies of a SQLite database: made while others work on it, and put in its place."""

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
from registry_gateway.store.sqlite.file import SIDES, SqliteFile

_SHARED = (0x4000_0002, 510)
"""Where SQLite has its shared locks (https://www.sqlite.org/fileformat2.html#the_lock_byte_page): start and length.
With a write-ahead log, each connection holds one for as long as it is open.
"""


class NotACopy(StoreUnavailable):
    """A file that is no database of this program, or a damaged one. The message names it."""


class InUse(StoreUnavailable):
    """A process has the database open."""


@contextlib.contextmanager
def copied(source: SqliteFile, directory: Path) -> Iterator[Path]:
    """Write what `source` holds at one instant into a new file in `directory`, readable by its owner alone.

    Writers are not held up. What its file system has not written is waited for; the file is removed at the end, unless
    it was given another name.

    Raises:
        NotACopy: The source can't be read, or is damaged.
        OSError: The copy can't be written.
    """
    handle, name = tempfile.mkstemp(prefix=f".{source.path.name}.", suffix=".unfinished", dir=directory)
    copy = Path(name)
    try:
        try:
            uri = source.read_only_uri() or f"file:{quote(str(source.path))}?mode=rw"
            with contextlib.closing(sqlite3.connect(uri, uri=True, isolation_level=None)) as connection:
                connection.execute("VACUUM INTO ?", (name,))
        except sqlite3.Error as error:
            raise NotACopy(f"{source.path} can't be copied: {source.flaw() or error}") from None
        os.fsync(handle)
        yield copy
    finally:
        os.close(handle)
        copy.unlink(missing_ok=True)


def examine(copy: Path, of: Path) -> tuple[str, float | None]:
    """Return the migration a copy is at, and when a gateway was last at work on it, in epoch seconds.

    `of` is what the message names instead of the copy.

    Raises:
        NotACopy: It is damaged, or is no database of this program.
    """
    with contextlib.closing(sqlite3.connect(f"file:{quote(str(copy))}?immutable=1", uri=True)) as connection:
        try:
            [(found,), *_] = connection.execute("PRAGMA integrity_check(1)").fetchall()
            if found != "ok":
                raise NotACopy(f"{of} is damaged: {' '.join(found.split())}")
            [(revision,)] = connection.execute("SELECT version_num FROM alembic_version").fetchall()
            [(last,)] = connection.execute("SELECT max(present_at) FROM presence").fetchall()
        except (sqlite3.Error, ValueError):
            raise NotACopy(f"{of} is no database of registry-gateway") from None
    return revision, last


def name_it(copy: Path, target: Path) -> None:
    """Give a finished copy its name.

    Raises:
        FileExistsError: Something has that name.
    """
    try:
        target.hardlink_to(copy)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links; the name was free a moment ago
        copy.rename(target)
    _sync(target.parent)


def put_in_place(copy: Path, target: SqliteFile) -> Path | None:
    """Put a copy where the database is, and return where that is kept now, with its log; None if there was none.

    Raises:
        InUse: A process works on the database.
        OSError: Something can't be renamed.
    """
    if not target.path.exists():
        _discard(target, None)
        name_it(copy, target.path)
        return None
    kept = target.path.with_name(f"{target.path.name}.replaced-{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}")
    with _locked(target.path):
        _take_after(copy, target.path)
        target.path.rename(kept)
        _discard(target, kept)
        copy.rename(target.path)
        _sync(target.path.parent)
    return kept


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Keep SQLite from opening a file.

    Raises:
        InUse: A connection is open.
    """
    start, length = _SHARED
    with path.open("r+b") as file:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, length, start)
        except OSError:
            raise InUse(f"a process has {path} open; stop the gateway, and commands that follow it, first") from None
        yield


def _take_after(copy: Path, old: Path) -> None:
    """Give a copy the mode and, where this user may do that, the owner of the file it replaces."""
    found = old.stat()
    copy.chmod(found.st_mode & 0o777)
    with contextlib.suppress(PermissionError):
        os.chown(copy, found.st_uid, found.st_gid)


def _discard(target: SqliteFile, kept: Path | None) -> None:
    """Take the write-ahead log away from beside `target`: to the database it belongs to, if that is kept."""
    log, index = (target.side(end) for end in SIDES)
    if log.exists():
        if kept is None:
            log.unlink()
        else:
            log.rename(kept.with_name(f"{kept.name}{SIDES[0]}"))
    index.unlink(missing_ok=True)


def _sync(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
