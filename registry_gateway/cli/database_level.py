"""Checks of the database's migration level, tables and privileges, before a command runs."""

import click

from registry_gateway import __version__
from registry_gateway.cli.program import NAME
from registry_gateway.core.errors import StoreRefuses
from registry_gateway.settings import PREFIX
from registry_gateway.store import level
from registry_gateway.store.engine import Store
from registry_gateway.store.sqlite.file import SqliteFile


class WrongLevel(click.ClickException):
    """The database is not at the migration this version needs; the message names the command to run."""


class NewerDatabase(WrongLevel):
    """A newer version has migrated the database; a newer version of the gateway is needed."""


def upgrade_command(database_url: object) -> str:
    """Return the command that migrates the database. A URL from an option is repeated without its password."""
    return "run: registry-gateway db upgrade" + ("" if database_url is None else " --database-url URL")


async def require_level(store: Store, remedy: str) -> None:
    """Check that the database is at the migration this version needs.

    Raises:
        WrongLevel: It is not.
        StoreUnavailable: It can't be reached.
    """
    require_file(store.file, remedy)
    await require_known(store)
    problem = await level.problem(store)
    if problem is not None:
        raise WrongLevel(f"{problem}; {remedy}")


async def require_rights(store: Store) -> None:
    """Check that the database permits the gateway to read and write all of its tables.

    Raises:
        StoreRefuses: It does not; the message has the command that grants what is missing.
        StoreUnavailable: It can't be reached.
    """
    problem = await level.lacking(store)
    if problem is not None:
        raise StoreRefuses(problem)


def require_file(file: SqliteFile | None, remedy: str) -> None:
    """Check that the SQLite file exists, if the database is one: reading it would create an empty file.

    Raises:
        WrongLevel: It isn't there.
    """
    if file is not None and file.missing():
        raise WrongLevel(
            f"there is no database {file.path}; is another one meant? Name it with --database-url or "
            f"{PREFIX}DATABASE_URL. To make this one, {remedy}"
        )


async def require_known(store: Store) -> str | None:
    """Return the migration the database is at, None if it is at none.

    Raises:
        NewerDatabase: This version does not have that migration.
        StoreUnavailable: It can't be reached.
    """
    at = await level.current(store)
    if at is not None and at not in level.REVISIONS:
        raise NewerDatabase(
            f"the database is at migration {at}, which this version of {NAME} ({__version__}) does not know; "
            "a newer one has migrated it: install that"
        )
    return at
