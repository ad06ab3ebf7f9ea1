"""The limit of all tools of a dialect, within one batch of commands."""

import pytest

from registry_gateway.core.commands import Register, Registered
from registry_gateway.core.errors import TooMany
from registry_gateway.core.lease import LeasePolicy
from registry_gateway.core.model import Actor
from registry_gateway.registry.write_batch import apply
from registry_gateway.store.engine import Store

pytestmark = pytest.mark.anyio

NOW = 1000.0
POLICIES = {"test": LeasePolicy(late_renewal="refuse", retention=0, most_tools=2)}


def register(key: str, *tools: str) -> Register:
    """A registration with these tools."""
    shared = {"name": key, "version": "1", "ttl": 30.0, "document": b"{}", "mode": "replace", "actor": Actor("test")}
    return Register(dialect="test", key=key, tools=tools, **shared)  # type: ignore[arg-type] # they have these types


async def test_tools_that_one_service_gives_up_another_may_have_in_the_same_batch(database_url: str) -> None:
    store = Store(database_url)
    try:
        await store.write(lambda c: apply(c, [register("a", "x", "y")], POLICIES, NOW))
        refused, _ = await store.write(lambda c: apply(c, [register("b", "z")], POLICIES, NOW))
        assert isinstance(refused[0], TooMany)
        batch = [register("a"), register("b", "z", "w")]
        outcomes, _ = await store.write(lambda c: apply(c, batch, POLICIES, NOW))
        assert [type(outcome) for outcome in outcomes] == [Registered, Registered]
    finally:
        await store.close()
