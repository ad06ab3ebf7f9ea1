"""Working SQLite's log into its file may take longer than a request may wait: a slow disk needs many seconds."""

import time

import pytest
from sqlalchemy import Connection

from registry_gateway.store.engine import Store
from registry_gateway.store.sqlite import checkpoint

pytestmark = pytest.mark.anyio


async def test_a_slow_disk_does_not_count_as_an_outage(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    work_in, worked_in = checkpoint.checkpoint, []

    def slowly(connection: Connection) -> None:
        time.sleep(1.0)
        work_in(connection)
        worked_in.append(connection)

    monkeypatch.setattr(checkpoint, "checkpoint", slowly)
    monkeypatch.setattr(checkpoint, "COMMITS", 0)
    monkeypatch.setattr(Store.read, "__defaults__", (0.5,))  # what other reads have
    store = Store(sqlite_url)
    try:
        await store.checkpoint()
    finally:
        await store.close()
    assert len(worked_in) == 1
