"""The bodies of the four endpoints in ScaiControl's "Service registry" document.

The document names four members each of a registration and of a heartbeat, and gives only the number of the others. The
comments below say which of these are from the vendor's public pages and which are guesses. Types of guesses are
checked loosely, because a refused registration does more harm than an unchecked member.
"""

from typing import Annotated, Any, Generic, Literal, TypeVar

import msgspec
from msgspec import Meta

from registry_gateway.adapter import NO_NUL, SLUG, LongText, Text, Timestamp

D = TypeVar("D")

Slug = Annotated[str, Meta(max_length=64, pattern=SLUG)]
Named = Annotated[Text, Meta(min_length=1)]
Interval = Annotated[int, Meta(ge=1, le=86400)]
"""Seconds between two heartbeats: from one second to one day."""

Count = Annotated[int, Meta(ge=0)]
Collection = list[Any] | dict[str, Any] | None
"""A list or an object. No source specifies its elements."""

ReportedHealth = Literal["healthy", "degraded", "unhealthy"]


class RegistrationRequest(msgspec.Struct):
    """Body of POST and PUT register. Unknown members are accepted."""

    # From the document:
    slug: Slug
    name: Named
    version: Named
    description: LongText | None = None
    # From the vendor's public pages:
    app_id: Text | None = None
    base_url: Text | None = None
    health_check_url: Text | None = None
    capabilities: Collection = None
    endpoints: Collection = None
    heartbeat_interval_seconds: Interval = 30
    metadata: dict[str, Any] | None = None
    # Guesses for the two that no source names:
    tags: Collection = None
    dependencies: Collection = None


class HeartbeatRequest(msgspec.Struct):
    """Body of a heartbeat. Only `slug`, `status` and `version` have an effect. Unknown members are accepted."""

    # From the document:
    slug: Slug
    status: ReportedHealth = "healthy"
    version: Named | None = None
    uptime_seconds: Annotated[float, Meta(ge=0)] | None = None
    # Guesses:
    timestamp: str | float | None = None  # of the client's clock
    metrics: Collection = None
    checks: Collection = None
    active_connections: Count | None = None
    metadata: dict[str, Any] | None = None


class DeregistrationRequest(msgspec.Struct):
    """Body of DELETE register. `reason` goes into the log of events."""

    slug: Slug
    reason: Annotated[LongText, Meta(pattern=NO_NUL)] | None = None


class RegistrationResponse(msgspec.Struct):
    """`data` of POST and PUT register. Times are ISO 8601 with an offset."""

    id: str
    slug: str
    name: str
    version: str
    status: Literal["pending", "active"]
    health_status: str
    heartbeat_interval_seconds: int
    registered_at: Timestamp
    updated_at: Timestamp


class HeartbeatResponse(msgspec.Struct):
    """`data` of a heartbeat."""

    ok: Literal[True]
    slug: str
    status: Literal["pending", "active"]
    health_status: str
    last_heartbeat_at: Timestamp
    next_heartbeat_in_seconds: int


class ResponseMeta(msgspec.Struct):
    """`meta` of every answer with a body: the id of the request in the log, and the time used by the registry."""

    request_id: str
    timestamp: Timestamp


class ApiResponse(msgspec.Struct, Generic[D]):
    """The envelope of every success with a body."""

    data: D
    meta: ResponseMeta


class ErrorBody(msgspec.Struct):
    """An error: a code for programs, a message for people, and the id of the request in the log."""

    code: str
    message: str
    request_id: str


class ErrorResponse(msgspec.Struct):
    """The envelope of every error but 422."""

    error: ErrorBody
