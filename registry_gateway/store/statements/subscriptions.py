"""Statements on subscriptions."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, func, insert, select, tuple_, update

from registry_gateway.core.model import Subscription
from registry_gateway.store.tables import SubscriptionRow

S = SubscriptionRow

_ENDED = ("cancelled", "expired")  # the states in which a subscription no longer blocks anything


def count_active(
    connection: Connection, keys: Iterable[tuple[str, str]], subscriber: str | None = None
) -> dict[tuple[str, str], int]:
    """Return the number of active subscriptions (of `subscriber`, if given) of each of `keys`; zeros are left out."""
    statement = (
        select(S.dialect, S.key, func.count())
        .where(tuple_(S.dialect, S.key).in_(list(keys)), S.state.not_in(_ENDED))
        .group_by(S.dialect, S.key)
    )
    if subscriber is not None:
        statement = statement.where(S.subscriber == subscriber)
    return {(dialect, key): count for dialect, key, count in connection.execute(statement)}


def add(connection: Connection, dialect: str, key: str, subscriber: str, now: float) -> Subscription:
    """Add an active subscription. The caller has locked the registration."""
    values: dict[str, Any] = {
        "dialect": dialect,
        "key": key,
        "subscriber": subscriber,
        "state": "active",
        "created_at": now,
        "updated_at": now,
    }
    number = connection.execute(insert(S).returning(S.id), values).scalar_one()
    return Subscription(id=number, **values)


def read(connection: Connection, dialect: str | None = None, key: str | None = None) -> list[Subscription]:
    """Return the subscriptions, of one registration or all, oldest first."""
    statement = select(*S.__table__.c).order_by(S.id)
    if dialect is not None and key is not None:
        statement = statement.where(S.dialect == dialect, S.key == key)
    return [Subscription(**row._mapping) for row in connection.execute(statement)]


def cancel(connection: Connection, number: int, now: float) -> Subscription | None:
    """Cancel a subscription; return None if it does not exist or has ended."""
    row = connection.execute(
        update(S)
        .where(S.id == number, S.state.not_in(_ENDED))
        .values(state="cancelled", updated_at=now)
        .returning(*S.__table__.c)
    ).one_or_none()
    return None if row is None else Subscription(**row._mapping)
