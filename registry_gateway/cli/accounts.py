"""`registry-gateway accounts`: the service accounts of dialects with accounts."""

from collections.abc import Sequence

import click

from registry_gateway import adapter
from registry_gateway.auth.accounts import SUPER_ADMIN
from registry_gateway.cli.output import age, moment, print_json, print_table, say, span, span_or_zero
from registry_gateway.cli.parameters import NAME, json_option
from registry_gateway.cli.registry_access.access import RegistryAccess
from registry_gateway.cli.registry_access.target import Target, registry_option
from registry_gateway.core.model import Token
from registry_gateway.endpoints.admin.wire import AccountView, IssuedView

expires_option = click.option(
    "--expires", type=span, metavar="TIME", help="How long the token is valid, such as 90d or 12h.  [default: no end]"
)


@click.group()
def accounts() -> None:
    """Service accounts, and the bearer tokens ScaiControl services register with."""


@accounts.command(
    epilog="""\b
Examples:
  registry-gateway accounts create scaiflow
  registry-gateway accounts create scaiflow --slug scaiflow --slug scaiflow-worker
  registry-gateway accounts create batch-jobs --expires 90d
  registry-gateway accounts create operations --scope admin:registry
  TOKEN=$(registry-gateway accounts create scaiflow | tail -n 1)
""",
)
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    type=NAME,
    multiple=True,
    help="What the account may do; may be repeated.  [default: register services]",
)
@click.option(
    "--slug",
    "slugs",
    type=NAME,
    multiple=True,
    help="A service the account may register; may be repeated.  [default: any]",
)
@expires_option
@json_option
@registry_option
def create(
    target: Target,
    name: str,
    scopes: tuple[str, ...],
    slugs: tuple[str, ...],
    expires: float | None,
    as_json: bool,
) -> None:
    """Create the account NAME and print its token, once.

    The token is alone on the last line of standard output. Keep it: the database holds only a hash of it. A service
    sends it as `Authorization: Bearer TOKEN`. Without --scope it gets the scope to register services; read:catalog lets
    it read a protected catalogue, and admin:registry administer the registry over HTTP.
    """

    async def work(registry: RegistryAccess) -> IssuedView:
        return await registry.create_account(name, scopes, slugs, expires)

    issued = target.run(work)
    if as_json:
        print_json(issued)
        return
    by_default = "" if scopes else " (the default)"
    say(f"Account {name} has the scope {', '.join(issued.scopes)}{by_default}.", err=True)
    if not {*adapter.account_scopes(adapter.installed()), SUPER_ADMIN}.isdisjoint(issued.scopes):
        say(f"It may register {', '.join(slugs) or 'any service'}.", err=True)
    _print_token(issued)


@accounts.command(
    epilog="""\b
Examples:
  registry-gateway accounts rotate scaiflow
  registry-gateway accounts rotate scaiflow --overlap 7d --expires 90d
  registry-gateway accounts rotate scaiflow --overlap 0       the old token has leaked
  TOKEN=$(registry-gateway accounts rotate scaiflow | tail -n 1)
""",
)
@click.argument("name", type=NAME)
@click.option(
    "--overlap",
    type=span_or_zero,
    metavar="TIME",
    default="24h",
    show_default=True,
    help="How long the existing tokens stay valid, such as 30m or 7d; 0: they end at once.",
)
@expires_option
@json_option
@registry_option
def rotate(target: Target, name: str, overlap: float, expires: float | None, as_json: bool) -> None:
    """Give the account NAME a new token and print it, once.

    The existing tokens end after the overlap; until then the service may use either. `accounts list` shows when each
    was last used. The token is alone on the last line of standard output.
    """

    async def work(registry: RegistryAccess) -> IssuedView:
        return await registry.rotate_account(name, overlap, expires)

    issued = target.run(work)
    if as_json:
        print_json(issued)
        return
    *others, new = issued.tokens
    for token in others:
        say(f"Token rgw_{token.id} ends {moment(token.ends_at)}; {_last_used(token, new.created_at)}.", err=True)
    _print_token(issued)


def _print_token(issued: IssuedView) -> None:
    ends = issued.tokens[-1].expires_at
    until = "does not end" if ends is None else f"ends {moment(ends)}"
    say(f"The new token {until}. It is shown only now:", err=True)
    say(issued.token)


def _last_used(token: Token, now: float) -> str:
    return "never used" if token.last_used_at is None else f"last used {age(now - token.last_used_at)} ago"


@accounts.command("list")
@json_option
@registry_option
def list_(target: Target, as_json: bool) -> None:
    """List the accounts, revoked ones included, with one line per token.

    Tokens are not stored and can't be shown; a token starts with its id. The last use is exact to about a minute.
    """

    async def work(registry: RegistryAccess) -> tuple[Sequence[AccountView], float]:
        return await registry.accounts(), await registry.now()

    found, now = target.run(work, reading=True)
    if as_json:
        print_json(found)
    elif not found:
        say("There are no accounts. To create one: registry-gateway accounts create NAME")
    else:
        print_table(
            ("NAME", "STATE", "TOKEN", "CREATED", "ENDS", "LAST USED", "SCOPES", "SERVICES"),
            [
                (
                    account.name,
                    _state(account, token, now),
                    f"rgw_{token.id}",
                    moment(token.created_at),
                    "never" if token.expires_at is None else moment(token.expires_at),
                    "never" if token.last_used_at is None else f"{age(now - token.last_used_at)} ago",
                    ", ".join(account.scopes),
                    ", ".join(account.slugs) or "any",
                )
                for account in found
                for token in account.tokens
            ],
        )


def _state(account: AccountView, token: Token, now: float) -> str:
    if account.revoked_at is not None:
        return f"revoked {moment(account.revoked_at)}"
    return "active" if now < token.ends_at else "ended"


@accounts.command()
@click.argument("name", type=NAME)
@json_option
@registry_option
def revoke(target: Target, name: str, as_json: bool) -> None:
    """Revoke all tokens of the account NAME.

    A gateway that is running refuses them within five seconds. What the account registered stays until its lease
    ends. The name can't be used again.
    """

    async def work(registry: RegistryAccess) -> AccountView:
        return await registry.revoke_account(name)

    account = target.run(work)
    if as_json:
        print_json(account)
        return
    say(f"Account {account.name} was revoked at {moment(account.revoked_at or 0)}.")
