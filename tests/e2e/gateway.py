"""The gateway as a real process: started, stopped, killed and restarted on one port and one database."""

import functools
import random
import re
import shutil
import socket
import ssl
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from itertools import cycle, islice
from pathlib import Path
from typing import Any, NamedTuple

import httpx

from tests.e2e import commands
from tests.e2e.child import Child
from tests.e2e.polling import wait_until
from tests.postgresql import WORKER, migrated, private

CHAP_TTL = 3.0
RUNSPEC_HEARTBEAT_INTERVAL = 1
RUNSPEC_TTL = 3.0 * RUNSPEC_HEARTBEAT_INTERVAL
"""Seconds. As short as they can be while a client on a loaded machine still renews in time."""

SHORT_LEASES = {
    "REGISTRY_GATEWAY_CHAP_TTL_SECONDS": f"{CHAP_TTL:g}",
    "REGISTRY_GATEWAY_RUNSPEC_HEARTBEAT_INTERVAL": f"{RUNSPEC_HEARTBEAT_INTERVAL}",
}


class Tls(NamedTuple):
    """Paths of PEM files: the certificate chain and key of a server, and the authority that clients trust."""

    certificate: str
    key: str
    authority: str


class Gateway:
    """A gateway process with settings in its environment; by default on loopback.

    Without a database among them it has a migrated SQLite file in `directory`.
    """

    def __init__(
        self,
        directory: Path,
        settings: Mapping[str, str],
        tls: Tls | None = None,
        host: str = "127.0.0.1",
        options: Sequence[str] = (),
    ) -> None:
        self._host = host
        self.port = unused_port()
        self.url = f"{'http' if tls is None else 'https'}://127.0.0.1:{self.port}"
        # No connection is kept between requests, so that a restart never shows as a broken one; and no proxy.
        self.http = httpx.Client(
            base_url=self.url,
            trust_env=False,
            timeout=10,
            limits=httpx.Limits(max_keepalive_connections=0),
            verify=False if tls is None else ssl.create_default_context(cafile=tls.authority),
        )
        self.secrets: set[str] = {value for name, value in settings.items() if name.endswith("_KEY")}
        self._directory = directory
        of_tls = [] if tls is None else ["--ssl-certfile", tls.certificate, "--ssl-keyfile", tls.key]
        self._options = [*of_tls, *options]
        self._log = directory / "gateway.log"
        self._environment = {
            "REGISTRY_GATEWAY_DATABASE_URL": f"sqlite:///{directory / 'registry.db'}",
            **settings,
        }
        if "REGISTRY_GATEWAY_DATABASE_URL" not in settings and not (directory / "registry.db").exists():
            shutil.copy(_template(), directory / "registry.db")
        self._child: Child | None = None

    @property
    def process(self) -> Child:
        """The running process."""
        assert self._child is not None, "the gateway was not started"
        return self._child

    def start(self) -> None:
        """Start it, again or for the first time, and return once it says that it is ready."""
        self.launch()
        wait_until(self._ready, f"{self.url}/health/ready answers 200", evidence=self.log)

    def launch(self) -> None:
        """Start it, and do not wait until it is ready."""
        if self._child is not None:
            self._child.close()
        serve = ["serve", "--host", self._host, "--port", str(self.port), *self._options]
        self._child = Child(
            [sys.executable, "-m", "registry_gateway", *serve],
            log=self._log,
            directory=self._directory,
            environment=self._environment,
        )

    def _ready(self) -> bool:
        if self.process.exit_code is not None:
            raise AssertionError(f"the gateway ended with {self.process.exit_code}; its log:\n{self.log()}")
        try:
            return self.http.get("/health/ready").status_code == 200
        except httpx.TransportError:
            return False

    def kill(self) -> None:
        """SIGKILL: it writes nothing more and says goodbye to nobody."""
        self.process.kill()

    def log(self) -> str:
        """All it wrote since the first start."""
        return self._log.read_text(encoding="utf-8", errors="replace") if self._log.exists() else ""

    def command(self, *arguments: str) -> str:
        """Run one of the other commands of `registry-gateway` on the same database; its standard output."""
        done = commands.run([*arguments], self._environment)
        if done.returncode:
            raise AssertionError(f"registry-gateway {' '.join(arguments)}: {done.returncode}\n{done.stderr}")
        return done.stdout

    def token(self, account: str, *scopes: str) -> str:
        """Create a service account and return its token, which is shown once and must never be logged."""
        flags = [flag for scope in scopes for flag in ("--scope", scope)]
        token = self.command("accounts", "create", account, *flags).splitlines()[-1]
        self.secrets.add(token)
        return token

    def finish(self) -> None:
        """End it by SIGTERM and look how that went: in order, with no traceback and no secret in its log."""
        assert self.process.terminate() == 0, self.log()
        self.check_traces()

    def check_traces(self) -> None:
        """What no gateway may leave behind, whatever its clients did: a traceback, or a secret in log or database."""
        log = self.log()
        assert not re.search(r"Traceback|Task exception was never retrieved|\bCRITICAL\b", log), log
        for kept in [self._log, *self._directory.glob("registry.db*")]:
            content = kept.read_bytes()
            leaked = [secret for secret in self.secrets if secret.encode() in content]
            assert not leaked, f"{kept.name} holds a secret: {leaked}"

    def close(self) -> None:
        """Leave no process and no connection behind."""
        self.http.close()
        if self._child is not None:
            self._child.close()

    def listed(self, path: str, **parameters: str) -> Any:
        """The JSON of a GET that must work."""
        answer = self.http.get(path, params=parameters)
        assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.text}"
        return answer.json()


@contextmanager
def running_gateway(
    directory: Path, settings: Mapping[str, str] | None = None, tls: Tls | None = None, host: str = "127.0.0.1"
) -> Iterator[Gateway]:
    """A gateway with short leases for as long as the block runs; it must also end well."""
    gateway = Gateway(directory, {**SHORT_LEASES, **(settings or {})}, tls, host)
    try:
        gateway.start()
        yield gateway
        gateway.finish()
    finally:
        gateway.close()


@contextmanager
def running_nodes(
    directory: Path, number: int, database_url: str, settings: Mapping[str, str] | None = None
) -> Iterator[list[Gateway]]:
    """Gateways on one database, each in a directory of its own, for as long as the block runs."""
    environment = {"REGISTRY_GATEWAY_DATABASE_URL": database_url, **(settings or {})}
    with ExitStack() as stack:
        gateways = []
        for n in range(number):
            own = directory / f"node-{n}"
            own.mkdir()
            gateway = Gateway(own, environment)
            stack.callback(gateway.close)
            gateway.start()
            gateways.append(gateway)
        yield gateways


@functools.cache
def _template() -> Path:
    """A migrated, empty SQLite file: a migration takes a third of the time of a start."""
    path = private(f"template-{WORKER}.db")
    migrated(f"sqlite:///{path}")
    return path


_OWN = range(20_000 + int(WORKER.removeprefix("gw")) % 32, 32_000, 32)
_ports = cycle(random.sample(_OWN, len(_OWN)))


def unused_port() -> int:
    """A free port below the range the system takes its own from.

    A port of that range could be given to an outgoing connection while the gateway is down, and then it could
    not come back on it. Each process that runs tests has ports of its own, and hands them out in turn: a client may
    take ten seconds to bind its own, and until then it looks free.
    """
    for port in islice(_ports, 50):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("no free port among 50 tried")
