"""Connections that something on the way has forgotten while they were idle."""

import time

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.engine import make_url

from registry_gateway.store.engine import Store
from registry_gateway.store.lanes import connection_lane
from tests.e2e.relay import Relay

pytestmark = pytest.mark.anyio


def one(connection: Connection) -> int:
    """A small read."""
    return int(connection.execute(text("SELECT 1")).scalar_one())


async def test_a_connection_that_was_dropped_without_a_word_is_replaced(
    postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection_lane, "IDLE_SECONDS", 0.2)
    url = make_url(postgresql_url)
    with Relay(f"{url.query['host']}/.s.PGSQL.5432").running() as relay:
        store = Store(f"postgresql://postgres@127.0.0.1:{relay.port}/{url.database}")
        ways = (store.find, store.scan, store.look, store.read, store.search, store.write)
        try:
            for way in ways:
                assert await way(one) == 1
            relay.idle_limit = 0.3
            time.sleep(0.5)  # noqa: ASYNC251 - nothing is to happen meanwhile
            for way in ways:
                began = time.monotonic()
                assert await way(one) == 1
                assert time.monotonic() - began < 5, way
        finally:
            await store.close()
