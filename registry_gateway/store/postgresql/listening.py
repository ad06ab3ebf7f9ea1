"""Notifications from PostgreSQL about events that any gateway has committed. SQLite has none."""

import logging
from collections.abc import Callable
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from registry_gateway.store.postgresql.sql import CHANNEL

log = logging.getLogger("registry_gateway.store")


class Listener:
    """A connection that receives a notification when events are committed.

    The connection may be lost without immediate notice, and notifications with it. They only reduce delay, so followers
    poll as well.
    """

    def __init__(self, engine: AsyncEngine, receive: Callable[[], None]) -> None:
        """`receive` is called for each notification. Nothing is opened yet."""
        self._engine = engine
        self._receive = receive
        self._connection: AsyncConnection | None = None
        self._lost = False

    async def listen(self) -> None:
        """Listen, with a new connection if the old one was lost. A failure raises no error; call it again later."""
        if self._connection is not None and not self._lost:
            return
        await self.close()
        try:
            self._connection = await self._engine.connect()
            driver: Any = (await self._connection.get_raw_connection()).driver_connection
            self._lost = False
            driver.add_termination_listener(self._terminated)
            await driver.add_listener(CHANNEL, self._notified)
        except Exception as error:  # includes the errors of the driver, an optional dependency
            log.debug("not listening: %s", error)
            self._lost = True

    async def close(self) -> None:
        """Close the connection; it is not returned to the pool."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.invalidate()
            await connection.close()

    def _notified(self, *_message: object) -> None:
        self._receive()

    def _terminated(self, _connection: object) -> None:
        self._lost = True
