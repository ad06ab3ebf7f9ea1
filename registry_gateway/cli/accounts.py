"""`registry-gateway accounts`: the service accounts of dialects that have such."""

from collections.abc import Sequence

import click

from registry_gateway.adapter import Core
from registry_gateway.cli.session import database_url_option, json_option, run
from registry_gateway.cli.text import moment, print_json, print_table
from registry_gateway.model import Account

DEFAULT_SCOPE = "registry:manage"


@click.group()
def accounts() -> None:
    """Service accounts, and the bearer tokens ScaiControl services register with."""


@accounts.command(
    epilog="""\b
Examples:
  registry-gateway accounts create scaiflow
  registry-gateway accounts create scaiflow --slug scaiflow --slug scaiflow-worker
  TOKEN=$(registry-gateway accounts create scaiflow | tail -n 1)
""",
)
@click.argument("name")
@click.option(
    "--scope", "scopes", multiple=True, help=f"What the account may do; may be repeated.  [default: {DEFAULT_SCOPE}]"
)
@click.option(
    "--slug", "slugs", multiple=True, help="A service the account may register; may be repeated.  [default: any]"
)
@database_url_option
def create(name: str, scopes: tuple[str, ...], slugs: tuple[str, ...], database_url: str | None) -> None:
    """Create the account NAME and print its token, once.

    The token is alone on the last line of standard output. Keep it: the database holds only a hash of it. A service
    sends it as `Authorization: Bearer TOKEN`.
    """
    _refuse_blank(name, *scopes, *slugs)
    granted = scopes or (DEFAULT_SCOPE,)

    async def work(core: Core) -> str:
        return await core.accounts.create(name, granted, slugs)

    token = run(database_url, work)
    by_default = "" if scopes else " (the default)"
    click.echo(f"Account {name} has the scope {', '.join(granted)}{by_default}.", err=True)
    click.echo(f"It may register {', '.join(slugs) or 'any service'}. Its token, shown only now:", err=True)
    click.echo(token)


def _refuse_blank(*words: str) -> None:
    for word in words:
        if not word.strip() or not word.isprintable() or word != word.strip():
            raise click.UsageError("a NAME, scope or slug can't be empty, or hold spaces around it")


@accounts.command("list")
@json_option
@database_url_option
def list_(as_json: bool, database_url: str | None) -> None:
    """List the accounts, revoked ones included. Tokens are not kept and can't be shown."""

    async def work(core: Core) -> Sequence[Account]:
        return await core.accounts.list()

    found = run(database_url, work)
    if as_json:
        print_json(found)
    elif not found:
        click.echo("There are no accounts: registry-gateway accounts create NAME makes one.")
    else:
        print_table(
            ("NAME", "STATE", "CREATED", "SCOPES", "SERVICES"),
            [
                (
                    account.name,
                    "active" if account.revoked_at is None else f"revoked {moment(account.revoked_at)}",
                    moment(account.created_at),
                    ", ".join(account.scopes),
                    ", ".join(account.slugs) or "any",
                )
                for account in found
            ],
        )


@accounts.command()
@click.argument("name")
@database_url_option
def revoke(name: str, database_url: str | None) -> None:
    """Make the tokens of the account NAME worthless.

    A gateway that is running refuses them within five seconds. What the account registered stays until its lease
    ends. The name can't be given again.
    """

    async def work(core: Core) -> Account:
        return await core.accounts.revoke(name)

    account = run(database_url, work)
    click.echo(f"Account {account.name} is revoked since {moment(account.revoked_at or 0)}.")
