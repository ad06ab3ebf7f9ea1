"""Whether a connection of asyncpg still leads to a server."""

import asyncio
from typing import Any

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
