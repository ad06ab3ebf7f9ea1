"""Statements on service accounts and their tokens."""

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, delete, insert, or_, select, update

from registry_gateway.core.model import Account, Token
from registry_gateway.store.tables import AccountRow, TokenRow

A = AccountRow
T = TokenRow

_decode = msgspec.json.Decoder(tuple[str, ...]).decode
_TOKEN = (T.id, T.created_at, T.expires_at, T.last_used_at)


def _account(row: Any, tokens: Sequence[Token]) -> Account:
    return Account(
        name=row.name,
        scopes=_decode(row.scopes),
        slugs=_decode(row.slugs),
        created_at=row.created_at,
        revoked_at=row.revoked_at,
        tokens=tuple(tokens),
    )


def add(connection: Connection, account: Account) -> bool:
    """Add an account without tokens; return False, and add nothing, if the name is taken."""
    if connection.execute(select(A.name).where(A.name == account.name)).first() is not None:
        return False
    row = {
        "name": account.name,
        "scopes": msgspec.json.encode(account.scopes).decode(),
        "slugs": msgspec.json.encode(account.slugs).decode(),
        "created_at": account.created_at,
    }
    connection.execute(insert(A), row)
    return True


def add_token(connection: Connection, name: str, token: Token, salt: bytes, digest: bytes) -> None:
    """Add a token to an account."""
    row = {"account": name, "salt": salt, "hash": digest, **msgspec.structs.asdict(token)}
    connection.execute(insert(T), row)


def end_tokens(connection: Connection, name: str, at: float, now: float) -> None:
    """Set the expiry of an account's tokens to `at` if it is later; remove tokens that expired before `now`."""
    connection.execute(delete(T).where(T.account == name, T.expires_at <= now))
    later = or_(T.expires_at.is_(None), T.expires_at > at)
    connection.execute(update(T).where(T.account == name, later).values(expires_at=at))


def read(connection: Connection) -> list[Account]:
    """Return all accounts by name."""
    tokens: dict[str, list[Token]] = {}
    for account, *token in connection.execute(select(T.account, *_TOKEN).order_by(T.created_at, T.id)):
        tokens.setdefault(account, []).append(_token(token))
    rows = connection.execute(select(*A.__table__.c).order_by(A.name))
    return [_account(row, tokens.get(row.name, [])) for row in rows]


def find(connection: Connection, name: str) -> Account | None:
    """Return an account, None if it does not exist. In a writing transaction its row is locked."""
    row = connection.execute(select(*A.__table__.c).where(A.name == name).with_for_update()).one_or_none()
    if row is None:
        return None
    tokens = connection.execute(select(*_TOKEN).where(T.account == name).order_by(T.created_at, T.id))
    return _account(row, [_token(token) for token in tokens])


def revoke(connection: Connection, name: str, now: float) -> bool:
    """Revoke an account; return False, and change nothing, if it does not exist or is revoked."""
    statement = update(A).where(A.name == name, A.revoked_at.is_(None)).values(revoked_at=now)
    return connection.execute(statement).rowcount == 1


def find_by_token(connection: Connection, token_id: str) -> tuple[Account, bytes, bytes] | None:
    """Return the account of a token, with only that token, and the token's salt and hash."""
    token = [column.label(f"token_{column.key}") for column in _TOKEN]
    row = connection.execute(
        select(*A.__table__.c, T.salt, T.hash, *token).join(T, T.account == A.name).where(T.id == token_id)
    ).one_or_none()
    if row is None:
        return None
    return _account(row, [_token(row[-len(token) :])]), row.salt, row.hash


def note_use(connection: Connection, token_id: str, now: float, interval: float) -> None:
    """Record the use of a token at `now`, unless a use was recorded less than `interval` seconds before."""
    due = or_(T.last_used_at.is_(None), T.last_used_at <= now - interval)
    connection.execute(update(T).where(T.id == token_id, due).values(last_used_at=now))


def granted(connection: Connection, now: float) -> frozenset[str]:
    """Return the scopes of all accounts that have a valid token at `now`."""
    valid = or_(T.expires_at.is_(None), T.expires_at > now)
    statement = select(A.scopes).distinct().join(T, T.account == A.name).where(A.revoked_at.is_(None), valid)
    return frozenset(scope for scopes in connection.scalars(statement) for scope in _decode(scopes))


def _token(row: Sequence[Any]) -> Token:
    number, created_at, expires_at, last_used_at = row
    return Token(id=number, created_at=created_at, expires_at=expires_at, last_used_at=last_used_at)
