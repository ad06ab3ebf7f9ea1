"""The versions of a registration. They are stored in one column, one JSON list of time and version per line."""

from collections.abc import Collection, Sequence
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, and_, select

from registry_gateway.core.model import Version
from registry_gateway.store.statements.key_batch import POSTGRESQL, SQLITE, Batch, Key, batch_values, each
from registry_gateway.store.statements.prepared import Prepared
from registry_gateway.store.tables import DocumentRow

_line: msgspec.json.Decoder[tuple[float, str]] = msgspec.json.Decoder(tuple[float, str])


KEPT = 100
"""Maximum number of versions kept per registration: the last ones."""


def lines(versions: Sequence[Version]) -> str:
    """Return the column value for `versions`, oldest first, limited to the last `KEPT`."""
    return "".join(f"{msgspec.json.encode((v.since, v.version)).decode()}\n" for v in versions[-KEPT:])


def parsed(column: str) -> list[Version]:
    """Return the versions in a column value, oldest first."""
    return [Version(version, since) for since, version in map(_line.decode, column.split("\n")[:-1])]


def history(connection: Connection, dialect: str, key: str) -> list[Version]:
    """Return the last versions of a registration, oldest first."""
    return histories(connection, [(dialect, key)]).get((dialect, key), [])


def histories(connection: Connection, keys: Collection[Key]) -> dict[Key, list[Version]]:
    """Return the last versions of the registrations under `keys`, oldest first."""
    values = batch_values(connection, [(dialect, key, None) for dialect, key in keys])
    return {(dialect, key): parsed(column) for dialect, key, column in _HISTORIES.run(connection, values)}


_HISTORY: list[Any] = [DocumentRow.dialect, DocumentRow.key, DocumentRow.versions]


def _document_of_batch(batch: Batch) -> ColumnElement[bool]:
    return and_(DocumentRow.dialect == batch.c.dialect, DocumentRow.key == batch.c.key)


_HISTORIES = Prepared(
    select(*_HISTORY).join(SQLITE, _document_of_batch(SQLITE)),
    postgresql=each(POSTGRESQL, select(*_HISTORY).where(_document_of_batch(POSTGRESQL)).limit(1)),
)
