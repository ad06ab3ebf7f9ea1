"""Expensive reads: however many there are and however long they take, the rest of the store goes on."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import anyio
import pytest
from sqlalchemy import Connection, text

from registry_gateway.core.errors import Overloaded
from registry_gateway.store.engine import Store
from registry_gateway.store.lanes import expensive_reads
from tests.long_reads import endless, unhurried

pytestmark = pytest.mark.anyio


def one(connection: Connection) -> int:
    """A read that takes no time."""
    return int(connection.execute(text("SELECT 1")).scalar_one())


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[Store]:
    """A store on each database."""
    store = Store(database_url)
    yield store
    await store.close()


async def test_a_search_is_given_up_and_its_connection_still_works(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(expensive_reads, "READ_SECONDS", 0.2)
    with anyio.fail_after(20), pytest.raises(Overloaded, match="was stopped"):
        await store.search(endless)
    monkeypatch.setattr(expensive_reads, "READ_SECONDS", 60.0)
    assert [await store.search(one), await store.read(one)] == [1, 1]


async def test_a_search_on_postgresql_occupies_one_core(postgresql_url: str) -> None:
    def workers(connection: Connection) -> str:
        return str(connection.execute(text("SHOW max_parallel_workers_per_gather")).scalar_one())

    store = Store(postgresql_url)
    try:
        assert await store.search(workers) == "0"
        assert await store.read(workers) != "0"
    finally:
        await store.close()


@pytest.mark.slow
async def test_searches_leave_room_for_all_else(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expensive_reads, "READ_SECONDS", 4.0)
    running = [asyncio.create_task(store.search(endless)) for _ in range(40)]
    await asyncio.sleep(0.2)
    assert [await store.read(one), await store.find(one), await store.scan(one), await store.write(one)] == [1] * 4
    assert not all(task.done() for task in running), "they waited for the searches"
    found = await asyncio.gather(*running, return_exceptions=True)
    assert {type(outcome) for outcome in found} == {Overloaded}
    assert await store.search(one) == 1


async def test_a_search_that_nobody_waits_for_any_longer_is_stopped(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(expensive_reads, "READ_SECONDS", 60.0)
    search = asyncio.create_task(store.search(endless))
    await asyncio.sleep(0.3)
    search.cancel()
    await asyncio.wait([search])
    pool: Any = store.engine.sync_engine.pool
    with anyio.fail_after(20):
        while pool.checkedout():  # noqa: ASYNC110 - the pool tells nobody
            await asyncio.sleep(0.01)
        assert await store.search(one) == 1


async def test_a_store_that_is_closed_waits_for_its_searches(store: Store) -> None:
    search = asyncio.create_task(store.search(unhurried))
    await asyncio.sleep(0.1)
    assert not search.done()
    await store.close()
    assert search.done(), "its connection was taken away"
    assert await search == 1
