"""Who may read the catalogue: anybody, unless the operator wants a token for it."""

from registry_gateway.auth.accounts import ADMINISTER, SUPER_ADMIN, Accounts
from registry_gateway.http.call import Call
from registry_gateway.http.problem_details import Refused

READ = "read:catalog"
"""The scope that reading asks for, where it is protected."""

_ENOUGH = frozenset({READ, ADMINISTER, SUPER_ADMIN})


async def authorize(call: Call, accounts: Accounts) -> None:
    """Return if the request comes with the token of an account that may read the catalogue.

    Raises:
        Refused: With 401, there is no valid token; with 403, its account lacks the scope.
    """
    token = call.bearer()
    account = await accounts.authenticate(token) if token else None
    if account is None:
        detail = "A valid token is needed: Authorization: Bearer TOKEN"
        raise Refused(401, "Unauthorized", detail, {"WWW-Authenticate": "Bearer"})
    if _ENOUGH.isdisjoint(account.scopes):
        raise Refused(403, "Forbidden", f"The token lacks the scope {READ}")
