"""A read that never ends by itself. It sleeps, so that what it is to leave room for has the processors."""

import time
from typing import Any

from sqlalchemy import Connection, text

_ON_POSTGRESQL = text("SELECT pg_sleep(3600)")
_ON_SQLITE = text(
    "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x % 9 + 1 FROM n) SELECT count(*) FROM n WHERE nap() IS NULL"
)


def endless(connection: Connection) -> int:
    """Return nothing, ever."""
    if connection.dialect.name == "postgresql":
        return int(connection.execute(_ON_POSTGRESQL).scalar_one())
    driver: Any = connection.connection
    driver.create_function("nap", 0, lambda: time.sleep(0.001))
    return int(connection.execute(_ON_SQLITE).scalar_one())
