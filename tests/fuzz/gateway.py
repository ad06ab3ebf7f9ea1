"""A gateway for tests that are not async themselves, and everything that is in its database."""

from collections.abc import Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import httpx
from anyio.from_thread import BlockingPortal, start_blocking_portal
from sqlalchemy import delete, select, text

from registry_gateway.store.engine import Store
from registry_gateway.store.tables import Table
from tests.conftest import GatewayFactory, gateway_of

UNWATCHED = {"presence"}
"""Tables that change by themselves."""

UNWATCHED_COLUMNS = {"last_used_at"}
"""Columns that change when somebody is recognised, whatever becomes of the request."""

KEPT = {"presence", "accounts", "tokens"}
"""Tables that `clear` leaves alone."""

Contents = Mapping[str, list[tuple[Any, ...]]]


class FuzzedGateway:
    """A gateway on the manual clock behind an ASGI transport, in an event loop of its own."""

    def __init__(self, portal: BlockingPortal, client: httpx.AsyncClient, store: Store) -> None:
        """Take the loop, a client of the gateway, and a second way to its database."""
        self.portal = portal
        self.client = client
        self.application = gateway_of(client)
        self._store = store

    def send(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Send a request, and see to what holds of every one."""
        before = self.contents()
        answer = self.portal.call(lambda: self.client.request(method, path, **options))
        assert answer.status_code < 500, (method, path, options, answer.text)
        if answer.status_code >= 400 or method in ("GET", "HEAD"):
            assert self.contents() == before, (method, path, options, answer.status_code)
        return answer

    def contents(self) -> Contents:
        """Return every row of every table."""
        return self.portal.call(self._contents)

    async def _contents(self) -> Contents:
        found = {}
        async with self._store.engine.connect() as connection:
            for table in Table.metadata.sorted_tables:
                if table.name not in UNWATCHED:
                    columns = [column for column in table.c if column.name not in UNWATCHED_COLUMNS]
                    rows = await connection.execute(select(*columns).order_by(*table.primary_key))
                    found[table.name] = [tuple(row) for row in rows]
        return found

    def clear(self) -> None:
        """Empty the registry; accounts stay."""
        self.portal.call(self._clear)

    async def _clear(self) -> None:
        async with self._store.engine.begin() as connection:
            for table in reversed(Table.metadata.sorted_tables):
                if table.name not in KEPT:
                    await connection.execute(delete(table))
            if self._store.sqlite:  # the examples are about webhook 1
                await connection.execute(text("DELETE FROM sqlite_sequence WHERE name = 'webhooks'"))


@contextmanager
def fuzzed(start_gateway: GatewayFactory, url: str, environment: Mapping[str, str]) -> Iterator[FuzzedGateway]:
    """Run a gateway on a migrated database."""

    @asynccontextmanager
    async def running(portal: BlockingPortal) -> Any:
        store = Store(url)
        async with start_gateway(url, environment) as client:
            try:
                yield FuzzedGateway(portal, client, store)
            finally:
                await store.close()

    with start_blocking_portal() as portal, portal.wrap_async_context_manager(running(portal)) as gateway:
        yield gateway
