"""`registry-gateway db`: the migrations of the database."""

import click

from registry_gateway.cli.backup import backup, restore
from registry_gateway.cli.database_level import (
    require_file,
    require_known,
    require_level,
    require_rights,
    upgrade_command,
)
from registry_gateway.cli.output import say
from registry_gateway.cli.parameters import database_url_option
from registry_gateway.cli.session import Session, configured, opened, run_at_any_level
from registry_gateway.store import copy, migrate


@click.group(commands=[backup, restore])
def db() -> None:
    """Bring the database up to date, see whether it is, back it up, restore it."""


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

    async def work(session: Session) -> str | None:
        await require_known(session.store)
        await migrate.upgrade(session.store, revision)
        return await migrate.current(session.store)

    say(f"The database is at migration {run_at_any_level(database_url, work)}.")


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

    async def work(session: Session) -> str | None:
        require_file(session.store.file, upgrade_command(database_url))
        await require_known(session.store)
        await migrate.downgrade(session.store, revision)
        return await migrate.current(session.store)

    say(f"The database is at migration {run_at_any_level(database_url, work) or 'none'}.")


@db.command()
@database_url_option
def current(database_url: str | None) -> None:
    """Print the migration the database is at, and the newest this version has."""

    async def work(session: Session) -> str | None:
        require_file(session.store.file, upgrade_command(database_url))
        return await migrate.current(session.store)

    at = run_at_any_level(database_url, work, reading=True)
    say(f"database  {at or 'none'}")
    say(f"newest    {migrate.head()}")


@db.command()
@database_url_option
def check(database_url: str | None) -> None:
    """Say whether the database is up to date, and its tables and privileges are what this version needs.

    PostgreSQL must be 15 or newer. If anything is wrong, the exit code is 2.
    """

    async def work(session: Session) -> None:
        await require_level(session.store, upgrade_command(database_url))
        await require_rights(session.store)
        await migrate.check(session.store)

    run_at_any_level(database_url, work, reading=True)
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

    async def work(session: Session) -> dict[str, int]:
        require_file(session.store.file, upgrade_command(source))
        async with opened(*configured(target)) as destination:
            return await copy.copy(session.store, destination.store)

    for table, rows in run_at_any_level(source, work, reading=True).items():
        say(f"{rows:>9}  {table}")
