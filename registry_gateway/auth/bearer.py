"""The check of bearer tokens, and of the permission to read the services of all dialects."""

from collections.abc import Collection

from registry_gateway.auth.accounts import ADMINISTER, SUPER_ADMIN, Accounts
from registry_gateway.core.errors import Forbidden, Unauthorized
from registry_gateway.core.model import Account
from registry_gateway.http.call import Call

READ = "read:catalog"
"""The scope that reading requires, if it is protected."""


async def authenticate(call: Call, accounts: Accounts) -> Account:
    """Return the account of the token in `Authorization: Bearer TOKEN`.

    Raises:
        Unauthorized: There is no token, or it is not valid.
    """
    token = call.bearer()
    if token is None:
        raise Unauthorized("A bearer token is needed: Authorization: Bearer TOKEN")
    account = await accounts.authenticate(token)
    if account is None:
        raise Unauthorized("The bearer token is not valid")
    return account


def require_scope(scopes: Collection[str], scope: str, *others: str) -> None:
    """Return if `scope`, one of the `others`, or `super_admin` is among `scopes`.

    Raises:
        Forbidden: None of them is.
    """
    if not any(enough in scopes for enough in (scope, *others, SUPER_ADMIN)):
        raise Forbidden(f"The token lacks the scope {scope}")


class Readers:
    """The permission to read the services of all dialects. Without protection, every client has it.

    Reading is protected if the settings say so, or if a dialect requires a credential of its own readers.
    """

    def __init__(self, accounts: Accounts, *, protected: bool) -> None:
        self.protected = protected
        self._accounts = accounts

    async def authorize(self, call: Call) -> None:
        """Return if the caller may read.

        Raises:
            Unauthorized: Reading is protected, and there is no valid token.
            Forbidden: The token's account lacks the scope `read:catalog`.
        """
        if self.protected:
            account = await authenticate(call, self._accounts)
            require_scope(account.scopes, READ, ADMINISTER)

    async def administers(self, call: Call) -> bool:
        """Return whether the caller has the token of an administrator. Without a valid token it has not."""
        token = call.bearer()
        account = None if token is None else await self._accounts.authenticate(token)
        return account is not None and not {ADMINISTER, SUPER_ADMIN}.isdisjoint(account.scopes)
