"""`registry-gateway export`: the registry as JSON, one object per line."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import aclosing, contextmanager
from pathlib import Path
from typing import IO

import click

from registry_gateway.cli.output import json_line
from registry_gateway.cli.parameters import dialect_option
from registry_gateway.cli.registry_access.access import RegistryAccess
from registry_gateway.cli.registry_access.target import Target, registry_option


@click.command(
    epilog="""\b
Examples:
  registry-gateway export > registry.jsonl
  registry-gateway export --events --output /backup/registry.jsonl
  registry-gateway export --url https://registry.example.org > registry.jsonl
  registry-gateway export --dialect chap | jq -r 'select(.status == "up") | .document.url'
""",
)
@click.option(
    "--output",
    "path",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write to FILE, with mode 0600; it appears when it is complete.  [default: standard output]",
)
@click.option("--events", is_flag=True, help="Also print the event log, after the registrations.")
@dialect_option("Only those of a dialect.")
@registry_option
def export(target: Target, path: Path | None, events: bool, dialect: str | None) -> None:
    """Print all registrations, including ended ones that are kept, one JSON object per line.

    All lines are of one instant; a gateway may run in the meantime. Credentials are not exported. Times are seconds
    since the epoch. To move a registry to another database use `db copy`. With --url, the events of accounts and
    webhooks need a token with admin:registry.
    """

    async def work(registry: RegistryAccess) -> None:
        with _written(path) as file:
            async with aclosing(registry.export(dialect, events=events)) as made:
                async for line in made:
                    file.write(json_line(line).encode() + b"\n")

    target.run(work, reading=True)


@contextmanager
def _written(target: Path | None) -> Iterator[IO[bytes]]:
    """Open the output. A file gets its name at the end, so that an incomplete export is never mistaken for a whole one.

    The file is readable by its owner alone, and new: an existing link of its name is not followed.
    """
    if target is None:
        with click.open_file("-", "wb") as out:
            yield out
        return
    if target.exists() and not target.is_file():
        raise click.ClickException(f"can't write {target}: it is not a regular file")
    try:
        number, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".unfinished", dir=target.parent)
    except OSError as error:
        raise click.ClickException(f"can't write {target}: {error.strerror or error}") from None
    unfinished = Path(name)
    try:
        with open(number, "wb") as out:  # noqa: PTH123 - Path can't open a descriptor
            yield out
            out.flush()
            os.fsync(out.fileno())
        unfinished.replace(target)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
