"""Service accounts and their tokens. The database holds salted hashes; a token is shown once, when it is made.

A token is `rgw_<id>_<secret>`: the id finds the row, the secret has 256 random bits. It is no password that
could be guessed, so one round of SHA-256 over salt and secret is enough.
"""

import hashlib
import hmac
import secrets
from collections.abc import Sequence

from registry_gateway.clock import Clock
from registry_gateway.errors import AlreadyExists, NotFound
from registry_gateway.model import Account
from registry_gateway.store import accounts as statements
from registry_gateway.store.engine import Store

CACHE_SECONDS = 5.0
"""How long a verified token is believed without asking the database: how late a revocation may take effect."""

CACHE_SIZE = 10_000
"""Most verified tokens remembered at once."""


class Accounts:
    """The service accounts in a database."""

    def __init__(self, store: Store, clock: Clock) -> None:
        """Take the database and the clock."""
        self._store = store
        self._clock = clock
        self._verified: dict[bytes, tuple[Account, float]] = {}

    async def create(self, name: str, scopes: Sequence[str], slugs: Sequence[str]) -> str:
        """Create an account and return its token, which is kept nowhere.

        Raises:
            AlreadyExists: The name is taken (a revoked account keeps its name).
        """
        now = self._clock.now()
        account = Account(name=name, scopes=tuple(scopes), slugs=tuple(slugs), created_at=now, revoked_at=None)
        number, secret, salt = secrets.token_hex(8), secrets.token_urlsafe(32), secrets.token_bytes(16)
        if not await self._store.write(lambda c: statements.add(c, account, number, salt, _hash(salt, secret))):
            raise AlreadyExists(f"there is an account {name} already")
        return f"rgw_{number}_{secret}"

    async def list(self) -> Sequence[Account]:
        """Return all accounts, revoked ones included, by name."""
        return await self._store.read(statements.read)

    async def revoke(self, name: str) -> Account:
        """Make an account's tokens worthless, within `CACHE_SECONDS` on a gateway that is running.

        Raises:
            NotFound: There is no such account.
        """
        revoked = await self._store.write(lambda c: statements.revoke(c, name, self._clock.now()))
        if revoked is None:
            raise NotFound(f"there is no account {name}")
        return revoked

    async def authenticate(self, token: str) -> Account | None:
        """Return the account a token belongs to, or None if it is no valid token of any."""
        now = self._clock.now()
        digest = hashlib.sha256(token.encode()).digest()
        account, until = self._verified.get(digest, (None, 0.0))
        if account is not None and now < until:
            return account
        self._verified.pop(digest, None)
        account = await self._look_up(token)
        if account is not None:
            if len(self._verified) >= CACHE_SIZE:
                self._verified.clear()
            self._verified[digest] = (account, now + CACHE_SECONDS)
        return account

    async def _look_up(self, token: str) -> Account | None:
        prefix, _, rest = token.partition("_")
        number, _, secret = rest.partition("_")
        if prefix != "rgw" or not number.isalnum() or not secret:
            return None
        found = await self._store.read(lambda c: statements.find_by_token(c, number))
        if found is None:
            return None
        account, salt, expected = found
        if account.revoked_at is not None or not hmac.compare_digest(_hash(salt, secret), expected):
            return None
        return account


def _hash(salt: bytes, secret: str) -> bytes:
    return hashlib.sha256(salt + secret.encode()).digest()
