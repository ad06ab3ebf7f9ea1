"""The tool names of a registration. They are stored in one column, one per line, with line breaks at both ends."""

from collections.abc import Collection, Sequence

from sqlalchemy import ColumnElement, Connection, bindparam, false, func, select
from sqlalchemy.orm import InstrumentedAttribute

from registry_gateway.store.statements.key_batch import Key
from registry_gateway.store.statements.search import Wanted, containing
from registry_gateway.store.tables import DocumentRow


def written(names: Sequence[str]) -> str | None:
    """Return the column value for `names`. A name with a line break or a NUL is an empty line."""
    lines = ["" if "\n" in name or "\x00" in name else name for name in names]
    return "\n{}\n".format("\n".join(lines)) if lines else None


def names(column: str | None) -> list[str]:
    """Return the names in a column value, without duplicates."""
    return list(dict.fromkeys(filter(None, column.split("\n")))) if column else []


def having(name: str, column: InstrumentedAttribute[str | None] = DocumentRow.tools) -> ColumnElement[bool]:
    """Return the condition that a column of names has exactly this name."""
    return func.replace(column, f"\n{name}\n", "") != column


def having_part(part: str, column: InstrumentedAttribute[str | None] = DocumentRow.tools) -> ColumnElement[bool]:
    """Return the condition that a column of names has a name with `part` in it, ignoring case."""
    return false() if "\n" in part else containing(column, part)


def having_text(
    wanted: Wanted, column: InstrumentedAttribute[str | None] = DocumentRow.tools
) -> ColumnElement[bool] | None:
    """Return the condition that a column of names has the text of a search; None if it is not looked for in names."""
    return having_part(wanted.text, column) if wanted.text is not None and wanted.text_in_tools else None


def having_tool(
    wanted: Wanted, column: InstrumentedAttribute[str | None] = DocumentRow.tools
) -> ColumnElement[bool] | None:
    """Return the condition that a column of names has the tool of a search; None if any will do."""
    if wanted.tool is None:
        return None
    return (having_part if wanted.contains else having)(wanted.tool, column)


def of(connection: Connection, keys: Sequence[Key]) -> dict[Key, list[str]]:
    """Return the tool names of the registrations under `keys`, in their order; registrations without tools are left
    out.
    """
    found: dict[Key, list[str]] = {}
    by_dialect: dict[str, list[str]] = {}
    for dialect, key in keys:
        by_dialect.setdefault(dialect, []).append(key)
    for dialect, of_it in by_dialect.items():  # SQLite scans the whole table for pairs of dialect and key
        conditions = DocumentRow.dialect == dialect, DocumentRow.key.in_(of_it), DocumentRow.tools.is_not(None)
        rows = connection.execute(select(DocumentRow.key, DocumentRow.tools).where(*conditions))
        found |= {(dialect, key): names(column) for key, column in rows}
    return found


_NUMBER = func.length(DocumentRow.tools) - func.length(func.replace(DocumentRow.tools, "\n", "")) - 1
_OF_DIALECT = DocumentRow.dialect == bindparam("dialect")
_COUNT = select(func.coalesce(func.sum(_NUMBER), 0)).where(_OF_DIALECT)
_COUNT_EACH = select(DocumentRow.key, _NUMBER.label("number")).where(
    _OF_DIALECT, DocumentRow.key.in_(bindparam("keys", expanding=True)), DocumentRow.tools.is_not(None)
)


def count(connection: Connection, dialect: str) -> int:
    """Return the number of tools of all registrations of a dialect. Reads the names of all of them."""
    return int(connection.execute(_COUNT, {"dialect": dialect}).scalar_one())


def count_each(connection: Connection, dialect: str, keys: Collection[str]) -> dict[str, int]:
    """Return the number of tools of each of the registrations under `keys`; zeros are left out."""
    rows = connection.execute(_COUNT_EACH, {"dialect": dialect, "keys": sorted(keys)})
    return {row.key: row.number for row in rows}
