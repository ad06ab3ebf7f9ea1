"""A sign of presence that has very many leases to extend gets the time it needs; one that hangs does not."""

import time
from typing import Any

import pytest
from sqlalchemy import Connection, text

from registry_gateway.core.deadlines import TRANSACTION_WITHIN
from registry_gateway.core.errors import StoreUnavailable
from registry_gateway.observability.metrics import Metrics
from registry_gateway.registry import outages
from registry_gateway.registry.outages import Outages
from registry_gateway.store.statements import presence
from tests.conftest import ManualClock
from tests.contract.services import REVIVES, OpenRegistry, found, register

pytestmark = pytest.mark.anyio

SHORT, LONG = 0.4, 0.7
"""Seconds that a sign has at first, and seconds that extending leases takes here."""


@pytest.fixture
def slow_extension(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have extending leases take longer than a transaction has at first."""
    extend = presence._extend

    def slow(connection: Connection, *arguments: Any) -> int:
        if connection.dialect.name == "postgresql":
            connection.execute(text(f"SELECT pg_sleep({LONG})"))
        else:
            time.sleep(LONG)
        return extend(connection, *arguments)

    monkeypatch.setattr(presence, "_extend", slow)
    monkeypatch.setattr(outages, "TRANSACTION_WITHIN", SHORT)


@pytest.mark.usefixtures("slow_extension")
async def test_a_gateway_with_very_many_leases_starts(open_registry: OpenRegistry, clock: ManualClock) -> None:
    before = open_registry(REVIVES)
    await before.start()
    await before.register(register())
    clock.advance(1000)
    after = open_registry(REVIVES)
    await after.start()
    assert (await found(after)).alive


@pytest.mark.usefixtures("slow_extension")
async def test_each_attempt_that_is_too_short_gives_the_next_one_more(
    open_registry: OpenRegistry, clock: ManualClock
) -> None:
    registry = open_registry(REVIVES)
    await registry.start()
    await registry.register(register())
    clock.advance(1000)
    attempts = 1
    while True:
        try:
            await registry.resume()
        except StoreUnavailable:
            attempts += 1
            assert attempts <= 10
        else:
            break
    assert attempts > 1
    assert (await found(registry)).alive


class HangingStore:
    """A database that never answers the first statement."""

    sqlite = False

    def __init__(self) -> None:
        """Start with no transaction."""
        self.limits: list[float] = []

    async def write(self, _work: object, limit: float) -> object:
        """Note the limit, and that it was exceeded."""
        self.limits.append(limit)
        raise StoreUnavailable("it does not answer")


async def test_a_database_that_hangs_is_given_up_as_soon_at_each_attempt(clock: ManualClock) -> None:
    store: Any = HangingStore()
    signing = Outages(store, clock, Metrics({}))
    for _ in range(3):
        with pytest.raises(StoreUnavailable):
            await signing.resume()
    assert store.limits == [TRANSACTION_WITHIN] * 3
