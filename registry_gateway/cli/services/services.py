"""`registry-gateway services`: list, show, approve, remove and wait for services."""

from collections.abc import Callable
from typing import get_args

import click
from msgspec import UNSET

from registry_gateway.cli.key_lookup import advising
from registry_gateway.cli.output import print_json, say
from registry_gateway.cli.parameters import COUNT, TEXT, WORD, dialect_option, json_option
from registry_gateway.cli.registry_access.access import RegistryAccess
from registry_gateway.cli.registry_access.target import Target, registry_option
from registry_gateway.cli.services import listing
from registry_gateway.cli.services.details import Details, print_details, read_details
from registry_gateway.cli.services.wait import wait
from registry_gateway.core.errors import StillSubscribed
from registry_gateway.core.status import REGISTERED, Status
from registry_gateway.endpoints.admin.wire import ServiceView
from registry_gateway.endpoints.catalogue.query import Order, Services

which_dialect = dialect_option("The dialect of the service, where two have one of that key.")

STATUSES = click.Choice([status.value for status in Status], case_sensitive=False)
ORDERS = click.Choice(get_args(Order), case_sensitive=False)


def _filters(command: Callable[..., None]) -> Callable[..., None]:
    for option in (
        click.option(
            "--host", type=WORD, metavar="HOST", help="Only those at an address of this host, whatever scheme and port."
        ),
        click.option("--tool", type=WORD, metavar="NAME", help="Only those with a tool of exactly this name."),
        click.option(
            "--status", "statuses", type=STATUSES, multiple=True, help="Only those with a status; may be repeated."
        ),
        dialect_option("Only those of a dialect."),
    ):
        command = option(command)
    return command


@click.group(commands=[wait])
def services() -> None:
    """The services in the registry. KEY is what a service registered under: its slug, id or instance id."""


@services.command(
    "list",
    epilog="""\b
Examples:
  registry-gateway services list
  registry-gateway services list --dialect chap --status down --sort -last_seen
  registry-gateway services list --tool rotate --url https://registry.example.org
  registry-gateway services list --json | jq -r '.[] | select(.health != "healthy") | .key'
""",
)
@_filters
@click.option("--alive", is_flag=True, help="Only services whose lease is running.")
@click.option(
    "--sort",
    type=ORDERS,
    help="Order; `-` reverses it.  [default: key, which is by dialect and key; -ended_at with --status gone]",
)
@click.option("--limit", type=COUNT, help="Maximum number of services.  [default: all]")
@json_option
@registry_option
def list_(
    target: Target,
    dialect: str | None,
    statuses: tuple[str, ...],
    tool: str | None,
    host: str | None,
    alive: bool,
    sort: Order | None,
    limit: int | None,
    as_json: bool,
) -> None:
    """List the services, with their status, their health, whether they are approved, and their last heartbeat.

    The status (pending, up, degraded, down, gone) is the same for all dialects; the health is the dialect's own word.
    Without --status it lists all but those that are gone.
    """
    query = Services(
        dialect=() if dialect is None else (dialect,),
        status=tuple(map(Status, statuses)) or REGISTERED,
        tool=tool,
        host=host,
        sort=UNSET if sort is None else sort,
    )

    async def work(registry: RegistryAccess) -> listing.Listed:
        return await listing.listed(registry, query, alive=alive, limit=limit)

    found = target.run(work, reading=True)
    if as_json:
        listing.print_list_as_json(found)
    else:
        listing.print_list(found)


@services.command(
    epilog="""\b
Examples:
  registry-gateway services show my-model
  registry-gateway services show my-model --json | jq .document
""",
)
@click.argument("key", type=WORD)
@which_dialect
@json_option
@registry_option
def show(target: Target, key: str, dialect: str | None, as_json: bool) -> None:
    """Show everything about the service KEY: lease, health, versions, subscriptions, document and last events.

    Of a service that is gone it shows the last events: when it left, and why.
    """

    async def work(registry: RegistryAccess) -> Details:
        return await read_details(registry, key, dialect)

    details = target.run(work, reading=True)
    if as_json:
        print_json(details)
    else:
        print_details(details)


@services.command()
@click.argument("key", type=WORD)
@which_dialect
@json_option
@registry_option
def approve(target: Target, key: str, dialect: str | None, as_json: bool) -> None:
    """Approve the service KEY, which waits for it as `pending`. Approving twice changes nothing."""

    async def work(registry: RegistryAccess) -> ServiceView:
        async with advising(registry, key):
            return await registry.approve(key, dialect)

    approved = target.run(work)
    if as_json:
        print_json(approved)
    else:
        say(f"{approved.dialect}/{approved.key} is approved.")


@services.command(
    epilog="""\b
Examples:
  registry-gateway services remove my-model
  registry-gateway services remove my-model --reason "moved to another cluster"
""",
)
@click.argument("key", type=WORD)
@click.option("--reason", type=TEXT, metavar="TEXT", help="Why; kept in the log of events.")
@which_dialect
@json_option
@registry_option
def remove(target: Target, key: str, reason: str | None, dialect: str | None, as_json: bool) -> None:
    """Deregister the service KEY of any owner.

    Refused while it has active subscriptions. A service that still runs may register again.
    """

    async def work(registry: RegistryAccess) -> ServiceView:
        async with advising(registry, key):
            return await registry.remove(key, dialect, reason)

    try:
        removed = target.run(work)
    except StillSubscribed as error:
        raise click.ClickException(f"{error}; registry-gateway subscriptions list shows them") from None
    if as_json:
        print_json(removed)
    else:
        say(f"{removed.dialect}/{removed.key} is deregistered. If it still runs, it may register again.")
