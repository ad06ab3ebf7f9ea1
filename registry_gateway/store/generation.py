"""Connections of a pool that were made before the server may have become another."""

from typing import Any

from sqlalchemy import event
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.ext.asyncio import AsyncEngine


class Generation:
    """The connections that a pool has made since the last `end`. Earlier ones are replaced before they are used again.

    `AsyncEngine.dispose` would leave those that are in use to the garbage collector.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        """Watch the pool of `engine`."""
        self._number = 0
        event.listen(engine.sync_engine, "connect", self._connected)
        event.listen(engine.sync_engine, "checkout", self._checked_out)

    def end(self) -> None:
        """Mark all connections as outdated: each is replaced before it is used again."""
        self._number += 1

    def _connected(self, _connection: Any, record: Any) -> None:
        record.info["generation"] = self._number

    def _checked_out(self, _connection: Any, record: Any, _proxy: Any) -> None:
        if record.info["generation"] != self._number:
            raise DisconnectionError("made before the server may have changed")  # the pool makes another one
