"""Listening on PostgreSQL for what any gateway has committed. SQLite has no such thing."""

import logging
from collections.abc import Callable
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from registry_gateway.store.postgresql.sql import CHANNEL

log = logging.getLogger("registry_gateway.store")


class Listener:
    """A connection that hears of events as soon as they are committed.

    It may die, and notifications with it, without anybody noticing at once: it makes news arrive sooner, and whoever
    needs them looks for himself as well.
    """

    def __init__(self, engine: AsyncEngine, heard: Callable[[], None]) -> None:
        """Take the engine, and what to call when there is something new. Nothing is opened yet."""
        self._engine = engine
        self._heard = heard
        self._connection: AsyncConnection | None = None
        self._lost = False

    async def listen(self) -> None:
        """Listen, anew if the connection was lost. That it can't be had is no error; call it again later."""
        if self._connection is not None and not self._lost:
            return
        await self.close()
        try:
            self._connection = await self._engine.connect()
            driver: Any = (await self._connection.get_raw_connection()).driver_connection
            self._lost = False
            driver.add_termination_listener(self._terminated)
            await driver.add_listener(CHANNEL, self._notified)
        except Exception as error:  # the driver's own are among them, and it is an extra that SQLite does without
            log.debug("not listening: %s", error)
            self._lost = True

    async def close(self) -> None:
        """Give the connection up; it goes to nobody else."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.invalidate()
            await connection.close()

    def _notified(self, *_message: object) -> None:
        self._heard()

    def _terminated(self, _connection: object) -> None:
        self._lost = True
