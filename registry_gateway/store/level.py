"""The level of a database: the migration it is at, and what it lacks for this version.

Without alembic, whose import takes a fifth of the time of a start: most starts have nothing to migrate.
"""

from pathlib import Path

from sqlalchemy import Connection, String, column, inspect, select, table

from registry_gateway.store.database_sql import sql_of
from registry_gateway.store.engine import Store
from registry_gateway.store.tables import Table

_PACKAGE = Path(__file__).parents[1]
_IN_WHEEL = _PACKAGE / "migrations"
SCRIPTS = _IN_WHEEL if _IN_WHEEL.is_dir() else _PACKAGE.parent / "migrations"
"""The directory of the migrations: inside the wheel, or at the root of a checkout."""

REVISIONS = frozenset(script.name.partition("_")[0] for script in SCRIPTS.glob("versions/*_*.py"))
"""All revisions that this version has. They are numbered, and their files' names begin with the number."""

NEWEST = max(REVISIONS)
"""The revision that this version needs."""

_VERSION_TABLE = "alembic_version"
_VERSION = select(column("version_num", String)).select_from(table(_VERSION_TABLE))


async def current(store: Store) -> str | None:
    """Return the revision of a database, None if it is empty.

    Raises:
        StoreUnavailable: The database cannot be reached.
    """
    return await store.read(_revision)


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table(_VERSION_TABLE):
        return None
    return connection.execute(_VERSION).scalar_one_or_none()


async def empty(store: Store) -> bool:
    """Tell whether a database has no tables.

    Raises:
        StoreUnavailable: The database can't be reached.
    """
    return await store.read(lambda connection: not inspect(connection).get_table_names())


async def problem(store: Store) -> str | None:
    """Return why a database is not at the revision of this version, None if it is."""
    return await store.read(behind)


def behind(connection: Connection) -> str | None:
    """Return why the database of a connection is not at the revision of this version, None if it is."""
    at = _revision(connection)
    if at == NEWEST:
        return None
    return f"the database is at migration {at or 'none'}, this version needs {NEWEST}"


async def lacking(store: Store) -> str | None:
    """Return the privileges on the tables that the gateway lacks, with the command that grants them; None if it has
    all.

    Raises:
        StoreUnavailable: The database cannot be reached.
    """
    return await store.read(unprivileged)


def unprivileged(connection: Connection) -> str | None:
    """Return the privileges on the tables that a connection's role lacks, with the command that grants them."""
    return sql_of(connection).lacking(connection, list(Table.metadata.tables))
