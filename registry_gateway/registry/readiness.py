"""Readiness: whether the gateway can work, and if not, why. Used by /health/ready, the metrics, the page and the
doctor.
"""

import asyncio
from time import perf_counter
from typing import NamedTuple

from sqlalchemy import Connection

from registry_gateway.core.deadlines import READY_WITHIN, UNWRITTEN_SECONDS
from registry_gateway.core.errors import SLOW, StoreRefuses, StoreUnavailable
from registry_gateway.registry.shared_read import SharedRead
from registry_gateway.store import level
from registry_gateway.store.engine import Store


class Problem(NamedTuple):
    """The reason why the gateway cannot work, and whether that may resolve itself."""

    reason: str
    mends: bool = True


class Readiness:
    """Checks whether a database can be read and written. Requests that arrive during a check share the next one."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._looks = SharedRead(self._look)

    async def problem(self, *, reading: bool = False) -> Problem | None:
        """Return why the gateway cannot work, None if it can; with `reading`, why it cannot answer reads.

        Takes at most `READY_WITHIN`. The reason contains no text of a database driver.
        """
        try:
            async with asyncio.timeout(READY_WITHIN):
                unmigrated, unprivileged = await self._looks.submit(None)
        except TimeoutError:
            return Problem(f"the database can't be read: {SLOW}")
        except StoreUnavailable as error:
            return Problem(f"the database can't be read: {error.cause}", not isinstance(error, StoreRefuses))
        if unmigrated is not None:
            return Problem(unmigrated)
        if reading:
            return None
        return self._unwritten() if unprivileged is None else Problem(unprivileged, mends=False)

    async def _look(self, _asked: None) -> tuple[str | None, str | None]:
        return await self._store.look(_levels)

    def _unwritten(self) -> Problem | None:
        error, written_at = self._store.unwritten, self._store.written_at
        if error is None:
            return None
        mends = not isinstance(error, StoreRefuses)
        if written_at is None:
            return Problem(f"nothing can be written to the database: {error.cause}", mends)
        seconds = perf_counter() - written_at
        if seconds <= UNWRITTEN_SECONDS:
            return None
        return Problem(f"nothing could be written to the database for {seconds:.0f} s: {error.cause}", mends)


def _levels(connection: Connection) -> tuple[str | None, str | None]:
    """Return the problem with the database's migration, and the problem with the role's privileges; None if there is
    none.
    """
    unmigrated = level.behind(connection)
    return unmigrated, None if unmigrated is not None else level.unprivileged(connection)
