"""Registries for the contract tests: as many on one database as a test wants."""

from collections.abc import AsyncIterator, Callable, Iterator

import pytest

from registry_gateway.clock import Clock
from registry_gateway.lease import LeasePolicy
from registry_gateway.registry import Registry
from registry_gateway.store.engine import Store
from registry_gateway.store.tables import Table
from tests import conftest
from tests.conftest import ManualClock
from tests.contract.services import DIALECT, OpenRegistry


@pytest.fixture(scope="session")
def contract_database(postgresql: Callable[[str], str], postgresql_template: str) -> Iterator[str]:
    """URL of the PostgreSQL database that the tests here use one after the other."""
    postgresql(f"CREATE DATABASE registry_contract TEMPLATE {postgresql_template}")
    yield conftest._postgresql_url(postgresql, "registry_contract")
    postgresql("DROP DATABASE registry_contract WITH (FORCE)")


@pytest.fixture
def postgresql_url(postgresql: Callable[[str], str], contract_database: str) -> str:
    """URL of a migrated, empty PostgreSQL database. Emptying one takes a fraction of the time of making one."""
    tables = ", ".join(Table.metadata.tables)
    postgresql(f"\\c registry_contract\nSET lock_timeout = '5s';\nTRUNCATE {tables} RESTART IDENTITY;")
    return contract_database


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
