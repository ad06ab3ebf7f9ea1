"""Authentication with the bearer token of a service account, the gateway's own or ScaiKey's."""

from collections.abc import Collection
from typing import Protocol

import msgspec

from registry_gateway.adapter import Accounts, Call, Forbidden, bearer

MANAGE = "registry:manage"
"""The scope that every endpoint of the registry requires."""

LOCAL = "rgw_"
"""Prefix of the tokens of the gateway's own accounts."""


class KeysUnavailable(Exception):
    """The token can't be verified, because its issuer's keys can't be fetched. `retry_after` is in whole seconds."""

    def __init__(self, retry_after: int) -> None:
        super().__init__("ScaiKey is out of reach and the token can't be verified; try again later")
        self.retry_after = retry_after


class Caller(msgspec.Struct, frozen=True):
    """The account of a token.

    `name` is the owner of registrations and the actor in events, such as `account:scaiflow` or `scaikey:7f0c`. `slugs`
    are the services that it may register; empty means any.
    """

    name: str
    scopes: Collection[str]
    slugs: Collection[str] = ()

    def require_slug(self, slug: str) -> None:
        """Check that the caller may act for `slug`.

        Raises:
            Forbidden: It is restricted to other slugs.
        """
        if self.slugs and slug not in self.slugs:
            raise Forbidden(f"The token may not be used for {slug}")


class Verifier(Protocol):
    """Verifies the tokens of another issuer."""

    async def caller(self, token: str, now: float) -> Caller:
        """Return the account of a token that is valid at `now` (epoch seconds).

        Raises:
            Unauthorized: The token is not valid.
            Forbidden: It is not the token of a service account.
            KeysUnavailable: It can't be verified at present.
        """
        ...


async def authenticate(call: Call, accounts: Accounts, scaikey: Verifier | None) -> Caller:
    """Return the caller, who must have the scope `MANAGE`. The body is not read.

    A token with two dots and without the prefix `LOCAL` is verified by `scaikey`, unless that is None. Other tokens are
    looked up in `accounts`.

    Raises:
        Unauthorized: There is no valid bearer token.
        Forbidden: The token lacks the scope, or is a person's.
        KeysUnavailable: The token can't be verified at present.
    """
    token = call.bearer()
    if scaikey is not None and token is not None and not token.startswith(LOCAL) and token.count(".") == 2:
        caller = await scaikey.caller(token, call.now())
    else:
        account = await bearer.authenticate(call, accounts)
        caller = Caller(f"account:{account.name}", account.scopes, account.slugs)
    bearer.require_scope(caller.scopes, MANAGE)
    return caller
