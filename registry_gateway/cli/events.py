"""`registry-gateway events`: what has happened, and why."""

import asyncio
import contextlib
import time
from collections.abc import Iterable

import click
import msgspec

from registry_gateway.adapter import Core
from registry_gateway.cli.session import database_url_option, dialect_option, run
from registry_gateway.cli.text import details, moment, one_line
from registry_gateway.model import Event

POLL_SECONDS = 1.0
"""Time between two looks for new events."""

SETTLE_SECONDS = 5.0
"""How long an event with a lower number may still turn up after one with a higher: transactions overlap."""


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
        following = Following()
        found = await core.registry.events(dialect=dialect, key=key, limit=limit)
        print_events(following.new(found, time.monotonic()), as_json=as_json)
        while follow:
            await asyncio.sleep(POLL_SECONDS)
            found = await core.registry.events(after=following.after, dialect=dialect, key=key, limit=10_000)
            print_events(following.new(found, time.monotonic()), as_json=as_json)

    # Ctrl-C is how one stops following, and no failure.
    with contextlib.suppress(KeyboardInterrupt) if follow else contextlib.nullcontext():
        run(database_url, work)


class Following:
    """Which events have been seen, and from where to read on.

    Events are numbered when they are written, but seen when they are committed: on PostgreSQL number 8 may appear
    after number 9. So the last seconds are read again, and what has been seen is left out.
    """

    def __init__(self) -> None:
        """Start with nothing seen."""
        self.after = 0
        self._seen: dict[int, float] = {}

    def new(self, found: Iterable[Event], now: float) -> list[Event]:
        """Return those of `found` that are new at `now` (seconds, of any clock that only goes forward)."""
        fresh = [event for event in found if event.id not in self._seen]
        if self.after == 0 and fresh:
            self.after = fresh[0].id - 1  # what `--limit` cut off stays cut off
        self._seen.update((event.id, now) for event in fresh)
        settled = [number for number, since in self._seen.items() if since <= now - SETTLE_SECONDS]
        self.after = max([self.after, *settled])
        self._seen = {number: since for number, since in self._seen.items() if number > self.after}
        return fresh


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
