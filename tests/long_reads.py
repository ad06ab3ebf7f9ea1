"""Reads that take long: they sleep, so that what they are to leave room for has the processors."""

import time
from typing import Any

from sqlalchemy import Connection, text

_ON_POSTGRESQL = text("SELECT 1 FROM pg_sleep(:seconds)")
_ON_SQLITE = text(
    "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x % 9 + 1 FROM n) SELECT count(*) FROM n WHERE nap() IS NULL"
)


def endless(connection: Connection) -> int:
    """Never return."""
    if connection.dialect.name == "postgresql":
        return int(connection.execute(_ON_POSTGRESQL, {"seconds": 3600}).scalar_one())
    _teach_to_sleep(connection, 0.001)
    return int(connection.execute(_ON_SQLITE).scalar_one())


def unhurried(connection: Connection) -> int:
    """Return 1 after a third of a second."""
    if connection.dialect.name == "postgresql":
        return int(connection.execute(_ON_POSTGRESQL, {"seconds": 0.3}).scalar_one())
    _teach_to_sleep(connection, 0.3)
    return int(connection.execute(text("SELECT 1 WHERE nap() IS NULL")).scalar_one())


def _teach_to_sleep(connection: Connection, seconds: float) -> None:
    driver: Any = connection.connection
    driver.create_function("nap", 0, lambda: time.sleep(seconds))
