"""The file of a SQLite database: its identity while it is open, read-only access, and diagnosis."""

import contextlib
import os
import pwd
import threading
from pathlib import Path
from typing import Self
from urllib.parse import quote, unquote

from sqlalchemy.engine import URL

LOG_FILES = ("-wal", "-shm")
"""Suffixes of the write-ahead log (WAL) and its index, which exist beside the file while it is open."""

_HEADER = b"SQLite format 3\x00"

Identity = tuple[int, int]


class FileLost(OSError):
    """The open file is no longer the one under its name; anything written to it is lost at a restart."""


class SqliteFile:
    """The file of one database, and what this process knows about it. `path` is absolute."""

    def __init__(self, database: str) -> None:
        """`database` is the file's name as in a database URL; nothing is opened."""
        name = unquote(database.removeprefix("file:")) if database.startswith("file:") else database
        self.path = Path(name).absolute()
        self.problem: str | None = None
        self._names = {end: f"{self.path}{end}" for end in ("", *LOG_FILES)}
        self._known: dict[str, Identity] = {}
        self._open = 0
        self._opened = False
        self._turn = threading.Lock()

    @classmethod
    def of_url(cls, url: URL) -> Self | None:
        """Return the file named by a database URL; None if it is not a SQLite URL."""
        return cls(str(url.database)) if url.get_backend_name() == "sqlite" else None

    def side(self, end: str) -> Path:
        """Return the path of the WAL or its index."""
        return self.path.with_name(self.path.name + end)

    def create(self) -> None:
        """Create the file with access for its owner only, if it does not exist; SQLite would apply the umask.

        SQLite creates the WAL and its index with the mode of the file.
        """
        with contextlib.suppress(OSError):  # it exists, or SQLite reports why it can't be created
            os.close(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_WRONLY, 0o600))

    # --- identity

    def connecting(self, *, making: bool) -> None:
        """Record the identity of the file that a connection is about to open; `making` creates it if it does not exist.

        Raises:
            FileLost: It is not the file that other connections have open.
        """
        self.verify()
        if making:
            self.create()
        self._note("")

    def connected(self) -> None:
        """Count a new connection. From now on the WAL exists."""
        with self._turn:
            self._open += 1
            self._opened = True
        for end in ("", *LOG_FILES):
            self._note(end)

    def closed(self) -> None:
        """Count a closed connection. With the last one SQLite removes the WAL."""
        with self._turn:
            self._open -= 1
            if self._open == 0:
                for end in LOG_FILES:
                    self._known.pop(end, None)

    def _note(self, end: str) -> None:
        identity = self._identity(end)
        if identity is not None:
            self._known.setdefault(end, identity)

    def verify(self) -> None:
        """Return if the open file and its WAL are still those under their names.

        Raises:
            FileLost: They are not. The message names the remedy.
        """
        if not self._opened:
            self._known.clear()  # left from a failed attempt, such as a directory in its place
        for end, known in list(self._known.items()):
            found = self._identity(end)
            if found != known:
                self.problem = self._loss(end, found)
                raise FileLost(self.problem)
        self.problem = None

    def verify_still(self) -> None:
        """Do what `verify` does for the file only: some microseconds, before and after each writing transaction.

        Raises:
            FileLost: It is another file, or `verify` has found that.
        """
        if self.problem is not None or self._identity("") != self._known.get(""):
            self.verify()

    def _identity(self, end: str) -> Identity | None:
        try:
            found = os.stat(self._names[end])  # noqa: PTH116 - after each commit: half the time of Path.stat()
        except OSError:
            return None
        return found.st_dev, found.st_ino

    def _loss(self, end: str, found: Identity | None) -> str:
        fate = "was deleted or moved away" if found is None else "was replaced by another file"
        if end:
            remedy = "stop this gateway with SIGTERM, which saves its data, and start it again"
        elif found is None:
            remedy = (
                "put the file back, or stop this gateway and restore a backup with: registry-gateway db restore FILE"
            )
        else:  # the remaining WAL would be applied to it at the next start
            remedy = f"stop this gateway, move {self.path} away, and restore it with: registry-gateway db restore FILE"
        return f"the database file {self.path}{end} {fate} while in use; nothing is written. Remedy: {remedy}"

    # --- read-only access

    def read_only_uri(self) -> str | None:
        """Return the URI for opening a file that, or whose directory, is not writable; None if both are writable.

        SQLite writes beside the file even to read it. If there is no WAL, no process writes to the file, and it can be
        opened as immutable. Otherwise the WAL is read too, as far as SQLite can.
        """
        if not self.path.is_file() or (_writable(self.path) and _writable(self.path.parent)):
            return None
        log = self.side("-wal")
        unchanging = not log.exists() or (log.stat().st_size == 0 and not self.side("-shm").exists())
        return f"file:{quote(str(self.path))}?{'immutable=1' if unchanging else 'mode=ro'}"

    # --- diagnosis

    def missing(self) -> bool:
        """Tell whether the file does not exist. False as well if its directory can't be searched."""
        try:
            return not self.path.exists()
        except OSError:
            return False

    def flaw(self) -> str | None:
        """Return what is wrong with the file or its directory for this process; None if nothing is."""
        path, directory = self.path, self.path.parent
        try:
            if not directory.is_dir():
                return f"there is no directory {directory}"
            if path.is_dir():
                return "it is a directory"
            if not os.access(directory, os.X_OK):
                return f"the directory {directory} can't be entered ({_owner(directory)})"
            if path.exists() and not os.access(path, os.R_OK):
                return f"it can't be read ({_owner(path)})"
            if path.exists() and not _is_sqlite(path):
                return "it is not a SQLite database"
            if os.statvfs(directory).f_flag & os.ST_RDONLY:
                return "its file system is mounted read-only"
            if not _writable(directory):
                return (
                    f"the directory {directory} can't be written to ({_owner(directory)}), and SQLite keeps its "
                    "write-ahead log there"
                )
            if path.exists() and not _writable(path):
                return f"it can't be written to ({_owner(path)})"
        except OSError as error:
            return error.strerror
        return None


def _is_sqlite(path: Path) -> bool:
    with path.open("rb") as file:
        start = file.read(len(_HEADER))
    return not start or start == _HEADER


def _writable(path: Path) -> bool:
    return os.access(path, os.W_OK)


def _owner(path: Path) -> str:
    """Return the mode and owner of `path`, and the user of this process."""
    found = path.stat()
    return f"mode {found.st_mode & 0o7777:04o}, owner {_user(found.st_uid)}; this process is {_user(os.geteuid())}"


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"
