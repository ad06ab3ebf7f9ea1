"""`registry-gateway services`: list, show, approve and remove services."""

import click
import msgspec

from registry_gateway.adapter import Core
from registry_gateway.cli.key_lookup import find_service
from registry_gateway.cli.output import age, print_json, print_table, say
from registry_gateway.cli.parameters import database_url_option, dialect_option, json_option
from registry_gateway.cli.service_details import Dossier, compile_dossier, print_dossier
from registry_gateway.cli.session import actor, run
from registry_gateway.core.commands import Approve, Deregister
from registry_gateway.core.errors import StillSubscribed
from registry_gateway.core.lease import Policies
from registry_gateway.core.model import Entry, Registration
from registry_gateway.core.status import status
from registry_gateway.registry.queries import Listing

which_dialect = dialect_option("The dialect of the service, where two have one of that key.")


@click.group()
def services() -> None:
    """The services in the registry. KEY is what a service registered under: its slug, id or instance id."""


@services.command(
    "list",
    epilog="""\b
Examples:
  registry-gateway services list
  registry-gateway services list --dialect chap --alive
  registry-gateway services list --json | jq -r '.[] | select(.health != "healthy") | .key'
""",
)
@dialect_option("Only those of a dialect.")
@click.option("--alive", is_flag=True, help="Only services whose lease is running.")
@json_option
@database_url_option
def list_(dialect: str | None, alive: bool, as_json: bool, database_url: str | None) -> None:
    """List the services, with their status, their health, whether they are approved, and their last heartbeat.

    The status (pending, up, degraded, down, gone) is the same for all dialects; the health is the dialect's own word.
    """

    async def work(core: Core) -> tuple[Listing, Policies]:
        return await core.registry.queries.list(dialect, alive=alive), core.registry.policies

    (found, now), policies = run(database_url, work, reading=True)
    if as_json:
        print_json([_summary(entry, policies, now) for entry in found])
    elif not found:
        say("No service is registered. (registry-gateway events shows past changes.)")
    else:
        print_table(
            ("KEY", "DIALECT", "NAME", "VERSION", "STATUS", "HEALTH", "APPROVED", "LAST SEEN", "ADDRESS"),
            [
                (
                    entry.registration.key,
                    entry.registration.dialect,
                    entry.registration.name,
                    entry.registration.version,
                    _status(entry, policies, now),
                    entry.health.value,
                    "yes" if entry.registration.approved else "no",
                    f"{age(now - entry.registration.lease.last_seen)} ago",
                    entry.registration.address or "-",
                )
                for entry in found
            ],
        )


def _status(entry: Entry, policies: Policies, now: float) -> str:
    return status(entry.registration, policies.of(entry.registration.dialect), now).value


def _summary(entry: Entry, policies: Policies, now: float) -> dict[str, object]:
    return {
        **msgspec.structs.asdict(entry.registration),
        "status": _status(entry, policies, now),
        "health": entry.health,
        "approved": entry.registration.approved,
        "last_seen": entry.registration.lease.last_seen,
    }


@services.command(
    epilog="""\b
Examples:
  registry-gateway services show my-model
  registry-gateway services show my-model --json | jq .document
""",
)
@click.argument("key")
@which_dialect
@json_option
@database_url_option
def show(key: str, dialect: str | None, as_json: bool, database_url: str | None) -> None:
    """Show everything about the service KEY: lease, health, versions, subscriptions, document and last events.

    Of a service that is gone it shows the last events: when it left, and why.
    """

    async def work(core: Core) -> Dossier:
        return await compile_dossier(core, key, dialect)

    dossier = run(database_url, work, reading=True)
    if as_json:
        print_json(dossier)
    else:
        print_dossier(dossier)


@services.command()
@click.argument("key")
@which_dialect
@json_option
@database_url_option
def approve(key: str, dialect: str | None, as_json: bool, database_url: str | None) -> None:
    """Approve the service KEY, which waits for it as `pending`. Approving twice changes nothing."""

    async def work(core: Core) -> Registration:
        found = (await find_service(core, key, dialect)).registration
        return (await core.registry.approve(Approve(found.dialect, found.key, actor()))).registration

    approved = run(database_url, work)
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
@click.argument("key")
@click.option("--reason", metavar="TEXT", help="Why; kept in the log of events.")
@which_dialect
@json_option
@database_url_option
def remove(key: str, reason: str | None, dialect: str | None, as_json: bool, database_url: str | None) -> None:
    """Deregister the service KEY of any owner.

    Refused while it has active subscriptions. A service that still runs may register again.
    """

    async def work(core: Core) -> Registration:
        found = (await find_service(core, key, dialect)).registration
        command = Deregister(dialect=found.dialect, key=found.key, actor=actor(), reason=reason, forced=True)
        return (await core.registry.deregister(command)).registration

    try:
        removed = run(database_url, work)
    except StillSubscribed as error:
        raise click.ClickException(f"{error}; registry-gateway subscriptions list shows them") from None
    if as_json:
        print_json(removed)
    else:
        say(f"{removed.dialect}/{removed.key} is deregistered. If it still runs, it may register again.")
