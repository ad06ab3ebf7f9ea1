"""`registry-gateway db`: the migrations of the database."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import click

from registry_gateway.cli.backup import backup, restore
from registry_gateway.cli.output import say
from registry_gateway.cli.session import (
    configured,
    database_url_option,
    require_file,
    require_known,
    require_level,
    require_rights,
    upgrade_command,
)
from registry_gateway.store import copy, migrate
from registry_gateway.store.engine import Store

T = TypeVar("T")


@click.group(commands=[backup, restore])
def db() -> None:
    """Bring the database up to date, see whether it is, back it up, restore it."""


def _on_store(database_url: str | None, work: Callable[[Store], Awaitable[T]], *, reading: bool = False) -> T:
    configuration, _ = configured(database_url)

    async def on_store() -> T:
        store = Store(configuration.gateway.database_url, reading=reading)
        try:
            return await work(store)
        finally:
            await store.close()

    return asyncio.run(on_store())


@db.command(
    epilog="""\b
Examples:
  registry-gateway db upgrade
  registry-gateway db upgrade --database-url postgresql://registry@db/registry
""",
)
@click.argument("revision", default="head")
@database_url_option
def upgrade(revision: str, database_url: str | None) -> None:
    """Bring the database up to REVISION, by default the newest this version has.

    All of it is one transaction: it is done, or nothing is. A SQLite file that isn't there is made. Gateways that
    start together may all do this; they wait for each other.
    """

    async def work(store: Store) -> str | None:
        await require_known(store)
        await migrate.upgrade(store, revision)
        return await migrate.current(store)

    say(f"The database is at migration {_on_store(database_url, work)}.")


@db.command(
    epilog="""\b
Examples:
  registry-gateway db downgrade -- -1     one step back
  registry-gateway db downgrade base      all the way: every table is dropped

Stop the gateways first, and have a backup: what a migration added is lost.
""",
)
@click.argument("revision")
@database_url_option
def downgrade(revision: str, database_url: str | None) -> None:
    """Take the database back to REVISION."""

    async def work(store: Store) -> str | None:
        require_file(store, upgrade_command(database_url))
        await require_known(store)
        await migrate.downgrade(store, revision)
        return await migrate.current(store)

    say(f"The database is at migration {_on_store(database_url, work) or 'none'}.")


@db.command()
@database_url_option
def current(database_url: str | None) -> None:
    """Print the migration the database is at, and the newest this version has."""

    async def work(store: Store) -> str | None:
        require_file(store, upgrade_command(database_url))
        return await migrate.current(store)

    at = _on_store(database_url, work, reading=True)
    say(f"database  {at or 'none'}")
    say(f"newest    {migrate.head()}")


@db.command()
@database_url_option
def check(database_url: str | None) -> None:
    """Say whether the database is up to date, and its tables and privileges are what this version needs.

    PostgreSQL must be 15 or newer. If anything is wrong, the exit code is 2.
    """

    async def work(store: Store) -> None:
        await require_level(store, upgrade_command(database_url))
        await require_rights(store)
        await migrate.check(store)

    _on_store(database_url, work, reading=True)
    say("The database is up to date.")


@db.command(
    name="copy",
    epilog="""\b
Examples:
  registry-gateway db upgrade --database-url postgresql://registry@db/registry
  registry-gateway db copy sqlite:///registry.db postgresql://registry@db/registry

Stop the gateways on SOURCE first: what they write in the meantime is not copied.
""",
)
@click.argument("source")
@click.argument("target")
def copy_rows(source: str, target: str) -> None:
    """Copy everything in the database SOURCE into the empty database TARGET.

    Both are URLs, and both must be up to date (registry-gateway db upgrade). TARGET gets all of it or nothing; SOURCE
    stays as it is. Started on TARGET, the gateway goes on where it was: what was alive starts a full lease.
    """

    async def work(store: Store) -> dict[str, int]:
        require_file(store, upgrade_command(source))
        destination = Store(_checked(target))
        try:
            return await copy.copy(store, destination)
        finally:
            await destination.close()

    for table, rows in _on_store(source, work, reading=True).items():
        say(f"{rows:>9}  {table}")


def _checked(url: str) -> str:
    configuration, _ = configured(url)
    return configuration.gateway.database_url
