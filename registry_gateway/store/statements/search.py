"""Shared parts of searches in the present and the past: conditions, and keyset pages."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import ColumnElement, Select, and_, func, literal, or_, tuple_
from sqlalchemy.orm import InstrumentedAttribute

from registry_gateway.core.status import Status

Column = ColumnElement[Any] | InstrumentedAttribute[Any]


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """The conditions of a search; None or an empty value sets no condition.

    Attributes:
        dialects: The dialect is one of these.
        statuses: The status is one of these.
        name, version: Exact values.
        host: The host of the address, whatever its scheme, port and path.
        tool: The exact name of one of the tools.
        contains: `name`, `version`, `host` and `tool` are parts of the values, ignoring case; `host` is then a part of
            the address.
        text: Part of the key, the name or the address, ignoring case.
        text_in_tools: `text` may also be part of the name of a tool.
    """

    dialects: tuple[str, ...] = ()
    statuses: tuple[Status, ...] = ()
    name: str | None = None
    version: str | None = None
    host: str | None = None
    tool: str | None = None
    contains: bool = False
    text: str | None = None
    text_in_tools: bool = False


EVERYTHING = Wanted()
"""All services, those that are gone included."""


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """A part of the result: up to `limit` rows after the one with the place `after`, sorted by `order`."""

    order: str
    descending: bool
    limit: int
    after: tuple[str | float, ...] | None = None


class Searched(NamedTuple):
    """The columns of a search."""

    dialect: Column
    key: Column
    name: Column
    version: Column
    address: Column


def matching(
    searched: Searched, wanted: Wanted, having_text: ColumnElement[bool] | None = None
) -> list[ColumnElement[bool]]:
    """Return the conditions of `wanted` on these columns, except status and tool.

    `having_text` is a condition under which a row matches `wanted.text` as well.
    """
    conditions: list[ColumnElement[bool]] = []
    if wanted.dialects:
        conditions.append(searched.dialect.in_(wanted.dialects))
    for column, value in ((searched.name, wanted.name), (searched.version, wanted.version)):
        if value is not None:
            conditions.append(containing(column, value) if wanted.contains else column == value)
    if wanted.host is not None:
        address = searched.address
        conditions.append(containing(address, wanted.host) if wanted.contains else _at_host(address, wanted.host))
    if wanted.text is not None:
        found = [containing(column, wanted.text) for column in (searched.key, searched.name, searched.address)]
        conditions.append(or_(*found, *([] if having_text is None else [having_text])))
    return conditions


def containing(column: Column, part: str) -> ColumnElement[bool]:
    """Return the condition that a text contains `part`; upper and lower case are alike (SQLite: in ASCII)."""
    return column.icontains(part, autoescape=True)


def _at_host(address: Column, host: str) -> ColumnElement[bool]:
    """Return the condition on an address, which is a host, a host with a port or path, or a URL."""
    escaped = host.lower().replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    patterns = [start + escaped + end for start in ("", "%://") for end in ("", ":%", "/%")]
    return or_(*(func.lower(address).like(pattern, escape="\\") for pattern in patterns))


def paged(statement: Select[Any], place: Sequence[Column], page: Page) -> Select[Any]:
    """Return `statement` limited to a page, sorted by the columns of `place`, which are unique per row.

    It returns one row more than the page's limit if another page follows. A page starts after the place of the row
    before it, so rows that are added or removed elsewhere do not shift it.
    """
    if page.after is not None:
        after = tuple_(*(literal(value, column.type) for value, column in zip(page.after, place, strict=True)))
        here = tuple_(*place)
        statement = statement.where(here < after if page.descending else here > after)
    return statement.order_by(*(c.desc() if page.descending else c for c in place)).limit(page.limit + 1)


def both(conditions: Sequence[ColumnElement[bool]]) -> ColumnElement[bool]:
    """Return the conjunction of `conditions`, which may be empty."""
    return and_(True, *conditions)
