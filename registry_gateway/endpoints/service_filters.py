"""The query parameters that select services, shared by all lists of services of all dialects."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from registry_gateway.core.status import REGISTERED, Status
from registry_gateway.http.decode_errors import Text
from registry_gateway.http.query import Word
from registry_gateway.store.statements.search import Wanted


class Matching(msgspec.Struct, frozen=True, kw_only=True):
    """Filters by what services say of themselves. A service must match all of them."""

    name: Annotated[Word | None, Meta(description="Of exactly this name.")] = None
    version: Annotated[Word | None, Meta(description="Of exactly this version.")] = None
    host: Annotated[Word | None, Meta(description="At an address of this host, whatever its scheme and port.")] = None
    tool: Annotated[Word | None, Meta(description="With a tool of exactly this name.")] = None
    match: Annotated[
        Literal["exact", "contains"],
        Meta(
            description="How `name`, `version`, `host` and `tool` are compared. With `contains` they are a part of the "
            "value (`host`: of the address), and upper and lower case are alike."
        ),
    ] = "exact"
    q: Annotated[
        Text | None,
        Meta(description="With this in the key, the name or the address; upper and lower case are alike."),
    ] = None

    def wanted(self) -> Wanted:
        """Return the filters as the store's search takes them."""
        return Wanted(
            name=self.name,
            version=self.version,
            host=self.host,
            tool=self.tool,
            contains=self.match == "contains",
            text=self.q or None,
        )


class Criteria(Matching, frozen=True, kw_only=True):
    """Filters for services, also by dialect."""

    dialect: Annotated[tuple[Word, ...], Meta(description="In one of these dialects, separated by commas.")] = ()

    def of_statuses(self, statuses: tuple[Status, ...]) -> Wanted:
        """Return the filters as the store's search takes them, with the statuses that are searched for."""
        return msgspec.structs.replace(super().wanted(), dialects=self.dialect, statuses=statuses)


class Filters(Criteria, frozen=True, kw_only=True):
    """Filters for services, also by dialect and status. A service must match all of them."""

    status: Annotated[
        tuple[Status, ...],
        Meta(description="In one of these statuses, separated by commas. Default: all but gone."),
    ] = REGISTERED

    def wanted(self) -> Wanted:
        """Return the filters as the store's search takes them."""
        return self.of_statuses(self.status)
