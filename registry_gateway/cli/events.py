"""`registry-gateway events`: what has happened, and why."""

import asyncio
import contextlib
from collections.abc import Iterable

import click
import msgspec

from registry_gateway.adapter import Core
from registry_gateway.cli.session import database_url_option, dialect_option, run
from registry_gateway.cli.text import details, moment, one_line
from registry_gateway.model import Event

POLL_SECONDS = 1.0
"""Time between two looks for new events."""

MOST = 1000
"""Events read at one look."""


@click.command(
    epilog="""\b
Examples:
  registry-gateway events
  registry-gateway events --follow
  registry-gateway events --service my-model --limit 200
  registry-gateway events --json | jq 'select(.kind == "expired") | .key'
""",
)
@click.option("--follow", is_flag=True, help="Go on and print events as they happen, until Ctrl-C.")
@click.option("--service", "key", metavar="KEY", help="Only those of the service KEY (slug, id), gone or not.")
@dialect_option("Only those of a dialect.")
@click.option("--limit", type=click.IntRange(min=1), default=50, show_default=True, help="At most so many, the newest.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object a line. Times are seconds since the epoch.")
@database_url_option
def events(
    follow: bool, key: str | None, dialect: str | None, limit: int, as_json: bool, database_url: str | None
) -> None:
    """Print what happened to services, oldest first: when, what, to whom, by whom, and why.

    Lapses are recorded within about a second by a gateway that is running. Events are kept for
    REGISTRY_GATEWAY_RETENTION_DAYS.
    """

    async def work(core: Core) -> None:
        found = await core.registry.events(dialect=dialect, key=key, limit=limit)
        print_events(found, as_json=as_json)
        last = found[-1].id if found else 0
        while follow:
            await asyncio.sleep(POLL_SECONDS)
            found = await core.registry.events(after=last, dialect=dialect, key=key, limit=MOST)
            print_events(found, as_json=as_json)
            last = found[-1].id if found else last

    # Ctrl-C is how one stops following, and no failure.
    with contextlib.suppress(KeyboardInterrupt) if follow else contextlib.nullcontext():
        run(database_url, work)


def print_events(events: Iterable[Event], *, as_json: bool = False, whose: bool = True) -> None:
    """Print events, one line each; with `whose`, with the service they are about."""
    for event in events:
        if as_json:
            click.echo(msgspec.json.encode(event))
            continue
        service = f"{event.dialect}/{event.key}" if event.dialect else "-"
        by = event.actor if event.address is None else f"{event.actor} ({event.address})"
        columns = [moment(event.at), f"{event.kind.value:<15}", *([f"{service:<32}"] if whose else []), f"{by:<28}"]
        why = event.reason or details(event.detail)  # a reason words what the details hold
        click.echo(one_line("  ".join([*columns, why])).rstrip())
