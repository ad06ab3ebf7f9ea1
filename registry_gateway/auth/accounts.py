"""Service accounts and their tokens. The database contains salted hashes; a token is shown once, when it is created.

A token is `rgw_<id>_<secret>`. The id selects the row; the secret has 256 random bits. Unlike a password it can't be
guessed, so one round of SHA-256 over salt and secret is enough. An account may have several tokens at once, so that a
new one can replace an old one that services still use.
"""

import hashlib
import hmac
import secrets
from collections.abc import Callable, Sequence

import msgspec
from sqlalchemy import Connection

from registry_gateway.core.clock import Clock
from registry_gateway.core.errors import AccountRevoked, AlreadyExists, NotFound
from registry_gateway.core.model import GATEWAY, Account, Actor, Event, EventKind, Token
from registry_gateway.observability import event_log
from registry_gateway.store.engine import Store
from registry_gateway.store.statements import accounts as statements
from registry_gateway.store.statements import events

CACHE_SECONDS = 5.0
"""Seconds for which answers of the database about tokens are cached: the longest delay of a revocation."""

CACHE_SIZE = 10_000
"""Most verified tokens in the cache."""

USE_SECONDS = 60.0
"""Seconds between two updates of a token's last use."""

ADMINISTER = "admin:registry"
"""The scope of administrators. It permits all changes that the command line can make."""

SUPER_ADMIN = "super_admin"
"""The scope that passes every check."""


class Issued(msgspec.Struct, frozen=True):
    """A new token and its account. The token itself is not stored."""

    account: Account
    token: str


