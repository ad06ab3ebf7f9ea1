"""Being told of events by PostgreSQL as they are committed, also after the connection was lost."""

import asyncio
from collections.abc import AsyncIterator

import anyio
import pytest
from sqlalchemy import text

from registry_gateway.registry.registry import Registry
from registry_gateway.store.engine import Store
from registry_gateway.store.postgresql.listening import Listener
from registry_gateway.store.postgresql.sql import CHANNEL
from tests.contract.services import ENDS, OpenRegistry, register, renew
from tests.postgresql import SERVERS

pytestmark = pytest.mark.anyio

on_postgresql = pytest.mark.parametrize("database_url", SERVERS, indirect=True)


@pytest.fixture
async def heard() -> asyncio.Event:
    """Set when the listener has heard something."""
    return asyncio.Event()


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[Store]:
    """The listener's database."""
    store = Store(database_url)
    yield store
    await store.close()


@pytest.fixture
async def listener(store: Store, heard: asyncio.Event) -> AsyncIterator[Listener]:
    """A listener that listens."""
    listener = Listener(store.engine, heard.set)
    await listener.listen()
    yield listener
    await listener.close()


@pytest.fixture
def registry(open_registry: OpenRegistry) -> Registry:
    """A gateway elsewhere."""
    return open_registry(ENDS)


async def heard_soon(heard: asyncio.Event) -> None:
    """Return when something has been heard; it must be."""
    with anyio.fail_after(5):
        await heard.wait()
    heard.clear()


@on_postgresql
@pytest.mark.usefixtures("listener")
async def test_events_notify_and_heartbeats_do_not(heard: asyncio.Event, registry: Registry) -> None:
    await registry.register(register())
    await heard_soon(heard)
    await registry.renew(renew())
    await anyio.sleep(0.2)
    assert not heard.is_set()


@on_postgresql
async def test_a_lost_connection_is_replaced(
    listener: Listener, heard: asyncio.Event, registry: Registry, store: Store
) -> None:
    terminate = text(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query = :query AND datname = current_database()"
    )
    for _ in range(2):
        ended = await store.read(lambda c: c.execute(terminate, {"query": f'LISTEN "{CHANNEL}"'}).scalars().all())
        assert ended == [True]
        await anyio.sleep(0.2)
        await listener.listen()
        await registry.register(register())
        await heard_soon(heard)


async def test_listening_to_a_database_that_is_away_is_tried_again(heard: asyncio.Event) -> None:
    nowhere = Store("postgresql://postgres@/nowhere?host=/nonexistent")
    listener = Listener(nowhere.engine, heard.set)
    await listener.listen()
    await listener.listen()
    await listener.close()
    await nowhere.close()
    assert not heard.is_set()
