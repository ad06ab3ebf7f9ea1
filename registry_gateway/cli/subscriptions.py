"""`registry-gateway subscriptions`: the subscribers that depend on a service."""

from collections.abc import Sequence

import click

from registry_gateway.cli.key_lookup import advising
from registry_gateway.cli.output import moment, print_json, print_table, say
from registry_gateway.cli.parameters import NAME, NUMBER, WORD, dialect_option, json_option
from registry_gateway.cli.registry_access.access import RegistryAccess
from registry_gateway.cli.registry_access.target import Target, registry_option
from registry_gateway.core.model import Subscription


@click.group()
def subscriptions() -> None:
    """Subscriptions: while a service has an active one, it can't be deregistered."""


@subscriptions.command(
    epilog="""\b
Examples:
  registry-gateway subscriptions add scaivault tenant-42
  registry-gateway subscriptions add scaivault tenant-42 --dialect scaicontrol --json
""",
)
@click.argument("slug", type=WORD)
@click.argument("subscriber", type=NAME)
@dialect_option("The dialect of the service, where two have one of that key.")
@json_option
@registry_option
def add(target: Target, slug: str, subscriber: str, dialect: str | None, as_json: bool) -> None:
    """Record that SUBSCRIBER depends on the service SLUG."""

    async def work(registry: RegistryAccess) -> Subscription:
        async with advising(registry, slug):
            return await registry.subscribe(slug, dialect, subscriber)

    added = target.run(work)
    if as_json:
        print_json(added)
    else:
        say(f"Subscription {added.id}: {subscriber} depends on {added.dialect}/{added.key}.")


@subscriptions.command()
@click.argument("number", metavar="ID", type=NUMBER)
@json_option
@registry_option
def cancel(target: Target, number: int, as_json: bool) -> None:
    """Cancel the subscription ID (registry-gateway subscriptions list shows them)."""

    async def work(registry: RegistryAccess) -> Subscription:
        return await registry.unsubscribe(number)

    cancelled = target.run(work)
    if as_json:
        print_json(cancelled)
    else:
        say(f"Subscription {cancelled.id} of {cancelled.subscriber} to {cancelled.key} is cancelled.")


@subscriptions.command("list")
@json_option
@registry_option
def list_(target: Target, as_json: bool) -> None:
    """List the subscriptions, ended ones included."""

    async def work(registry: RegistryAccess) -> Sequence[Subscription]:
        return await registry.subscriptions()

    found = target.run(work, reading=True)
    if as_json:
        print_json(found)
    elif not found:
        say("There are no subscriptions.")
    else:
        print_subscriptions(found)


def print_subscriptions(found: Sequence[Subscription]) -> None:
    """Print subscriptions as a table."""
    print_table(
        ("ID", "STATE", "DIALECT", "SERVICE", "SINCE", "SUBSCRIBER"),
        [(str(s.id), s.state, s.dialect, s.key, moment(s.created_at), s.subscriber) for s in found],
    )
