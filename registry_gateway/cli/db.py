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
    """Migrate, check, back up, restore and copy the database."""


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
    """Migrate the database to REVISION, by default the newest of this version.

    The migration is one transaction. A missing SQLite file is created. Gateways that start together may all do this;
    they wait for each other.
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
    """Migrate the database back to REVISION."""

    async def work(session: Session) -> str | None:
        require_file(session.store.file, upgrade_command(database_url))
        await require_known(session.store)
        await migrate.downgrade(session.store, revision)
        return await migrate.current(session.store)

    say(f"The database is at migration {run_at_any_level(database_url, work) or 'none'}.")


@db.command()
@database_url_option
def current(database_url: str | None) -> None:
    """Print the migration of the database, and the newest of this version."""

    async def work(session: Session) -> str | None:
        require_file(session.store.file, upgrade_command(database_url))
        return await migrate.current(session.store)

    at = run_at_any_level(database_url, work, reading=True)
    say(f"database  {at or 'none'}")
    say(f"newest    {migrate.head()}")


@db.command()
@database_url_option
def check(database_url: str | None) -> None:
    """Check that the migration, tables and privileges of the database are those this version needs.

    PostgreSQL must be 15 or newer. The exit code is 2 if the check fails.
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

Stop the gateways on SOURCE first: their later writes are not copied.
""",
)
@click.argument("source")
@click.argument("target")
def copy_rows(source: str, target: str) -> None:
    """Copy everything in the database SOURCE into the empty database TARGET.

    Both are URLs, and both must be up to date (registry-gateway db upgrade). TARGET gets everything or nothing; SOURCE
    is not changed. A gateway that starts on TARGET continues where the old one stopped: live services have the rest of
    their leases.
    """

    async def work(session: Session) -> dict[str, int]:
        require_file(session.store.file, upgrade_command(source))
        async with opened(*configured(target)) as destination:
            return await copy.copy(session.store, destination.store)

    for table, rows in run_at_any_level(source, work, reading=True).items():
        say(f"{rows:>9}  {table}")
