"""Who is measured: the bare callable, this gateway on its databases, and the peer."""

import secrets
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.servers import peer
from bench.servers.database import Postgresql, Sqlite
from bench.servers.server import Server, ServerFailed, environment, running, unused_port

CHAP_KEY = secrets.token_hex(16)
RUNSPEC_KEY = secrets.token_hex(16)


@dataclass(frozen=True)
class Credentials:
    """What clients send: the two keys, and a bearer token, for which an account is made when it is asked for."""

    chap: str = CHAP_KEY
    runspec: str = RUNSPEC_KEY
    token: Callable[[], str] = str


@dataclass(frozen=True)
class Place:
    """Where servers run: their core, and a directory for their files."""

    core: int
    directory: Path


def bare(place: Place) -> AbstractContextManager[Server]:
    """Run the bare callable."""
    port = unused_port()
    command: list[str | Path] = [sys.executable, Path(__file__).with_name("bare.py"), str(port)]
    return running(command, port, ready="/", core=place.core, directory=place.directory, environment=environment({}))


def runspec_registry(place: Place) -> AbstractContextManager[Server]:
    """Run the peer as its own command does, without its rate limit."""
    port = unused_port()
    command: list[str | Path] = [peer.python(), Path(__file__).with_name("unlimited_peer.py")]
    command += ["--host", "127.0.0.1", "--port", str(port), "--api-key", RUNSPEC_KEY]
    return running(
        command, port, ready="/health", core=place.core, directory=place.directory, environment=environment({})
    )


@dataclass(frozen=True)
class Gateway:
    """This gateway, as users start it, on a database."""

    database: Callable[[], Sqlite | Postgresql]
    settings: Mapping[str, str]

    @contextmanager
    def running(self, place: Place) -> Iterator[tuple[Server, Credentials]]:
        """Run it on a new database."""
        with self.database().new() as url, self.on(url, place) as server:

            def token() -> str:
                said = self.command(url, place, "accounts", "create", "bench", "--scope", "registry:manage")
                return said.splitlines()[-1]

            yield server, Credentials(token=token)

    def on(self, url: str, place: Place) -> AbstractContextManager[Server]:
        """Run it on a database that is there."""
        port = unused_port()
        command = [sys.executable, "-m", "registry_gateway", "serve", "--migrate"]
        command += ["--host", "127.0.0.1", "--port", str(port), "--database-url", url]
        return running(
            command,
            port,
            ready="/health/ready",
            core=place.core,
            directory=place.directory,
            environment=self._environment(),
        )

    def command(self, url: str, place: Place, *arguments: str) -> str:
        """Run one of its other commands; return its standard output."""
        done = subprocess.run(
            [sys.executable, "-m", "registry_gateway", *arguments],
            cwd=place.directory,
            env=self._environment() | {"REGISTRY_GATEWAY_DATABASE_URL": url},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise ServerFailed(f"registry-gateway {' '.join(arguments)} ended with {done.returncode}: {done.stderr}")
        return done.stdout

    def _environment(self) -> dict[str, str]:
        keys = {"SERVICEKIT_REGISTRATION_KEY": CHAP_KEY, "REGISTRY_GATEWAY_RUNSPEC_API_KEY": RUNSPEC_KEY}
        return environment({**keys, **self.settings})
