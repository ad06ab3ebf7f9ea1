"""The filters that the methods of both clients accept. They are those of the catalogue; an entry must match all.

Where several values are possible, one text is one value, and an iterable has several.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Literal, TypedDict
from urllib.parse import urlencode

Several = str | Iterable[str]
Time = datetime | float | str


class Matching(TypedDict, total=False):
    """Filters by what services say of themselves.

    `name`, `version`, `host` (in the address) and `tool` are whole values; with `match="contains"` parts of them, and
    upper and lower case are alike. `q` is a part of the key, the name or the address.
    """

    dialect: Several
    name: str
    version: str
    host: str
    tool: str
    match: Literal["exact", "contains"]
    q: str


class ServiceFilters(Matching, total=False):
    """Filters for services, also by `status`; without it all but `gone`."""

    status: Several


class ListFilters(ServiceFilters, total=False):
    """Filters for a list of services, and its order: `key`, `name`, `status`, `urgency`, `registered_at`, `last_seen`,
    or `ended_at` with `status="gone"`. A leading `-` reverses it.
    """

    sort: str


class PastFilters(TypedDict, total=False):
    """Filters for services of the past, and the order of the list: `key` or `name`. See `Matching`."""

    dialect: Several
    name: str
    version: str
    host: str
    match: Literal["exact", "contains"]
    q: str
    sort: str


class ToolFilters(TypedDict, total=False):
    """Filters for tools: of services of a dialect, and with the text `q` in the name."""

    dialect: Several
    q: str


class LogFilters(TypedDict, total=False):
    """Filters for the log.

    `since` and `until` are a time or a duration before now, such as `1h`; an event at `since` is included, one at
    `until` is not. `q` is a part of the key, the name, an address, the actor or the reason.
    """

    dialect: Several
    kind: Several
    key: str
    name: str
    actor: str
    since: Time
    until: Time
    q: str


def encoded(filters: Mapping[str, object]) -> str:
    """Return filters as a query string.

    Raises:
        ValueError: A time has no time zone.
    """
    return urlencode({name: _text(value) for name, value in filters.items()})


def _text(value: object) -> str:
    match value:
        case datetime() if value.tzinfo is None:
            raise ValueError(f"{value} has no time zone; use one such as datetime.now(UTC)")
        case datetime():
            return value.isoformat()
        case str():
            return value
        case Iterable():
            return ",".join(value)
    return str(value)
