"""The queries of the catalogue: what the parameters of each endpoint are called, take and mean."""

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from registry_gateway.endpoints.service_filters import Filters

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
    "since",
]
"""The members of a service in a list."""

Order = Literal[
    "key",
    "-key",
    "name",
    "-name",
    "status",
    "-status",
    "registered_at",
    "-registered_at",
    "last_seen",
    "-last_seen",
]

Limit = Annotated[int, Meta(ge=1, le=1000)]
Cursor = Annotated[str, Meta(min_length=1, max_length=16_384)]
EventId = Annotated[int, Meta(ge=0, le=2**63 - 1)]
_CURSOR = "Where to go on: `next` of the page before."


class Services(Filters, frozen=True, kw_only=True):
    """What `GET /catalog/v1/services` takes. Filters add up; `status` and `dialect` take several, with commas."""

    at: Annotated[
        Annotated[datetime, Meta(tz=True)] | UnsetType,
        Meta(
            description="What was alive at this instant, by the log of events: RFC 3339 with an offset, or seconds "
            "since the epoch. Not together with `status` and `tool`."
        ),
    ] = UNSET
    sort: Annotated[Order, Meta(description="Sorted by this; `-` turns it round. By `key` is by dialect and key.")] = (
        "key"
    )
    fields: Annotated[
        tuple[Member, ...], Meta(description="These members alone, separated by commas. Default: all there are.")
    ] = ()
    limit: Annotated[Limit, Meta(description="Most services on a page.")] = 100
    cursor: Annotated[Cursor | None, Meta(description=_CURSOR)] = None


class Events(msgspec.Struct, frozen=True, kw_only=True):
    """What `GET /catalog/v1/services/{dialect}/{key}/events` takes."""

    order: Annotated[Literal["newest", "oldest"], Meta(description="Which come first.")] = "newest"
    limit: Annotated[Limit, Meta(description="Most events on a page.")] = 100
    cursor: Annotated[Cursor | None, Meta(description=_CURSOR)] = None


class Watching(Filters, frozen=True, kw_only=True):
    """What `GET /catalog/v1/events` takes."""

    last_event_id: Annotated[
        EventId | None,
        Meta(description="Where to go on: the `id` of the last message you have. The header Last-Event-ID wins."),
    ] = None
