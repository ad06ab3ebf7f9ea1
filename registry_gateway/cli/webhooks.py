"""`registry-gateway webhooks`: messages about events to URLs."""

from collections.abc import Sequence

import click

from registry_gateway.cli.output import counted, moment, print_json, print_table, say, span_or_zero
from registry_gateway.cli.parameters import NUMBER, dialect_option, json_option
from registry_gateway.cli.registry_access.access import RegistryAccess
from registry_gateway.cli.registry_access.target import Target, registry_option
from registry_gateway.core.model import EventKind
from registry_gateway.core.webhook import Attempt, Format, WebhookView
from registry_gateway.webhooks.webhooks import IssuedWebhook, Trial

number_argument = click.argument("number", metavar="ID", type=NUMBER)


@click.group()
def webhooks() -> None:
    """Webhooks: messages about events, sent to a URL by the running gateways."""


@webhooks.command(
    epilog="""\b
Examples:
  registry-gateway webhooks add https://alerts.example.com/registry
  registry-gateway webhooks add https://alerts.example.com/registry --kind expired --kind recovered --dialect chap
  registry-gateway webhooks add https://hooks.slack.com/services/T0/B0/XX --kind expired --format slack
  SECRET=$(registry-gateway webhooks add https://alerts.example.com/registry | tail -n 1)
""",
)
@click.argument("receiver", metavar="URL")
@click.option(
    "--kind",
    "kinds",
    multiple=True,
    metavar="KIND",
    type=click.Choice([kind.value for kind in EventKind]),
    help="Only events of this kind, such as expired or recovered; may be repeated.  [default: all]",
)
@dialect_option("Only events of a dialect.")
@click.option(
    "--format",
    "form",
    type=click.Choice([form.value for form in Format]),
    default=Format.JSON.value,
    show_default=True,
    help="json has all members of the events; slack is text for people, for Slack and what accepts its messages.",
)
@json_option
@registry_option
def add(target: Target, receiver: str, kinds: tuple[str, ...], dialect: str | None, form: str, as_json: bool) -> None:
    """Send messages about events from now on to URL, and print the secret that signs them, once.

    The secret is alone on the last line of standard output. The receiver verifies the messages with it, as the Standard
    Webhooks specification describes; Slack needs none. URL must lead to a public address, unless
    REGISTRY_GATEWAY_WEBHOOK_PRIVATE_NETWORKS names its network, for the gateways and, without --url, for this command.
    """

    async def work(registry: RegistryAccess) -> IssuedWebhook:
        return await registry.add_webhook(receiver, [EventKind(kind) for kind in kinds], dialect, Format(form))

    issued = target.run(work)
    if as_json:
        print_json(issued)
        return
    wanted = f"events of the kinds {', '.join(issued.kinds)}" if issued.kinds else "all events"
    of_dialect = "" if issued.dialect is None else f" of {issued.dialect}"
    say(f"Webhook {issued.id} gets messages about {wanted}{of_dialect} from now on.", err=True)
    say(f"To try it: registry-gateway webhooks test {issued.id}", err=True)
    _print_secret(issued)


@webhooks.command("list")
@json_option
@registry_option
def list_(target: Target, as_json: bool) -> None:
    """List the webhooks with their state. Of their URLs only the host is shown, because the rest is often a secret."""

    async def work(registry: RegistryAccess) -> Sequence[WebhookView]:
        return await registry.webhooks()

    found = target.run(work, reading=True)
    if as_json:
        print_json(found)
    elif not found:
        say("There are no webhooks. To add one: registry-gateway webhooks add URL")
    else:
        print_table(
            ("ID", "STATE", "FORMAT", "DIALECT", "KINDS", "LAST DELIVERY", "URL"),
            [
                (
                    str(webhook.id),
                    _state(webhook),
                    webhook.format.value,
                    webhook.dialect or "all",
                    ", ".join(webhook.kinds) or "all",
                    "never" if webhook.delivered_at is None else moment(webhook.delivered_at),
                    webhook.url,
                )
                for webhook in found
            ],
        )


def _state(webhook: WebhookView) -> str:
    if webhook.disabled_at is not None:
        return f"disabled {moment(webhook.disabled_at)}"
    if webhook.failing_since is not None:
        return f"failing since {moment(webhook.failing_since)}"
    return webhook.state.value


