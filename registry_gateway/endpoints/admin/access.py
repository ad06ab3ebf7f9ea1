"""Access to administration, and the form of its answers."""

from typing import Any

from starlette.exceptions import HTTPException

from registry_gateway.auth import bearer
from registry_gateway.auth.accounts import ADMINISTER, SUPER_ADMIN, Accounts
from registry_gateway.core.model import Actor
from registry_gateway.endpoints.admin import wire
from registry_gateway.http.answer import Answer, json_answer
from registry_gateway.http.call import Call

SECRET = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
"""Headers of every answer. Answers may contain tokens and must not be cached."""


async def authorize(call: Call, accounts: Accounts) -> Actor:
    """Return the caller, who must be an administrator. The body is not read.

    Raises:
        HTTPException: 404: there is no administrator at all.
        Unauthorized: The token is missing or not valid.
        Forbidden: The token is not an administrator's.
    """
    if not await accounts.granted(ADMINISTER, SUPER_ADMIN):
        raise HTTPException(404)
    account = await bearer.authenticate(call, accounts)
    bearer.require_scope(account.scopes, ADMINISTER)
    return call.actor(f"account:{account.name}")


def answer(code: int, data: Any) -> Answer:
    """Return a success in its envelope."""
    return json_answer(code, wire.Data(data), SECRET)
