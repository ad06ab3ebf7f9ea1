"""When the connection that writes is made anew, reads follow it, and none of their connections is left open."""

import gc
import warnings

import pytest
from sqlalchemy import Connection, text

from registry_gateway.store.engine import Store

pytestmark = pytest.mark.anyio


def session(connection: Connection) -> int:
    """Return the number of the server's process that serves the connection."""
    return int(connection.execute(text("SELECT pg_backend_pid()")).scalar_one())


async def test_a_read_that_runs_meanwhile_ends_and_its_connection_is_replaced(postgresql_url: str) -> None:
    store = Store(postgresql_url)
    with warnings.catch_warnings():
        warnings.simplefilter("error", ResourceWarning)
        async with store.engine.connect() as reading:
            before = await reading.run_sync(session)
            await store.write(session)  # the first write makes its connection
            assert await reading.run_sync(session) == before
        assert await store.read(session) != before
        await store.close()
        del reading
        gc.collect()
    other = Store(postgresql_url)
    left = text("SELECT count(*) FROM pg_stat_activity WHERE pid = :pid")
    assert await other.read(lambda c: c.execute(left, {"pid": before}).scalar_one()) == 0
    await other.close()
