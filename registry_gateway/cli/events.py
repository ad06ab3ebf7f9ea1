"""`registry-gateway events`: the log of events."""

import contextlib
from collections.abc import Iterable
from typing import cast

import click
import msgspec

from registry_gateway.cli.output import details, moment, print_json_line, say
from registry_gateway.cli.parameters import COUNT, WORD, dialect_option
from registry_gateway.cli.registry_access.access import RegistryAccess
from registry_gateway.cli.registry_access.target import Target, registry_option
from registry_gateway.core import time_text
from registry_gateway.core.errors import NotInLog
from registry_gateway.core.model import Event, EventKind
from registry_gateway.endpoints.catalogue.log_query import Kind, LogQuery
from registry_gateway.endpoints.catalogue.query import Watching
from registry_gateway.observability.printable import printable

WIDTHS = (25, 15, 24, 24, 0)
"""Minimal widths of the columns, so that lines added by `--follow` are mostly aligned."""

MOST_WIDE = 48
"""Maximal width of a column."""


MOST_DEFAULT = 50
"""Events that are printed by default."""

MOST_SINCE = 10_000
"""Events that are printed by default if the time is limited."""


def _time(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    if value is not None:
        try:
            time_text.instant(value, 0.0)
        except ValueError as error:
            raise click.BadParameter(str(error)) from None
    return value


@click.command(
    epilog="""\b
Examples:
  registry-gateway events
  registry-gateway events --since 1h --kind expired --kind deregistered
  registry-gateway events --follow --dialect chap
  registry-gateway events --service my-model --limit 200
  registry-gateway events --json | jq 'select(.kind == "expired") | .key'
""",
)
@click.option("--follow", is_flag=True, help="Continue with new events as they happen, until Ctrl-C.")
@click.option(
    "--service", "key", type=WORD, metavar="KEY", help="Only events of the service KEY (slug, id), also if it is gone."
)
@dialect_option("Only those of a dialect.")
@click.option(
    "--kind",
    "kinds",
    type=click.Choice([kind.value for kind in EventKind]),
    metavar="KIND",
    multiple=True,
    help="Only those of a kind, such as expired. May be repeated.",
)
@click.option(
    "--actor", type=WORD, metavar="NAME", help="Only those of the actor NAME, such as account:alice or gateway."
)
@click.option("--since", metavar="TIME", callback=_time, help="Not before TIME.")
@click.option("--until", metavar="TIME", callback=_time, help="Before TIME.")
@click.option(
    "--limit",
    type=COUNT,
    help=f"Maximum number of events; the newest are printed.  [default: {MOST_DEFAULT}; with --since {MOST_SINCE}]",
)
@click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object per line. Times are seconds since the epoch."
)
@registry_option
def events(
    target: Target,
    follow: bool,
    key: str | None,
    dialect: str | None,
    kinds: tuple[str, ...],
    actor: str | None,
    since: str | None,
    until: str | None,
    limit: int | None,
    as_json: bool,
) -> None:
    """Print the changes of services, oldest first, with time, kind, service, actor, client address and reason.

    The actor is an account, the id of a shared key, a user of the command line, or the gateway itself. `--json` also
    has the request id, which is in the log too. --service account:NAME prints the changes of an account; with --url
    those of accounts are left out. TIME is RFC 3339 with an offset, epoch seconds, or a duration before now such as
    90s, 30m, 1h or 7d.

    A running gateway records a lapse within about a second. Events are kept for REGISTRY_GATEWAY_RETENTION_DAYS, and at
    most REGISTRY_GATEWAY_MAX_EVENTS of them if that is set.
    """
    if follow and until is not None:
        raise click.UsageError("use --follow or --until, not both")
    most = limit or (MOST_DEFAULT if since is None else MOST_SINCE)

    query = LogQuery(
        dialect=() if dialect is None else (dialect,),
        kind=cast("tuple[Kind, ...]", kinds),
        key=key,
        actor=actor,
        since=since,
        until=until,
    )

    async def work(registry: RegistryAccess) -> None:
        last = await registry.last_event()
        found, more = await registry.log(query, most)
        print_events(found[::-1], as_json=as_json)
        if more and since is not None:
            say(f"Only the newest {most} events are printed; --limit prints more", err=True)
        if follow:
            await follow_on(registry, max([last, *(event.id for event in found)]), query, as_json=as_json)

    # Ctrl-C ends `--follow` and is not a failure.
    with contextlib.suppress(KeyboardInterrupt) if follow else contextlib.nullcontext():
        target.run(work, reading=True)


async def follow_on(registry: RegistryAccess, last: int, query: LogQuery, *, as_json: bool) -> None:
    """Print events after id `last` as they happen, whatever their time."""
    wanted = msgspec.structs.replace(query, since=None, until=None).wanted(0.0)
    while True:
        try:
            watching = Watching(dialect=query.dialect, q=query.key, last_event_id=last)
            async with registry.changes(watching) as changes:
                async for events in changes:
                    print_events(filter(wanted.matches, events), as_json=as_json)
            return
        except NotInLog as gap:
            removed = gap.first - 1 - gap.after
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
