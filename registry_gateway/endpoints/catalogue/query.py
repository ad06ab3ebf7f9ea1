"""The query parameters of the catalogue's endpoints."""

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from registry_gateway.core.status import Status
from registry_gateway.endpoints.service_filters import Filters, Matching
from registry_gateway.http.problem_details import bad_parameter
from registry_gateway.store.statements.search import Wanted

Member = Literal[
    "dialect",
    "key",
    "name",
    "version",
    "address",
    "status",
    "health",
    "reported",
    "registered_at",
    "updated_at",
    "last_seen",
    "expires_at",
    "ttl",
    "tools",
    "ended",
    "findings",
    "since",
]
"""The members of a service in a list."""

MOST_WITH_FINDINGS = 200
"""Most services on a page with findings: they need the documents and events of each service."""

Order = Literal[
    "key",
    "-key",
    "name",
    "-name",
    "status",
    "-status",
    "urgency",
    "-urgency",
    "registered_at",
    "-registered_at",
    "last_seen",
    "-last_seen",
    "ended_at",
    "-ended_at",
]

Limit = Annotated[int, Meta(ge=1, le=1000)]
Cursor = Annotated[str, Meta(min_length=1, max_length=16_384)]
EventId = Annotated[int, Meta(ge=0, le=2**63 - 1)]
CURSOR = "Position to continue from: `next` of the page before."
"""Description of the parameter `cursor`."""


class Services(Filters, frozen=True, kw_only=True):
    """The parameters of `GET /catalog/v1/services`."""

    at: Annotated[
        Annotated[datetime, Meta(tz=True)] | UnsetType,
        Meta(
            description="List the services that were alive at this instant, according to the log of events: RFC 3339 "
            "with an offset, or epoch seconds. Not together with `status` and `tool`."
        ),
    ] = UNSET
    sort: Annotated[
        Order | UnsetType,
        Meta(
            description="Order; `-` reverses it. `key` sorts by dialect and key, `urgency` by status: down, degraded, "
            "pending, up, gone; `ended_at` sorts services that are gone by their end. Default: `key`, or `-ended_at` "
            "with `status=gone`."
        ),
    ] = UNSET
    fields: Annotated[
        tuple[Member, ...],
        Meta(
            description="Members to return, separated by commas. Default: all but `findings`, with which a page has at "
            f"most {MOST_WITH_FINDINGS} services."
        ),
    ] = ()
    limit: Annotated[Limit, Meta(description="Most services on a page.")] = 100
    cursor: Annotated[Cursor | None, Meta(description=CURSOR)] = None

    def order(self) -> Order:
        """Return the order of the list.

        Raises:
            Refused: 400: `sort` needs another `status`.
        """
        only_gone = set(self.status) == {Status.GONE}
        if self.sort is UNSET:
            return "-ended_at" if only_gone else "key"
        if self.sort.endswith("ended_at") and not only_gone:
            raise bad_parameter("sort", "Only services that are gone have an end: together with `status=gone`")
        return self.sort

    def wanted(self) -> Wanted:
        """Return the filters as the store's search takes them. `q` may also be in the name of a tool."""
        return msgspec.structs.replace(super().wanted(), text_in_tools=True)

    def with_findings(self) -> bool:
        """Tell whether findings are wanted.

        Raises:
            Refused: 400: too many services are wanted with them.
        """
        if "findings" not in self.fields:
            return False
        if self.limit > MOST_WITH_FINDINGS:
            raise bad_parameter("limit", f"With `findings` a page has at most {MOST_WITH_FINDINGS} services")
        return True


class Counted(Matching, frozen=True, kw_only=True):
    """The parameters of `GET /catalog/v1/stats`."""

    def wanted(self) -> Wanted:
        """Return the filters as the store's search takes them. `q` may also be in the name of a tool."""
        return msgspec.structs.replace(super().wanted(), text_in_tools=True)


class Events(msgspec.Struct, frozen=True, kw_only=True):
    """The parameters of `GET /catalog/v1/services/{dialect}/{key}/events`."""

    order: Annotated[Literal["newest", "oldest"], Meta(description="Which events come first.")] = "newest"
    limit: Annotated[Limit, Meta(description="Most events on a page.")] = 100
    cursor: Annotated[Cursor | None, Meta(description=CURSOR)] = None


class Watching(Filters, frozen=True, kw_only=True):
    """The parameters of `GET /catalog/v1/events`."""

    last_event_id: Annotated[
        EventId | None,
        Meta(description="`id` of the last received message, to resume after it. The header Last-Event-ID wins."),
    ] = None
