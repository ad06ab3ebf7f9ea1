"""Who calls, and what they may: `Authorization: Bearer ...` of a service account, the gateway's own or ScaiKey's."""

from collections.abc import Collection
from typing import Protocol

import msgspec

from registry_gateway.adapter import Accounts, Call, Forbidden, bearer

MANAGE = "registry:manage"
"""The scope that every endpoint of the registry asks for."""

LOCAL = "rgw_"
"""How the tokens of the gateway's own accounts start."""


class KeysUnavailable(Exception):
    """The token may be good, but its issuer can't be asked for the key. `retry_after` is in whole seconds."""

    def __init__(self, retry_after: int) -> None:
        """Take the seconds after which asking again may help."""
        super().__init__("ScaiKey is out of reach and the token can't be verified; try again later")
        self.retry_after = retry_after


class Caller(msgspec.Struct, frozen=True):
    """Whoever a token stands for, no matter who issued it.

    `name` is what owns registrations and stands in events, such as `account:scaiflow` or `scaikey:7f0c`. `slugs`
    are the only ones it may speak for; empty means any.
    """

    name: str
    scopes: Collection[str]
    slugs: Collection[str] = ()

    def require_slug(self, slug: str) -> None:
        """Return if the caller may speak for `slug`.

        Raises:
            Forbidden: It is restricted to others.
        """
        if self.slugs and slug not in self.slugs:
            raise Forbidden(f"The token may not be used for {slug}")


class Verifier(Protocol):
    """Verifies the tokens of somebody else's accounts."""

    async def caller(self, token: str, now: float) -> Caller:
        """Return whom a token stands for at `now` (epoch seconds).

        Raises:
            Unauthorized, Forbidden, KeysUnavailable: It stands for nobody who may come in, or that can't be told.
        """
        ...


async def authenticate(call: Call, accounts: Accounts, scaikey: Verifier | None) -> Caller:
    """Return who calls, if it may manage the registry. Reads nothing of the body.

    A token that starts like ours is looked up among the accounts; one that looks like a JWT goes to `scaikey`, if
    ScaiKey's tokens are accepted.

    Raises:
        Unauthorized: There is no valid bearer token.
        Forbidden: It lacks the scope, or is a person's.
        KeysUnavailable: It can't be verified now.
    """
    token = call.bearer()
    if scaikey is not None and token is not None and not token.startswith(LOCAL) and token.count(".") == 2:
        caller = await scaikey.caller(token, call.received_at)
    else:
        account = await bearer.authenticate(call, accounts)
        caller = Caller(f"account:{account.name}", account.scopes, account.slugs)
    bearer.require_scope(caller.scopes, MANAGE)
    return caller
