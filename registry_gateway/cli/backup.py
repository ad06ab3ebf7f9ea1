"""`registry-gateway db backup` and `db restore`: copies of a SQLite database."""

from pathlib import Path

import click

from registry_gateway.cli.database_level import require_file, upgrade_command
from registry_gateway.cli.output import moment, print_json, say
from registry_gateway.cli.parameters import database_url_option, json_option
from registry_gateway.cli.session import configured
from registry_gateway.store import level
from registry_gateway.store.database_url import async_url
from registry_gateway.store.sqlite import backup as copies
from registry_gateway.store.sqlite.file import SqliteFile

FILE = click.Path(path_type=Path, dir_okay=False, resolve_path=True)


class NotForPostgresql(click.ClickException):
    """The command is for SQLite only; PostgreSQL has tools of its own."""

    def __init__(self, command: str, tool: str) -> None:
        """Take the command that was given, and what to give instead."""
        super().__init__(f"db {command} is for SQLite; for PostgreSQL use {tool}")


@click.command(
    epilog="""\b
Examples:
  registry-gateway db backup /backup/registry-$(date +%F).db
  registry-gateway db backup /backup/registry.db --database-url sqlite:////var/lib/registry/registry.db

PostgreSQL is backed up with pg_dump --format=custom --file=FILE DATABASE.
""",
)
@click.argument("file", type=FILE)
@json_option
@database_url_option
def backup(file: Path, as_json: bool, database_url: str | None) -> None:
    """Back up the SQLite database into the new file FILE.

    FILE contains the state of one instant. Gateways may run and are not delayed. FILE has mode 0600, because it
    contains hashes of tokens and secrets of webhooks. It appears when it is complete, and an existing file is never
    overwritten.
    """
    database = _file_of(database_url)
    if database is None:
        raise NotForPostgresql("backup", "pg_dump --format=custom --file=FILE DATABASE")
    require_file(database, upgrade_command(database_url))
    if file.exists():
        raise click.ClickException(f"{file} exists already; choose another name, or remove it first")
    try:
        with copies.copied(database, file.parent) as copy:
            revision, _ = copies.examine(copy, database.path)
            copies.name_it(copy, file)
    except OSError as error:
        raise click.ClickException(f"can't write {file}: {error.strerror or error}") from None
    if as_json:
        print_json(
            {"database": str(database.path), "file": str(file), "bytes": file.stat().st_size, "migration": revision}
        )
        return
    say(f"{database.path} is backed up in {file} ({file.stat().st_size:,} bytes, migration {revision}).")


@click.command(
    epilog="""\b
Examples:
  registry-gateway db restore /backup/registry.db
  registry-gateway db restore /backup/registry.db --database-url sqlite:////var/lib/registry/registry.db

Stop the gateway first. PostgreSQL is restored with pg_restore --clean --if-exists --dbname=DATABASE FILE.
""",
)
@click.argument("file", type=FILE)
@json_option
@database_url_option
def restore(file: Path, as_json: bool, database_url: str | None) -> None:
    """Replace the SQLite database by the backup FILE.

    FILE is checked first, and is not changed. The command refuses while a process has the database open. The previous
    database is kept beside the new one, with its write-ahead log, under a name that ends with the time.

    The state is that of the backup: tokens that were revoked since are valid again, and services that left since are
    listed until their lease ends.
    """
    target, source = _file_of(database_url), SqliteFile(str(file))
    if target is None:
        raise NotForPostgresql("restore", "pg_restore --clean --if-exists --dbname=DATABASE FILE")
    if source.missing():
        raise click.ClickException(f"there is no file {file}")
    if target.path.exists() and file.samefile(target.path):
        raise click.ClickException(f"{file} is the database itself")
    try:
        with copies.copied(source, target.path.parent) as copy:
            revision, last = copies.examine(copy, file)
            if revision not in level.REVISIONS:
                raise click.ClickException(f"{file} is at migration {revision}, which this version does not know")
            kept = copies.put_in_place(copy, target)
    except OSError as error:
        raise click.ClickException(f"can't write {target.path}: {target.flaw() or error.strerror}") from None
    if as_json:
        print_json(
            {
                "database": str(target.path),
                "file": str(file),
                "migration": revision,
                "last_used_at": last,
                "previous": None if kept is None else str(kept),
            }
        )
        return
    say(f"{target.path} is restored from {file}, at migration {revision}.")
    if last is not None:
        say(f"A gateway last used it at {moment(last)}.")
    if kept is not None:
        say(f"The previous database is kept: {kept}")
    if revision != level.NEWEST:
        say(f"It is behind this version; {upgrade_command(database_url)}")
    say("Tokens that were revoked since the backup are valid again: see registry-gateway accounts list.")


def _file_of(database_url: str | None) -> SqliteFile | None:
    configuration, _ = configured(database_url)
    return SqliteFile.of_url(async_url(configuration.gateway.database_url))
