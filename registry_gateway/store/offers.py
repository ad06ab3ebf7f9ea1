"""How the names of what a registration offers are kept in one column: a line each, between line breaks."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, func

from registry_gateway.store.tables import DocumentRow


def written(names: Sequence[str]) -> str | None:
    """Return the column for `names`. One with a line break, or that PostgreSQL's text can't hold, is left out."""
    lines = [name for name in dict.fromkeys(names) if name and "\n" not in name and "\x00" not in name]
    return "\n{}\n".format("\n".join(lines)) if lines else None


def names(column: str | None) -> list[str]:
    """Return the names in a column."""
    return column.strip("\n").split("\n") if column else []


def offering(name: str) -> ColumnElement[bool]:
    """Return the condition that a document's registration offers exactly `name`."""
    return func.replace(DocumentRow.offers, f"\n{name}\n", "") != DocumentRow.offers
