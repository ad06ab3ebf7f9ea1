"""Who calls, and what they may: `Authorization: Bearer ...` of a service account."""

import msgspec

from registry_gateway.accounts import Accounts
from registry_gateway.exchange import Call

MANAGE = "registry:manage"
"""The scope that every endpoint of the registry asks for."""

SUPER_ADMIN = "super_admin"
"""Passes every scope check. It is ScaiControl's administrator role; an account has it as a scope."""


class Unauthorized(Exception):
    """No bearer token came, or one that is nobody's."""


class Forbidden(Exception):
    """The caller is known and may not do this."""


class Caller(msgspec.Struct, frozen=True):
    """Whoever a token stands for, no matter who issued it.

    `name` is what owns registrations and stands in events, such as `account:scaiflow`. `slugs` are the only ones
    it may speak for; empty means any.
    """

    name: str
    scopes: frozenset[str]
    slugs: frozenset[str] = frozenset()

    def require(self, scope: str) -> None:
        """Return if the caller has `scope`.

        Raises:
            Forbidden: It doesn't.
        """
        if self.scopes.isdisjoint((scope, SUPER_ADMIN)):
            raise Forbidden(f"The token lacks the scope {scope}")

    def require_slug(self, slug: str) -> None:
        """Return if the caller may speak for `slug`.

        Raises:
            Forbidden: It is restricted to others.
        """
        if self.slugs and slug not in self.slugs:
            raise Forbidden(f"The token may not be used for {slug}")


async def authorize(call: Call, accounts: Accounts) -> Caller:
    """Return who calls, if it may manage the registry. Reads nothing of the body.

    Raises:
        Unauthorized: There is no valid bearer token.
        Forbidden: It lacks the scope.
    """
    scheme, _, token = (call.header(b"authorization") or "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Unauthorized("A bearer token is needed: Authorization: Bearer TOKEN")
    account = await accounts.authenticate(token.strip())
    if account is None:
        raise Unauthorized("The bearer token is not valid")
    caller = Caller(f"account:{account.name}", frozenset(account.scopes), frozenset(account.slugs))
    caller.require(MANAGE)
    return caller
