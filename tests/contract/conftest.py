"""Registries for the contract tests: as many on one database as a test wants."""

from collections.abc import AsyncIterator

import pytest

from registry_gateway.core.clock import Clock
from registry_gateway.core.lease import LeasePolicy
from registry_gateway.registry.registry import Registry
from registry_gateway.store.engine import Store
from tests.conftest import ManualClock
from tests.contract.services import DIALECT, OpenRegistry
from tests.postgresql import SERVERS


@pytest.fixture(params=["sqlite", *SERVERS])
def database_url(request: pytest.FixtureRequest) -> str:
    """URL of a migrated database for this test; the test runs on SQLite and on each PostgreSQL that is there."""
    name = "sqlite" if request.param == "sqlite" else "postgresql"
    url: str = request.getfixturevalue(f"{name}_url")
    return url


class _Opener:
    def __init__(self, url: str, clock: ManualClock) -> None:
        self.url, self.clock = url, clock
        self.opened: list[Registry] = []

    def __call__(self, policy: LeasePolicy, clock: Clock | None = None, url: str | None = None) -> Registry:
        self.opened.append(Registry(Store(url or self.url), {DIALECT: policy}, clock or self.clock))
        return self.opened[-1]


@pytest.fixture
async def open_registry(database_url: str, clock: ManualClock) -> AsyncIterator[OpenRegistry]:
    """Open registries with a database connection of their own, as gateways on several hosts have."""
    opener = _Opener(database_url, clock)
    yield opener
    for registry in opener.opened:
        await registry.close()