class Accounts:
    """The service accounts in a database. Every change is an event about `account:<name>`."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._verified: dict[bytes, tuple[Account, float]] = {}
        self._granted: tuple[frozenset[str], float] = (frozenset(), 0.0)

    async def create(
        self,
        name: str,
        scopes: Sequence[str],
        slugs: Sequence[str],
        actor: Actor = GATEWAY,
        *,
        expires_in: float | None = None,
    ) -> Issued:
        """Create an account with one token, which expires after `expires_in` seconds (None: never).

        Raises:
            AlreadyExists: The name is taken (a revoked account keeps its name).
        """
        now = self._clock.now()
        made = _Made(now, expires_in)
        account = Account(name=name, scopes=tuple(scopes), slugs=tuple(slugs), created_at=now, revoked_at=None)

        def work(connection: Connection) -> tuple[Account, Event]:
            if not statements.add(connection, account):
                raise AlreadyExists(f"there is an account {name} already")
            statements.add_token(connection, name, made.token, made.salt, made.hash)
            detail = {"scopes": ", ".join(scopes), "services": ", ".join(slugs) or "any", **made.detail}
            return _find(connection, name), _happened(EventKind.ACCOUNT_CREATED, name, actor, now, **detail)

        return Issued(await self._change(work), made.text)

    async def rotate(
        self, name: str, overlap: float, actor: Actor = GATEWAY, *, expires_in: float | None = None
    ) -> Issued:
        """Create a new token for an account. Its other tokens expire after `overlap` seconds, unless they do earlier.

        The new token expires after `expires_in` seconds (None: never).

        Raises:
            NotFound: There is no such account.
            AccountRevoked: It is revoked.
        """
        now = self._clock.now()
        made = _Made(now, expires_in)

        def work(connection: Connection) -> tuple[Account, Event]:
            if _find(connection, name).revoked_at is not None:
                raise AccountRevoked(f"the account {name} is revoked; create another one")
            statements.end_tokens(connection, name, now + overlap, now)
            statements.add_token(connection, name, made.token, made.salt, made.hash)
            detail = {"others_end_at": now + overlap, **made.detail}
            return _find(connection, name), _happened(EventKind.ACCOUNT_ROTATED, name, actor, now, **detail)

        return Issued(await self._change(work), made.text)

    async def revoke(self, name: str, actor: Actor = GATEWAY) -> Account:
        """Revoke all tokens of an account. Other running gateways follow within `CACHE_SECONDS`.

        Revoking twice changes nothing.

        Raises:
            NotFound: There is no such account.
        """
        now = self._clock.now()

        def work(connection: Connection) -> tuple[Account, Event | None]:
            changed = statements.revoke(connection, name, now)
            event = _happened(EventKind.ACCOUNT_REVOKED, name, actor, now) if changed else None
            return _find(connection, name), event

        return await self._change(work)

    async def list(self) -> Sequence[Account]:
        """Return all accounts with their tokens, revoked ones included, by name."""
        return await self._store.read(statements.read)

    async def authenticate(self, token: str) -> Account | None:
        """Return the account of a token, with that token only; None if the token is not valid."""
        now = self._clock.now()
        digest = hashlib.sha256(token.encode()).digest()
        account, until = self._verified.get(digest, (None, 0.0))
        if account is not None and now < until <= now + CACHE_SECONDS:  # later only if the clock was set back
            return account
        self._verified.pop(digest, None)
        account = await self._look_up(token, now)
        if account is not None:
            if len(self._verified) >= CACHE_SIZE:
                self._verified.clear()
            (used,) = account.tokens
            self._verified[digest] = (account, min(now + CACHE_SECONDS, used.ends_at))
            if used.last_used_at is None or now - used.last_used_at >= USE_SECONDS:
                self._store.write_later(lambda c: statements.note_use(c, used.id, now, USE_SECONDS))
        return account

    async def granted(self, *scopes: str) -> bool:
        """Return whether there is a valid token with one of `scopes`. The answer may be `CACHE_SECONDS` old."""
        now = self._clock.now()
        known, until = self._granted
        if not now < until <= now + CACHE_SECONDS:
            known = await self._store.read(lambda c: statements.granted(c, now))
            self._granted = (known, now + CACHE_SECONDS)
        return not known.isdisjoint(scopes)

    async def _look_up(self, token: str, now: float) -> Account | None:
        prefix, _, rest = token.partition("_")
        number, _, secret = rest.partition("_")
        if prefix != "rgw" or not number.isalnum() or not secret:
            return None
        found = await self._store.find(lambda c: statements.find_by_token(c, number))
        if found is None:
            return None
        account, salt, expected = found
        if not hmac.compare_digest(_hash(salt, secret), expected):
            return None
        return account if account.revoked_at is None and now < account.tokens[0].ends_at else None

    async def _change(self, work: Callable[[Connection], tuple[Account, Event | None]]) -> Account:
        """Change an account and record the event in one transaction; then clear the cache of tokens."""

        def transaction(connection: Connection) -> tuple[Account, Sequence[Event]]:
            account, event = work(connection)
            happened = [] if event is None else [event]
            events.record(connection, happened)
            return account, happened

        account, happened = await self._store.write(transaction)
        self._verified.clear()
        self._granted = (frozenset(), 0.0)
        event_log.report(happened)
        return account


class _Made:
    """A new token: the text for its owner, and the salt, hash and row for the database."""

    def __init__(self, now: float, expires_in: float | None) -> None:
        number, secret = secrets.token_hex(8), secrets.token_urlsafe(32)
        self.text = f"rgw_{number}_{secret}"
        self.salt = secrets.token_bytes(16)
        self.hash = _hash(self.salt, secret)
        expires_at = None if expires_in is None else now + expires_in
        self.token = Token(id=number, created_at=now, expires_at=expires_at, last_used_at=None)
        self.detail: dict[str, str | float | None] = {"token": number, "expires_at": expires_at}


def _find(connection: Connection, name: str) -> Account:
    account = statements.find(connection, name)
    if account is None:
        raise NotFound(f"there is no account {name}")
    return account


def _happened(kind: EventKind, name: str, actor: Actor, now: float, **detail: str | float | None) -> Event:
    return Event(
        id=0,
        at=now,
        kind=kind,
        dialect="",
        key=f"account:{name}",
        actor=actor.name,
        client_address=actor.client_address,
        request_id=actor.request_id,
        reason=None,
        detail=detail,
    )


def _hash(salt: bytes, secret: str) -> bytes:
    return hashlib.sha256(salt + secret.encode()).digest()
