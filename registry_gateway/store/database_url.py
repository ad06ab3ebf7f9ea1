"""Database URLs in SQLAlchemy's form."""

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from registry_gateway.store.postgresql import libpq

SQLITE, POSTGRESQL = "sqlite+aiosqlite", "postgresql+asyncpg"
_DRIVERS = {"sqlite": SQLITE, "postgres": POSTGRESQL, "postgresql": POSTGRESQL}


def async_url(url: str) -> URL:
    """Return `url` with the project's driver. Of a PostgreSQL URL only the parts that identify the database are kept.

    Raises:
        ValueError: The URL is invalid or names an unsupported database; the message is one line for the operator.
    """
    scheme, found, _ = url.partition("://")
    family = scheme.partition("+")[0]
    if not found:
        raise ValueError("not a database URL (expected sqlite:///FILE or postgresql://USER@HOST/NAME)")
    if family not in _DRIVERS:
        raise ValueError(f"database {family!r} is not supported (sqlite and postgresql are)")
    if _DRIVERS[family] == POSTGRESQL:
        address = libpq.parse(url)
        return URL.create(POSTGRESQL, username=address.user, database=address.database)
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise ValueError("not a database URL (expected sqlite:///FILE or postgresql://USER@HOST/NAME)") from None
    if parsed.database in (None, "", ":memory:"):
        raise ValueError("an in-memory SQLite database does not persist; name a file: sqlite:///registry.db")
    return parsed.set(drivername=SQLITE)
