"""Whether a connection of asyncpg still leads to a server, and to the one that takes writes."""

import asyncio
from typing import Any

from sqlalchemy import event
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.util import await_only

ALIVE_WITHIN = 1.0
"""Seconds in which an idle connection must answer."""


async def answers(driver: Any) -> bool:
    """Tell whether the server answers over a connection on which nothing goes on; if not, it is cut."""
    timer = asyncio.get_running_loop().call_later(ALIVE_WITHIN, driver.terminate)
    try:
        await driver.execute(";")
    except Exception:  # of the driver, of the network: whatever it is, the connection is of no use
        return False
    finally:
        timer.cancel()
    return True


def ping_quickly(engine: AsyncEngine) -> None:
    """Have the pool of `engine` look at its connections as above; its own look waits as long as any statement."""

    def ping(connection: Any) -> bool:
        return await_only(answers(connection.driver_connection))

    engine.sync_engine.dialect.do_ping = ping  # type: ignore[method-assign, assignment] # where SQLAlchemy looks for it


class Generations:
    """The connections of a pool by when they were made. Older ones than the last generation are replaced when a caller
    takes them out of the pool; one that is in use goes on until it is given back.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        """Take the engine whose pool it is."""
        self._last = 0
        event.listen(engine.sync_engine, "connect", self._made)
        event.listen(engine.sync_engine, "checkout", self._taken)

    def begin(self) -> None:
        """Begin a generation."""
        self._last += 1

    def _made(self, _connection: Any, record: Any) -> None:
        record.info[Generations] = self._last

    def _taken(self, _connection: Any, record: Any, _proxy: Any) -> None:
        if record.info[Generations] != self._last:
            raise DisconnectionError("the connection that writes was made anew since")
