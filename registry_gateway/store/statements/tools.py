"""How the names of what a registration offers are kept in one column: a line for each offer, between line breaks."""

from collections.abc import Collection, Sequence

from sqlalchemy import ColumnElement, Connection, bindparam, func, select

from registry_gateway.store.tables import DocumentRow


def written(names: Sequence[str]) -> str | None:
    """Return the column for `names`. One with a line break, or that PostgreSQL's text can't hold, is an empty line."""
    lines = ["" if "\n" in name or "\x00" in name else name for name in names]
    return "\n{}\n".format("\n".join(lines)) if lines else None


def names(column: str | None) -> list[str]:
    """Return the names in a column, each once."""
    return list(dict.fromkeys(filter(None, column.split("\n")))) if column else []


def offering(name: str) -> ColumnElement[bool]:
    """Return the condition that a document's registration offers exactly `name`."""
    return func.replace(DocumentRow.offers, f"\n{name}\n", "") != DocumentRow.offers


_NUMBER = func.length(DocumentRow.offers) - func.length(func.replace(DocumentRow.offers, "\n", "")) - 1
_OF_DIALECT = DocumentRow.dialect == bindparam("dialect")
_COUNT = select(func.coalesce(func.sum(_NUMBER), 0)).where(_OF_DIALECT)
_COUNT_EACH = select(DocumentRow.key, _NUMBER.label("number")).where(
    _OF_DIALECT, DocumentRow.key.in_(bindparam("keys", expanding=True)), DocumentRow.offers.is_not(None)
)


def count(connection: Connection, dialect: str) -> int:
    """Return how many offers the registrations of a dialect have together. Reads the names of all of them."""
    return int(connection.execute(_COUNT, {"dialect": dialect}).scalar_one())


def count_each(connection: Connection, dialect: str, keys: Collection[str]) -> dict[str, int]:
    """Return how many offers each of the registrations under `keys` has; those with none are left out."""
    rows = connection.execute(_COUNT_EACH, {"dialect": dialect, "keys": sorted(keys)})
    return {row.key: row.number for row in rows}
