"""`registry-gateway services wait`: return when a service has a status."""

import asyncio
from typing import NamedTuple

import click

from registry_gateway.cli.output import print_json, say, span
from registry_gateway.cli.parameters import WORD, dialect_option, json_option
from registry_gateway.cli.registry_access.access import RegistryAccess
from registry_gateway.cli.registry_access.refusals import NotReady
from registry_gateway.cli.registry_access.target import Target, registry_option
from registry_gateway.core.errors import NotInLog
from registry_gateway.core.status import Status
from registry_gateway.endpoints.catalogue.query import Watching
from registry_gateway.http.remote_server import Unreachable

PAUSE = 1.0
"""Seconds before a gateway that is not ready is asked again."""

TIMED_OUT = 1
"""Exit code if the time is over."""


class Seen(NamedTuple):
    """A service with its status. `name` is its key, with its dialect if it is known."""

    name: str
    status: Status


class _Wait:
    """The wait for one service. `seen` is its status when it was last read."""

    def __init__(self, registry: RegistryAccess, key: str, dialect: str | None, wanted: Status) -> None:
        self._registry = registry
        self._key = key
        self._dialect = dialect
        self._wanted = wanted
        self.seen: Seen | None = None

    async def reached(self) -> bool:
        """Return true when the service has the status."""
        while True:
            try:
                return await self._watched()
            except NotReady:
                await asyncio.sleep(PAUSE)
            except Unreachable:  # once it was there it may be restarting; before, the URL may be wrong
                if self.seen is None:
                    raise
                await asyncio.sleep(PAUSE)
            except NotInLog:  # events were removed before they could be read: look again
                continue

    async def _watched(self) -> bool:
        query = Watching(q=self._key, dialect=() if self._dialect is None else (self._dialect,))
        async with self._registry.changes(query) as changes:  # opened before the first look, so nothing is missed
            if await self._look():
                return True
            async for events in changes:
                concerned = any(e.key == self._key and self._dialect in (None, e.dialect) for e in events)
                if concerned and await self._look():
                    return True
        return False

    async def _look(self) -> bool:
        """Read the status of the service, and tell whether it is the one that is waited for."""
        found = [seen for dialect in await self._dialects() if (seen := await self._read(dialect))]
        registered = [seen for seen in found if seen.status is not Status.GONE]
        self.seen = next((s for s in registered if s.status is self._wanted), None) or next(iter(registered), None)
        if self.seen is None:
            self.seen = next(iter(found), Seen(self._key, Status.GONE))
        return self.seen.status is self._wanted

    async def _dialects(self) -> list[str]:
        return [self._dialect] if self._dialect is not None else list(await self._registry.dialects())

    async def _read(self, dialect: str) -> Seen | None:
        service = await self._registry.service(dialect, self._key)
        return None if service is None else Seen(f"{dialect}/{self._key}", service.status)


@click.command(
    epilog="""\b
Examples:
  registry-gateway services wait my-model
  registry-gateway services wait my-model --timeout 5m --url https://registry.example.org && run-the-tests
  registry-gateway services wait my-model --status gone

Exit code 0: it has the status. 1: it has not after the timeout. 2: the registry can't be read.
""",
)
@click.argument("key", type=WORD)
@click.option(
    "--status",
    "wanted",
    type=click.Choice([status.value for status in Status], case_sensitive=False),
    default=Status.UP.value,
    show_default=True,
    help="The status to wait for. A service that was never registered is gone.",
)
@click.option(
    "--timeout",
    type=span,
    metavar="TIME",
    default="60s",
    show_default=True,
    help="How long to wait, such as 90s or 5m.",
)
@dialect_option("The dialect of the service.  [default: any]")
@json_option
@registry_option
@click.pass_context
def wait(
    context: click.Context,
    target: Target,
    key: str,
    wanted: str,
    timeout: float,
    dialect: str | None,
    as_json: bool,
) -> None:
    """Wait until the service KEY has a status, which it may have already.

    The wait ends with the event that changes the status. It continues while the gateway is restarted.
    """

    async def work(registry: RegistryAccess) -> tuple[bool, Seen | None]:
        waiting = _Wait(registry, key, dialect, Status(wanted))
        try:
            async with asyncio.timeout(timeout):
                return await waiting.reached(), waiting.seen
        except TimeoutError:
            return False, waiting.seen

    reached, seen = target.run(work, reading=True)
    if as_json:
        print_json({"key": key, "reached": reached, "status": None if seen is None else seen.status})
        context.exit(0 if reached else TIMED_OUT)
    if reached and seen is not None:
        say(f"{seen.name} is {seen.status.value}.")
        return
    state = "the gateway is not ready" if seen is None else f"{seen.name} is {seen.status.value}"
    say(f"{key} is not {wanted} after {timeout:g} s: {state}", err=True)
    context.exit(TIMED_OUT)
