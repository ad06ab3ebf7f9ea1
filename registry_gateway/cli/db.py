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
from registry_gateway.cli.output import print_json, say
from registry_gateway.cli.parameters import database_url_option, json_option
from registry_gateway.cli.session import Session, configured, opened, run_at_any_level
from registry_gateway.store import copy, level, migrate


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
@json_option
@database_url_option
def upgrade(revision: str, as_json: bool, database_url: str | None) -> None:
    """Migrate the database to REVISION, by default the newest of this version.

    The migration is one transaction. A missing SQLite file is created. Gateways that start together may all do this;
    they wait for each other.
    """

    async def work(session: Session) -> str | None:
        await require_known(session.store)
        await migrate.upgrade(session.store, revision)
        return await level.current(session.store)

    _print_migration(run_at_any_level(database_url, work), as_json=as_json)


@db.command(
    epilog="""\b
Examples:
  registry-gateway db downgrade -- -1     one step back
  registry-gateway db downgrade base      all the way: every table is dropped

Stop the gateways first, and have a backup: what a migration added is lost.
""",
)
@click.argument("revision")
@json_option
@database_url_option
def downgrade(revision: str, as_json: bool, database_url: str | None) -> None:
    """Migrate the database back to REVISION."""

    async def work(session: Session) -> str | None:
        require_file(session.store.file, upgrade_command(database_url))
        await require_known(session.store)
        await migrate.downgrade(session.store, revision)
        return await level.current(session.store)

    _print_migration(run_at_any_level(database_url, work), as_json=as_json)


@db.command()
@json_option
@database_url_option
def current(as_json: bool, database_url: str | None) -> None:
    """Print the migration of the database, and the newest of this version."""

    async def work(session: Session) -> str | None:
        require_file(session.store.file, upgrade_command(database_url))
        return await level.current(session.store)

    at = run_at_any_level(database_url, work, reading=True)
    if as_json:
        print_json({"migration": at, "newest": level.NEWEST})
        return
    say(f"database  {at or 'none'}")
    say(f"newest    {level.NEWEST}")


@db.command()
@json_option
@database_url_option
def check(as_json: bool, database_url: str | None) -> None:
    """Check that the migration, tables and privileges of the database are those this version needs.

    PostgreSQL must be 15 or newer. The exit code is 2 if the check fails.
    """

    async def work(session: Session) -> None:
        await require_level(session.store, upgrade_command(database_url))
        await require_rights(session.store)
        await migrate.check(session.store)

    run_at_any_level(database_url, work, reading=True)
    if as_json:
        print_json({"migration": level.NEWEST, "up_to_date": True})
    else:
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
@json_option
def copy_rows(source: str, target: str, as_json: bool) -> None:
    """Copy everything in the database SOURCE into the empty database TARGET.

    Both are URLs, and both must be up to date (registry-gateway db upgrade). TARGET gets everything or nothing; SOURCE
    is not changed. A gateway that starts on TARGET continues where the old one stopped: live services have the rest of
    their leases.
    """

    async def work(session: Session) -> dict[str, int]:
        require_file(session.store.file, upgrade_command(source))
        async with opened(*configured(target)) as destination:
            return await copy.copy(session.store, destination.store)

    copied = run_at_any_level(source, work, reading=True)
    if as_json:
        print_json({"rows": copied})
        return
    for table, rows in copied.items():
        say(f"{rows:>9}  {table}")


def _print_migration(at: str | None, *, as_json: bool) -> None:
    if as_json:
        print_json({"migration": at})
    else:
        say(f"The database is at migration {at or 'none'}.")
