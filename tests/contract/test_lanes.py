"""The connections that are kept for what services ask all the time."""

from collections.abc import Callable

import pytest
from sqlalchemy.engine import make_url

from registry_gateway.commands import Registered, Renewed
from registry_gateway.registry import Registry
from registry_gateway.store.engine import Store
from tests.conftest import ManualClock
from tests.contract.services import DIALECT, STAYS, register, renew

pytestmark = pytest.mark.anyio


async def test_a_connection_that_died_while_idle_costs_nobody_an_answer(
    postgresql_url: str, postgresql: Callable[[str], str], clock: ManualClock
) -> None:
    store = Store(postgresql_url)
    registry = Registry(store, {DIALECT: STAYS}, clock)
    try:
        assert isinstance(await registry.register(register()), Registered)
        assert await registry.find(DIALECT, "svc") is not None
        assert len(await registry.list(DIALECT)) == 1
        name = make_url(postgresql_url).database
        postgresql(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
        assert isinstance(await registry.renew(renew()), Renewed)
        assert await registry.find(DIALECT, "svc") is not None
        assert len(await registry.list(DIALECT)) == 1
    finally:
        await registry.close()
