"""Checks of connections: whether the server answers, and whether it is the one that takes writes."""

import asyncio
from typing import Any

from sqlalchemy import event
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.util import await_only

ALIVE_WITHIN = 1.0
"""Seconds in which an idle connection must answer."""


async def answers(driver: Any) -> bool:
    """Tell whether the server answers over an idle connection; if not, the connection is aborted."""
    timer = asyncio.get_running_loop().call_later(ALIVE_WITHIN, driver.terminate)
    try:
        await driver.execute(";")
    except Exception:  # driver or network: after any error the connection is unusable
        return False
    finally:
        timer.cancel()
    return True


def ping_quickly(engine: AsyncEngine) -> None:
    """Make the pool of `engine` check its connections with `answers`; its own check has no short limit."""

    def ping(connection: Any) -> bool:
        return await_only(answers(connection.driver_connection))

    engine.sync_engine.dialect.do_ping = ping  # type: ignore[method-assign, assignment] # where SQLAlchemy looks for it


class Generations:
    """The connections of a pool by generation. Connections of an older generation are replaced at their next checkout;
    those in use are not interrupted.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        self._last = 0
        event.listen(engine.sync_engine, "connect", self._made)
        event.listen(engine.sync_engine, "checkout", self._taken)

    def begin(self) -> None:
        """Start a new generation."""
        self._last += 1

    def _made(self, _connection: Any, record: Any) -> None:
        record.info[Generations] = self._last

    def _taken(self, _connection: Any, record: Any, _proxy: Any) -> None:
        if record.info[Generations] != self._last:
            raise DisconnectionError("the writing connection was reopened since")