@webhooks.command()
@number_argument
@json_option
@registry_option
@click.pass_context
def test(context: click.Context, target: Target, number: int, as_json: bool) -> None:
    """Send a test message to the webhook ID from this machine or, with --url, from the gateway.

    Exit code 0: it was accepted. 1: it was not.
    """

    async def work(registry: RegistryAccess) -> Trial:
        return await registry.test_webhook(number)

    trial = target.run(work, reading=True)
    if as_json:
        print_json(trial)
    elif trial.delivered:
        say(f"Webhook {number} answered {trial.status} after {trial.seconds:.2f} s.")
    else:
        said = "was not reached" if trial.status is None else "did not accept the message"
        say(f"Webhook {number} {said}: {trial.error}")
    context.exit(0 if trial.delivered else 1)


@webhooks.command(
    epilog="""\b
Examples:
  registry-gateway webhooks rotate 1
  registry-gateway webhooks rotate 1 --overlap 7d
  registry-gateway webhooks rotate 1 --overlap 0       the old secret has leaked
""",
)
@number_argument
@click.option(
    "--overlap",
    type=span_or_zero,
    metavar="TIME",
    default="24h",
    show_default=True,
    help="How long the present secret signs too, such as 30m or 7d; 0: it ends at once.",
)
@json_option
@registry_option
def rotate(target: Target, number: int, overlap: float, as_json: bool) -> None:
    """Give the webhook ID a new secret and print it, once.

    During the overlap messages have two signatures, so the receiver may use either secret. A secret from an earlier
    rotation ends at once. The secret is alone on the last line of standard output.
    """

    async def work(registry: RegistryAccess) -> IssuedWebhook:
        return await registry.rotate_webhook(number, overlap)

    issued = target.run(work)
    if as_json:
        print_json(issued)
        return
    if issued.old_secret_ends_at is not None:
        say(f"The old secret signs until {moment(issued.old_secret_ends_at)}.", err=True)
    _print_secret(issued)


@webhooks.command()
@number_argument
@json_option
@registry_option
def enable(target: Target, number: int, as_json: bool) -> None:
    """Enable the webhook ID, which was disabled after a day of failures.

    It gets messages about events from now on. One message says which events it missed.
    """

    async def work(registry: RegistryAccess) -> WebhookView:
        return await registry.enable_webhook(number)

    enabled = target.run(work)
    if as_json:
        print_json(enabled)
    else:
        say(f"Webhook {number} is enabled.")


@webhooks.command()
@number_argument
@json_option
@registry_option
def remove(target: Target, number: int, as_json: bool) -> None:
    """Remove the webhook ID. A message that is being sent may still arrive."""

    async def work(registry: RegistryAccess) -> WebhookView:
        return await registry.remove_webhook(number)

    removed = target.run(work)
    if as_json:
        print_json(removed)
    else:
        say(f"Webhook {number} is removed.")


@webhooks.command()
@number_argument
@json_option
@registry_option
def deliveries(target: Target, number: int, as_json: bool) -> None:
    """List the last 20 attempts to deliver to the webhook ID, newest first, with the answers."""

    async def work(registry: RegistryAccess) -> Sequence[Attempt]:
        return await registry.deliveries(number)

    found = target.run(work, reading=True)
    if as_json:
        print_json(found)
    elif not found:
        say("Nothing was delivered yet.")
    else:
        print_table(
            ("AT", "SECONDS", "STATUS", "EVENTS", "MESSAGE", "RESULT"),
            [
                (
                    moment(attempt.at),
                    f"{attempt.seconds:.2f}",
                    "-" if attempt.status is None else str(attempt.status),
                    _events(attempt),
                    attempt.message,
                    attempt.error or "delivered",
                )
                for attempt in found
            ],
        )


def _events(attempt: Attempt) -> str:
    if attempt.events == 0:
        return f"missing: {attempt.first} to {attempt.last}"
    return f"{counted(attempt.events, 'event')} from {attempt.first}"


def _print_secret(issued: IssuedWebhook) -> None:
    say("The new secret is shown only now:", err=True)
    say(issued.secret)
