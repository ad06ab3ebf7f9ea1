"""The database's own clock, where it has one."""

from sqlalchemy import Connection, text


def now(connection: Connection) -> float | None:
    """Return the database server's time in epoch seconds; None for SQLite, which runs in this process."""
    if connection.dialect.name == "sqlite":
        return None
    return float(connection.execute(text("SELECT extract(epoch FROM clock_timestamp())")).scalar_one())
