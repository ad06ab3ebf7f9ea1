"""What tests share: real databases, a clock that stands still, and the gateway behind an HTTP client.

Every test gets an empty, migrated database: a SQLite file copied from one that was migrated once, and a database in a
real PostgreSQL (`tests/postgresql.py`), one for each process that runs tests. Tests run in several processes
(pytest-xdist), so whatever is not in `tmp_path` needs a name of the process's own.
"""

import functools
import gc
import os
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, ExitStack, asynccontextmanager
from pathlib import Path

import httpx
import pytest

from registry_gateway import adapter, settings
from registry_gateway.adapter import Core, installation
from registry_gateway.app import Gateway, create_app
from tests.postgresql import DIRECTORY, SERVERS, Server, migrated, private, stop_all
from tests.skips import pytest_runtest_makereport as pytest_runtest_makereport  # a hook: pytest finds it here

START = 1_800_000_000.0
"""What the manual clock shows first: an instant in 2027."""

LONGEST_FIRST = ("e2e", "fuzz", "contract", "migration", "integration", "unit")
"""Directories of tests, in the order in which they run."""

DAY = 86_400.0
"""In seconds."""


class ManualClock:
    """Clocks that move when they are told to; the database server's shows what the wall clock does."""

    def __init__(self) -> None:
        """Start at `START`."""
        self.time = START
        self.passed = 0.0

    def now(self) -> float:
        """Return the time it was set to."""
        return self.time

    def monotonic(self) -> float:
        """Return how much time has passed."""
        return self.passed

    def server(self) -> float:
        """Return the time it was set to."""
        return self.time

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.time += seconds
        self.passed += seconds

    def step(self, seconds: float) -> None:
        """Set the clock, while no time passes."""
        self.time += seconds


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """asyncio: it is what uvicorn runs."""
    return "asyncio"


@pytest.fixture
def clock() -> ManualClock:
    """A clock that stands still."""
    return ManualClock()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated, empty SQLite file."""
    path = tmp_path_factory.mktemp("template") / "registry.db"
    migrated(f"sqlite:///{path}")
    return path


def pytest_configure(config: pytest.Config) -> None:
    """Make the directory of the PostgreSQL servers that all test processes share, and end them when all is done."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        directory = Path(tempfile.mkdtemp(prefix="registry-gateway-pg"))
        directory.chmod(0o755)  # they may run as another user
        config.add_cleanup(lambda: shutil.rmtree(directory, ignore_errors=True))
        config.add_cleanup(lambda: stop_all(directory))
        os.environ[DIRECTORY] = str(directory)
    # Each gateway and each command asks which adapters are installed. That stays as it is while tests run, and to find
    # out takes as long as the rest of a small test.
    installation.entry_points = functools.cache(installation.entry_points)  # type: ignore[assignment, attr-defined] # overloaded, and an import of the module


@pytest.hookimpl(tryfirst=True)  # before pytest deselects those that are slow
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Make tests on the older PostgreSQL servers slow ones.

    Those that wait and those that work hardest come first, so that no process is left with a long file in the end.
    """
    older = SERVERS.keys() - {"postgresql"}
    for item in items:
        parameters = item.callspec.params if isinstance(item, pytest.Function) and hasattr(item, "callspec") else {}
        if parameters.get("database_url") in older:
            item.add_marker(pytest.mark.slow)
    items.sort(key=lambda item: next((n for n, room in enumerate(LONGEST_FIRST) if room in item.path.parts), 9))


def pytest_collection_finish() -> None:
    """Keep the garbage collector from walking all that pytest and the tests consist of, again and again.

    What a test leaves is small, and collected thirty times as seldom it costs a tenth less of the suite's time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 10, 10)


@pytest.fixture(scope="session", autouse=True)
def _ctrl_c() -> None:
    """Let Ctrl-C end the processes that tests start: what runs in the background ignores it, and hands that on."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if signal.getsignal(signal.SIGQUIT) is signal.SIG_IGN:
        signal.signal(signal.SIGQUIT, signal.SIG_DFL)


@pytest.fixture(scope="session")
def postgresql_servers() -> Iterator[Callable[[str], Server]]:
    """Start a server of `SERVERS`, by its name, unless it runs."""
    with ExitStack() as stack:

        @functools.cache
        def start(name: str) -> Server:
            server = Server(SERVERS[name], private(name))
            server.start()
            stack.callback(server.close)
            return server

        yield start


@pytest.fixture
def postgresql_server(request: pytest.FixtureRequest, postgresql_servers: Callable[[str], Server]) -> Server:
    """The PostgreSQL of a test: the one that is its `database_url`, else the newest."""
    parameters = request.node.callspec.params if hasattr(request.node, "callspec") else {}
    name = parameters.get("database_url")
    return postgresql_servers(name if name in SERVERS else "postgresql")


@pytest.fixture
def postgresql(postgresql_server: Server) -> Callable[[str], str]:
    """That PostgreSQL; call it with SQL for `psql`."""
    return postgresql_server.psql


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    """URL of a migrated SQLite database for this test."""
    path = tmp_path / "registry.db"
    shutil.copyfile(sqlite_template, path)
    return f"sqlite:///{path}"


@pytest.fixture
def postgresql_url(postgresql_server: Server) -> str:
    """URL of a migrated, empty PostgreSQL database."""
    return postgresql_server.emptied()


@pytest.fixture
def own_postgresql_url(postgresql_server: Server) -> Iterator[str]:
    """URL of a migrated PostgreSQL database made for this test: it may change the tables."""
    yield from postgresql_server.own()


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """URL of a migrated database for this test; the test runs on each kind, and on other servers where it says so."""
    name = "sqlite" if request.param == "sqlite" else "postgresql"
    url: str = request.getfixturevalue(f"{name}_url")
    return url


GatewayFactory = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]
"""`start_gateway(url, **environment)`: a client of a gateway that runs while the context is open."""


@pytest.fixture
def start_gateway(clock: ManualClock) -> GatewayFactory:
    """Start gateways inside this process, on the manual clock, without the reaper's loop.

    The client's `base_url` is http://gateway:8765; its `gateway` extension holds the application.
    """

    @asynccontextmanager
    async def start(url: str, environment: Mapping[str, str] | None = None) -> AsyncIterator[httpx.AsyncClient]:
        adapters = adapter.installed()
        environ = {"REGISTRY_GATEWAY_DATABASE_URL": url, **(environment or {})}
        gateway: Gateway = create_app(settings.load(adapters, environ), adapters, clock)
        transport = httpx.ASGITransport(gateway, raise_app_exceptions=True, client=("192.0.2.7", 40000))
        async with httpx.AsyncClient(transport=transport, base_url="http://gateway:8765") as client:
            client.gateway = gateway  # type: ignore[attr-defined] # handed to tests that look beneath the wire
            try:
                async with gateway.opened():
                    yield client
            finally:
                await gateway.core.registry.close()

    return start


def gateway_of(client: httpx.AsyncClient) -> Gateway:
    """The gateway that a client of `start_gateway` talks to."""
    gateway: Gateway = client.gateway  # type: ignore[attr-defined] # put there by start_gateway
    return gateway


def watchers_of(client: httpx.AsyncClient) -> float:
    """How many watchers the catalogue has, as /metrics says."""
    gateway = gateway_of(client)
    metrics = gateway.core.registry.metrics
    [watchers] = [gauge.row for gauge in metrics.gauges if gauge.name == "watchers"]
    return metrics.counters.read(gateway.core.clock.now())[watchers][0]


def core_of(client: httpx.AsyncClient) -> Core:
    """The core beneath it."""
    return gateway_of(client).core
