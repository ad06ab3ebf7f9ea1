"""Access of commands to the database: settings, store and core."""

import asyncio
import getpass
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import NamedTuple, TypeVar

from registry_gateway import adapter, settings
from registry_gateway.adapter import AnyAdapter, Core
from registry_gateway.app import open_core
from registry_gateway.cli.database_level import require_level, upgrade_command
from registry_gateway.core.model import Actor
from registry_gateway.settings import PREFIX, Configuration
from registry_gateway.store.engine import Store

T = TypeVar("T")


class Session(NamedTuple):
    """A database that a command works on."""

    core: Core
    store: Store


def configured(database_url: str | None) -> tuple[Configuration, tuple[AnyAdapter, ...]]:
    """Return the settings from the environment and the option, and the adapters that are installed.

    Raises:
        SettingsError: A setting is invalid.
    """
    adapters = adapter.installed()
    return settings.load(adapters, os.environ, {f"{PREFIX}DATABASE_URL": database_url}), adapters


def actor() -> Actor:
    """Return the actor of events: the user at the command line (with sudo, the user who ran it) and the machine."""
    try:
        user = os.environ.get("SUDO_USER") or getpass.getuser()
    except (OSError, KeyError):  # a container's user often has no name
        user = str(os.getuid())
    return Actor(f"cli:{user}", socket.gethostname())


@asynccontextmanager
async def opened(
    configuration: Configuration, adapters: Sequence[AnyAdapter], *, reading: bool = False
) -> AsyncIterator[Session]:
    """Open the database of the settings, at any migration, and close it at the end.

    With `reading`, nothing is written: a copy of a SQLite file that can't be written to is enough.
    """
    core, store = open_core(configuration, adapters, reading=reading)
    try:
        yield Session(core, store)
    finally:
        await core.registry.close()


def run(database_url: str | None, work: Callable[[Core], Awaitable[T]], *, reading: bool = False) -> T:
    """Run `work` on the core, over a database that is at the migration this version needs.

    Raises:
        SettingsError: A setting is invalid.
        WrongLevel: The database is at another migration, or there is none yet.
    """

    async def at_level(session: Session) -> T:
        await require_level(session.store, upgrade_command(database_url))
        return await work(session.core)

    return run_at_any_level(database_url, at_level, reading=reading)


def run_at_any_level(database_url: str | None, work: Callable[[Session], Awaitable[T]], *, reading: bool = False) -> T:
    """Run `work` on the database, at any migration.

    Raises:
        SettingsError: A setting is invalid.
    """
    configuration, adapters = configured(database_url)

    async def on_session() -> T:
        async with opened(configuration, adapters, reading=reading) as session:
            return await work(session)

    return asyncio.run(on_session())
