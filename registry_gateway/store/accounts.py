"""The statements on service accounts and their tokens."""

from typing import Any

import msgspec
from sqlalchemy import Connection, insert, select, update

from registry_gateway.model import Account
from registry_gateway.store.tables import AccountRow, TokenRow

_decode = msgspec.json.Decoder(tuple[str, ...]).decode


def _account(row: Any) -> Account:
    return Account(
        name=row.name,
        scopes=_decode(row.scopes),
        slugs=_decode(row.slugs),
        created_at=row.created_at,
        revoked_at=row.revoked_at,
    )


def add(connection: Connection, account: Account, token_id: str, salt: bytes, digest: bytes) -> bool:
    """Add an account with one token; False, and nothing added, if the name is taken."""
    taken = connection.execute(select(AccountRow.name).where(AccountRow.name == account.name)).first()
    if taken is not None:
        return False
    row = {
        "name": account.name,
        "scopes": msgspec.json.encode(account.scopes).decode(),
        "slugs": msgspec.json.encode(account.slugs).decode(),
        "created_at": account.created_at,
    }
    connection.execute(insert(AccountRow), row)
    token = {
        "id": token_id,
        "account": account.name,
        "salt": salt,
        "hash": digest,
        "created_at": account.created_at,
    }
    connection.execute(insert(TokenRow), token)
    return True


def read(connection: Connection) -> list[Account]:
    """Return all accounts by name."""
    rows = connection.execute(select(*AccountRow.__table__.c).order_by(AccountRow.name))
    return [_account(row) for row in rows]


def revoke(connection: Connection, name: str, now: float) -> Account | None:
    """Revoke an account; None if there is no such. The first revocation's time stays."""
    A = AccountRow  # noqa: N806 - a table
    connection.execute(update(A).where(A.name == name, A.revoked_at.is_(None)).values(revoked_at=now))
    row = connection.execute(select(*A.__table__.c).where(A.name == name)).one_or_none()
    return None if row is None else _account(row)


def find_by_token(connection: Connection, token_id: str) -> tuple[Account, bytes, bytes] | None:
    """Return the account of a token, with the token's salt and hash."""
    row = connection.execute(
        select(*AccountRow.__table__.c, TokenRow.salt, TokenRow.hash)
        .join(TokenRow, TokenRow.account == AccountRow.name)
        .where(TokenRow.id == token_id)
    ).one_or_none()
    return None if row is None else (_account(row), row.salt, row.hash)
