"""Statements that count registrations and detect first ones. They only read."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import Connection, Select, bindparam, func, or_, select

from registry_gateway.core.lease import REVOKED
from registry_gateway.core.model import EventKind
from registry_gateway.store.statements.key_batch import POSTGRESQL, SQLITE, Batch, Key, batch_values
from registry_gateway.store.statements.prepared import Prepared
from registry_gateway.store.tables import EventRow, RegistrationRow

R = RegistrationRow


def count(connection: Connection, dialect: str, owner: str | None = None, *, lapsed: bool = True) -> int:
    """Return the number of registrations of a dialect, or of an account in it. Reads all rows of the dialect.

    Without `lapsed`, registrations with a recorded end do not count.
    """
    statement = _COUNT if owner is None else _COUNT_OWNED
    if not lapsed:
        statement = statement.where(R.stage == 0)
    return connection.execute(statement, {"dialect": dialect, "owner": owner}).scalar_one()


def count_kept(connection: Connection, dialect: str, owner: str | None, *, lapsed: bool = True) -> int:
    """Return how many registrations of a dialect have not been deregistered; with `owner`, only an account's.

    Without `lapsed`, those whose lapse is on record do not count.
    """
    statement = select(func.count()).where(R.dialect == dialect, R.stage != REVOKED if lapsed else R.stage == 0)
    return connection.execute(statement if owner is None else statement.where(R.owner == owner)).scalar_one()


def registered_before(connection: Connection, keys: Collection[Key]) -> set[Key]:
    """Return those of `keys` that are registered, or were until their lease lapsed.

    Keys that were deregistered, or never registered, are missing.
    """
    batch = batch_values(connection, [(dialect, key, None) for dialect, key in set(keys)])
    rows = _REGISTERED_BEFORE.run(connection, batch)
    return {(dialect, key) for dialect, key in rows}


def _registered_before(batch: Batch) -> Select[Any]:
    of_it = (EventRow.dialect == batch.c.dialect, EventRow.key == batch.c.key)
    last = select(EventRow.kind).where(
        *of_it, EventRow.kind != EventKind.PURGED
    )  # a purge does not show how the registration ended
    lapsed = last.order_by(EventRow.id.desc()).limit(1).correlate(batch).scalar_subquery() == EventKind.EXPIRED
    kept = select(R.key).where(R.dialect == batch.c.dialect, R.key == batch.c.key, R.stage != REVOKED)
    return select(batch.c.dialect, batch.c.key).where(or_(kept.correlate(batch).exists(), lapsed))


_COUNT = select(func.count()).where(R.dialect == bindparam("dialect"))
_COUNT_OWNED = _COUNT.where(R.owner == bindparam("owner"))
_REGISTERED_BEFORE = Prepared(_registered_before(SQLITE), postgresql=_registered_before(POSTGRESQL))
