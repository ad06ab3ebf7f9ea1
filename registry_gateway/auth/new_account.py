"""What the name and the scopes of a new account may be. Accounts that exist already keep theirs."""

import re
from collections.abc import Sequence

from registry_gateway.auth.accounts import ADMINISTER, SUPER_ADMIN
from registry_gateway.auth.bearer import READ
from registry_gateway.core.errors import InvalidAccount

LONGEST = 64
"""Most characters of a name."""

NAME = "[A-Za-z0-9][A-Za-z0-9._@-]*"
"""Pattern of a name."""

TOKEN = "rgw_[0-9a-f]{16}_"  # noqa: S105 - a pattern
"""Pattern of the start of a token. A name must not begin like one."""

_FORM = f"letters, digits, '.', '_', '@' and '-', beginning with a letter or digit, at most {LONGEST} characters"


def known_scopes(registering: Sequence[str]) -> Sequence[str]:
    """Return the scopes that mean something: those that `registering` needs, and the gateway's own."""
    return list(dict.fromkeys((*registering, READ, ADMINISTER, SUPER_ADMIN)))


def check(name: str, scopes: Sequence[str], registering: Sequence[str]) -> None:
    """Check the name and the scopes of a new account; `registering` are the scopes that registering needs.

    Raises:
        InvalidAccount: One of them can't be used.
    """
    if re.match(TOKEN, name):
        raise InvalidAccount("the name of an account must not look like a token")
    if len(name) > LONGEST or not re.fullmatch(NAME, name):
        raise InvalidAccount(f"the name of an account is {_FORM}")
    known = known_scopes(registering)
    unknown = next((scope for scope in scopes if scope not in known), None)
    if unknown is not None:
        raise InvalidAccount(f"there is no scope {unknown!r}; there are: {', '.join(known)}")
