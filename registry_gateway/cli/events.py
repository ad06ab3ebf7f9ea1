"""`registry-gateway events`: the log of events."""

import contextlib
from collections.abc import Iterable

import click

from registry_gateway.adapter import Core
from registry_gateway.cli.output import details, moment, print_json_line, say
from registry_gateway.cli.parameters import database_url_option, dialect_option
from registry_gateway.cli.session import run
from registry_gateway.core.errors import NotInLog
from registry_gateway.core.model import Event
from registry_gateway.observability.printable import printable

WIDTHS = (25, 15, 24, 24, 0)
"""Minimal widths of the columns, so that lines added by `--follow` are mostly aligned."""

MOST_WIDE = 48
"""Maximal width of a column."""


@click.command(
    epilog="""\b
Examples:
  registry-gateway events
  registry-gateway events --follow
  registry-gateway events --service my-model --limit 200
  registry-gateway events --json | jq 'select(.kind == "expired") | .key'
""",
)
@click.option("--follow", is_flag=True, help="Continue with new events as they happen, until Ctrl-C.")
@click.option("--service", "key", metavar="KEY", help="Only events of the service KEY (slug, id), also if it is gone.")
@dialect_option("Only those of a dialect.")
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    default=50,
    show_default=True,
    help="Maximum number of events; the newest are printed.",
)
@click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object per line. Times are seconds since the epoch."
)
@database_url_option
def events(
    follow: bool, key: str | None, dialect: str | None, limit: int, as_json: bool, database_url: str | None
) -> None:
    """Print the changes of services, oldest first, with time, kind, service, author, client address and reason.

    The author is an account, the id of a shared key, a user of the command line, or the gateway itself. `--json` also
    has the request id, which is in the log too. --service account:NAME prints the changes of an account.

    A running gateway records a lapse within about a second. Events are kept for REGISTRY_GATEWAY_RETENTION_DAYS, and at
    most REGISTRY_GATEWAY_MAX_EVENTS of them if that is set.
    """

    async def work(core: Core) -> None:
        last = (await core.registry.moment()).event
        found = await core.registry.events(dialect=dialect, key=key, limit=limit)
        last = max([last, *(event.id for event in found)])
        print_events(found, as_json=as_json)
        if follow:
            await follow_on(core, last, dialect, key, as_json=as_json)

    # Ctrl-C ends `--follow` and is not a failure.
    with contextlib.suppress(KeyboardInterrupt) if follow else contextlib.nullcontext():
        run(database_url, work, reading=True)


async def follow_on(core: Core, last: int, dialect: str | None, key: str | None, *, as_json: bool) -> None:
    """Print events after id `last` as they happen."""
    while True:
        follower = core.feed.follow(last)
        try:
            async for batch in follower:
                found = [e for e in batch.events if dialect in (None, e.dialect) and key in (None, e.key)]
                print_events(found, as_json=as_json)
            return
        except NotInLog as gap:
            removed = gap.first - 1 - follower.position
            if removed > 0:
                say(f"{removed} events were removed before they could be shown", err=True)
            last = gap.first - 1 if removed > 0 else gap.last  # the end of the log is missing, as after a restore


def print_events(events: Iterable[Event], *, as_json: bool = False, whose: bool = True) -> None:
    """Print events, one per line; with `whose`, with the service or account they are about."""
    if as_json:
        for event in events:
            print_json_line(event)
        return
    rows = [_columns(event) for event in events]
    widths = [max([least, *(min(len(row[i]), MOST_WIDE) for row in rows)]) for i, least in enumerate(WIDTHS)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        if not whose:
            del cells[2]
        say("  ".join(cells).rstrip())


def _columns(event: Event) -> list[str]:
    """Return the cells of an event's row."""
    whom = f"{event.dialect}/{event.key}" if event.dialect else event.key or "-"
    by = event.actor if event.client_address is None else f"{event.actor} ({event.client_address})"
    why = event.reason or details(event.detail)  # a reason describes the details already
    return [printable(cell) for cell in (moment(event.at), event.kind.value, whom, by, why)]
