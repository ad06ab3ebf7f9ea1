"""How commands reach the registry: the settings, a database at the right migration, and the core upon it."""

import asyncio
import getpass
import os
import socket
from collections.abc import Awaitable, Callable
from typing import TypeVar

import click

from registry_gateway import __version__, adapter, settings
from registry_gateway.adapter import Adapter, Core
from registry_gateway.app import open_core
from registry_gateway.cli.program import NAME
from registry_gateway.core.errors import StoreRefuses
from registry_gateway.core.model import Actor
from registry_gateway.settings import PREFIX, Configuration, Settings
from registry_gateway.store import migrate
from registry_gateway.store.engine import Store

T = TypeVar("T")

database_url_option = click.option(
    "--database-url",
    metavar="URL",
    help=f"The database, as the gateway has it.  [{PREFIX}DATABASE_URL; default: {Settings().database_url}]",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON. Times are seconds since the epoch.")


def dialect_option(help_text: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Return the option `--dialect`, which takes the name of an adapter that is installed."""
    return click.option("--dialect", metavar="NAME", callback=_installed_dialect, help=help_text)


def _installed_dialect(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    names = [a.name for a in adapter.installed()]
    if value is not None and value not in names:
        raise click.BadParameter(f"there is no dialect {value} (installed: {', '.join(names)})")
    return value


def configured(database_url: str | None) -> tuple[Configuration, tuple[Adapter, ...]]:
    """Return the settings from the environment and the option, and the adapters that are installed.

    Raises:
        SettingsError: One makes no sense.
    """
    adapters = adapter.installed()
    return settings.load(adapters, os.environ, {f"{PREFIX}DATABASE_URL": database_url}), adapters


def actor() -> Actor:
    """Return who is at the command line, and on which machine, for the log of events. With sudo: who used it."""
    try:
        user = os.environ.get("SUDO_USER") or getpass.getuser()
    except (OSError, KeyError):  # a container's user often has no name
        user = str(os.getuid())
    return Actor(f"cli:{user}", socket.gethostname())


def run(database_url: str | None, work: Callable[[Core], Awaitable[T]], *, reading: bool = False) -> T:
    """Do `work` on the core, over a database that is at the migration this version needs.

    `reading` says that it writes nothing: a copy of a SQLite file that can't be written to will do then.

    Raises:
        SettingsError: A setting makes no sense.
        WrongLevel: The database is at another migration, or there is none yet.
    """
    configuration, adapters = configured(database_url)

    async def on_core() -> T:
        core, store = open_core(configuration, adapters, reading=reading)
        try:
            await require_level(store, upgrade_command(database_url))
            return await work(core)
        finally:
            await core.registry.close()

    return asyncio.run(on_core())


class WrongLevel(click.ClickException):
    """The database is not at the migration this version needs; the message names the command to run."""


class NewerDatabase(WrongLevel):
    """A newer version has migrated the database; nothing here can help."""


def upgrade_command(database_url: object) -> str:
    """Return what to run for a database that is behind; a URL that was an option is not repeated with its password."""
    return "run: registry-gateway db upgrade" + ("" if database_url is None else " --database-url URL")


async def require_level(store: Store, remedy: str) -> None:
    """Return if the database is at the migration this version needs.

    Raises:
        WrongLevel: It is not.
        StoreUnavailable: It can't be reached.
    """
    require_file(store, remedy)
    await require_known(store)
    problem = await migrate.problem(store)
    if problem is not None:
        raise WrongLevel(f"{problem}; {remedy}")


async def require_rights(store: Store) -> None:
    """Return if the database lets the gateway read and write all of its tables.

    Raises:
        StoreRefuses: It does not; the message has the command that grants what is missing.
        StoreUnavailable: It can't be reached.
    """
    problem = await migrate.lacking(store)
    if problem is not None:
        raise StoreRefuses(problem)


def require_file(store: Store, remedy: str) -> None:
    """Return unless the database is a SQLite file that isn't there: reading it would make an empty one.

    Raises:
        WrongLevel: It isn't there.
    """
    if store.file is not None and store.file.missing():
        raise WrongLevel(
            f"there is no database {store.file.path}; is another one meant? Name it with --database-url or "
            f"{PREFIX}DATABASE_URL. To make this one, {remedy}"
        )


async def require_known(store: Store) -> str | None:
    """Return the migration the database is at, None if it is at none.

    Raises:
        NewerDatabase: This version does not have that migration.
        StoreUnavailable: It can't be reached.
    """
    at = await migrate.current(store)
    if at is not None and at not in migrate.known():
        raise NewerDatabase(
            f"the database is at migration {at}, which this version of {NAME} ({__version__}) does not know; "
            "a newer one has migrated it: install that"
        )
    return at
