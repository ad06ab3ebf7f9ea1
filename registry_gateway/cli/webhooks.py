"""`registry-gateway webhooks`: who is told about events."""

from collections.abc import Sequence

import click

from registry_gateway.adapter import Core
from registry_gateway.cli.output import age, counted, moment, print_json, print_table, say, span_or_zero
from registry_gateway.cli.parameters import database_url_option, dialect_option, json_option
from registry_gateway.cli.session import actor, run
from registry_gateway.core.model import EventKind
from registry_gateway.core.webhook import Attempt, Format, WebhookView
from registry_gateway.webhooks.webhooks import IssuedWebhook, Trial

number_argument = click.argument("number", metavar="ID", type=click.IntRange(1, 2**63 - 1))


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
@click.argument("url")
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
@database_url_option
def add(
    url: str, kinds: tuple[str, ...], dialect: str | None, form: str, as_json: bool, database_url: str | None
) -> None:
    """Send messages about events from now on to URL, and print the secret that signs them, once.

    The secret is alone on the last line of standard output. The receiver verifies the messages with it, as the Standard
    Webhooks specification describes; Slack needs none. URL must lead to a public address, unless
    REGISTRY_GATEWAY_WEBHOOK_PRIVATE_NETWORKS names its network, here and in the gateways.
    """

    async def work(core: Core) -> IssuedWebhook:
        return await core.webhooks.add(url, [EventKind(kind) for kind in kinds], dialect, Format(form), actor())

    issued = run(database_url, work)
    if as_json:
        print_json(issued)
        return
    wanted = f"events of the kinds {', '.join(issued.kinds)}" if issued.kinds else "all events"
    of_dialect = "" if issued.dialect is None else f" of {issued.dialect}"
    say(f"Webhook {issued.id} is told about {wanted}{of_dialect} from now on.", err=True)
    say(f"To try it: registry-gateway webhooks test {issued.id}", err=True)
    _print_secret(issued)


@webhooks.command("list")
@json_option
@database_url_option
def list_(as_json: bool, database_url: str | None) -> None:
    """List the webhooks with their state. Of their URLs only the host is shown, because the rest is often a secret."""

    async def work(core: Core) -> tuple[Sequence[WebhookView], float]:
        return await core.webhooks.list(), core.clock.now()

    found, now = run(database_url, work, reading=True)
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
                    _state(webhook, now),
                    webhook.format.value,
                    webhook.dialect or "all",
                    ", ".join(webhook.kinds) or "all",
                    "never" if webhook.delivered_at is None else f"{age(now - webhook.delivered_at)} ago",
                    webhook.url,
                )
                for webhook in found
            ],
        )


def _state(webhook: WebhookView, now: float) -> str:
    if webhook.disabled_at is not None:
        return f"disabled {moment(webhook.disabled_at)}"
    if webhook.failing_since is not None:
        return f"failing for {age(now - webhook.failing_since)}"
    return webhook.state.value


@webhooks.command()
@number_argument
@json_option
@database_url_option
@click.pass_context
def test(context: click.Context, number: int, as_json: bool, database_url: str | None) -> None:
    """Send a test message to the webhook ID from this machine. Exit code 0: it was accepted. 1: it was not."""

    async def work(core: Core) -> Trial:
        return await core.webhooks.test(number)

    trial = run(database_url, work, reading=True)
    if as_json:
        print_json(trial)
    elif trial.delivered:
        say(f"Webhook {number} answered {trial.status} after {trial.seconds:.2f} s.")
    else:
        say(f"Webhook {number} was not reached: {trial.error}")
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
@database_url_option
def rotate(number: int, overlap: float, as_json: bool, database_url: str | None) -> None:
    """Give the webhook ID a new secret and print it, once.

    During the overlap messages have two signatures, so the receiver may use either secret. A secret from an earlier
    rotation ends at once. The secret is alone on the last line of standard output.
    """

    async def work(core: Core) -> IssuedWebhook:
        return await core.webhooks.rotate(number, overlap, actor())

    issued = run(database_url, work)
    if as_json:
        print_json(issued)
        return
    if issued.old_secret_ends_at is not None:
        say(f"The old secret signs until {moment(issued.old_secret_ends_at)}.", err=True)
    _print_secret(issued)


@webhooks.command()
@number_argument
@json_option
@database_url_option
def enable(number: int, as_json: bool, database_url: str | None) -> None:
    """Enable the webhook ID, which was disabled after a day of failures.

    It is told about events from now on. One message says which events it missed.
    """

    async def work(core: Core) -> WebhookView:
        return await core.webhooks.enable(number, actor())

    enabled = run(database_url, work)
    if as_json:
        print_json(enabled)
    else:
        say(f"Webhook {number} is enabled.")


@webhooks.command()
@number_argument
@json_option
@database_url_option
def remove(number: int, as_json: bool, database_url: str | None) -> None:
    """Remove the webhook ID. A message that is being sent may still arrive."""

    async def work(core: Core) -> WebhookView:
        return await core.webhooks.remove(number, actor())

    removed = run(database_url, work)
    if as_json:
        print_json(removed)
    else:
        say(f"Webhook {number} is removed.")


@webhooks.command()
@number_argument
@json_option
@database_url_option
def deliveries(number: int, as_json: bool, database_url: str | None) -> None:
    """List the last 20 attempts to deliver to the webhook ID, newest first, with the answers."""

    async def work(core: Core) -> Sequence[Attempt]:
        return await core.webhooks.deliveries(number)

    found = run(database_url, work, reading=True)
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
