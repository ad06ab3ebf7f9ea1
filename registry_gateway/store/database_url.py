"""The URL of a database, as SQLAlchemy takes it."""

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from registry_gateway.store.postgresql import libpq

SQLITE, POSTGRESQL = "sqlite+aiosqlite", "postgresql+asyncpg"
_DRIVERS = {"sqlite": SQLITE, "postgres": POSTGRESQL, "postgresql": POSTGRESQL}


def async_url(url: str) -> URL:
    """Return `url` with the driver this project uses; of PostgreSQL's only what says which database is meant.

    Raises:
        ValueError: With one line for the operator, if the URL can't be read or names another database.
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
        raise ValueError("an in-memory SQLite database forgets; name a file: sqlite:///registry.db")
    return parsed.set(drivername=SQLITE)
