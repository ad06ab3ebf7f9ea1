"""What searching has in common, for what is there and for what was: conditions, and pages by keyset."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import ColumnElement, Select, and_, func, literal, or_, tuple_
from sqlalchemy.orm import InstrumentedAttribute

from registry_gateway.core.status import Status

Column = ColumnElement[Any] | InstrumentedAttribute[Any]


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which services are looked for; what is None, or empty, says nothing.

    Attributes:
        dialects: In one of these.
        statuses: In one of these.
        name, version: Exactly that.
        host: At an address of that host, whatever the scheme, port and path.
        tool: With a tool of exactly that name.
        text: With this in the key, the name or the address, in upper or lower case.
    """

    dialects: tuple[str, ...] = ()
    statuses: tuple[Status, ...] = ()
    name: str | None = None
    version: str | None = None
    host: str | None = None
    tool: str | None = None
    text: str | None = None


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """Which part of what was found: up to `limit` rows beyond the one whose place was `after`, sorted by `order`."""

    order: str
    descending: bool
    limit: int
    after: tuple[str | float, ...] | None = None


class Searched(NamedTuple):
    """The columns a search looks at."""

    dialect: Column
    key: Column
    name: Column
    version: Column
    address: Column


def matching(searched: Searched, wanted: Wanted) -> list[ColumnElement[bool]]:
    """Return the conditions of `wanted` on these columns: all but status and tool."""
    conditions: list[ColumnElement[bool]] = []
    if wanted.dialects:
        conditions.append(searched.dialect.in_(wanted.dialects))
    if wanted.name is not None:
        conditions.append(searched.name == wanted.name)
    if wanted.version is not None:
        conditions.append(searched.version == wanted.version)
    if wanted.host is not None:
        conditions.append(_at_host(searched.address, wanted.host))
    if wanted.text is not None:
        looked_at = (searched.key, searched.name, searched.address)
        conditions.append(or_(*(column.icontains(wanted.text, autoescape=True) for column in looked_at)))
    return conditions


def _at_host(address: Column, host: str) -> ColumnElement[bool]:
    """An address is a host, a host with a port or path, or a URL."""
    escaped = host.lower().replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    patterns = [start + escaped + end for start in ("", "%://") for end in ("", ":%", "/%")]
    return or_(*(func.lower(address).like(pattern, escape="\\") for pattern in patterns))


def paged(statement: Select[Any], place: Sequence[Column], page: Page) -> Select[Any]:
    """Return `statement` cut to a page, sorted by the columns of `place`, which tell any two rows apart.

    One row more than the page's limit comes back where there is one: that tells whether another page follows. A
    page is found by the place of the row before it, so rows that come and go elsewhere don't move it.
    """
    if page.after is not None:
        after = tuple_(*(literal(value, column.type) for value, column in zip(page.after, place, strict=True)))
        here = tuple_(*place)
        statement = statement.where(here < after if page.descending else here > after)
    return statement.order_by(*(c.desc() if page.descending else c for c in place)).limit(page.limit + 1)


def both(conditions: Sequence[ColumnElement[bool]]) -> ColumnElement[bool]:
    """Return all of `conditions` as one, which there may be none of."""
    return and_(True, *conditions)
