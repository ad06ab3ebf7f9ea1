"""What the catalogue answers. Times are seconds since the epoch, lengths of time are seconds."""

from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from registry_gateway.core.lease import Health
from registry_gateway.core.model import Event, Subscription, Version
from registry_gateway.core.status import Status
from registry_gateway.doctor.rules.finding import Finding
from registry_gateway.http.representations import LeaseView


class Service(msgspec.Struct, frozen=True, kw_only=True):
    """A service in a list, with the members that were asked for.

    In a list of the present all but `since` are there; in one of the past (`at`), `dialect` to `address` and
    `since`: when that life began, null if before what the log still knows.
    """

    dialect: str | UnsetType = UNSET
    key: str | UnsetType = UNSET
    name: str | UnsetType | None = UNSET
    version: str | UnsetType | None = UNSET
    address: Annotated[
        str | UnsetType | None, Meta(description="Where it says it can be reached: a URL or a host.")
    ] = UNSET
    status: Status | UnsetType = UNSET
    health: Annotated[Health | UnsetType, Meta(description="What its dialect makes of its silence.")] = UNSET
    reported: Annotated[str | UnsetType | None, Meta(description="What it last said of its own health.")] = UNSET
    registered_at: float | UnsetType = UNSET
    updated_at: float | UnsetType = UNSET
    last_seen: Annotated[float | UnsetType, Meta(description="Its last registration or heartbeat.")] = UNSET
    expires_at: Annotated[float | UnsetType, Meta(description="The deadline of its lease.")] = UNSET
    ttl: Annotated[float | UnsetType, Meta(description="How long its lease runs without a heartbeat.")] = UNSET
    tools: Annotated[list[str] | UnsetType, Meta(description="Names of its tools.")] = UNSET
    since: float | UnsetType | None = UNSET


class ServiceList(msgspec.Struct, frozen=True, kw_only=True):
    """A page of services. `total` counts all pages; `next` is the cursor of the next, null on the last."""

    total: int
    next: str | None
    services: list[Service]


class Ending(msgspec.Struct, frozen=True, kw_only=True):
    """Why a service that is down or gone is."""

    at: float
    kind: str
    actor: str
    reason: str | None


class ServiceDetail(msgspec.Struct, frozen=True, kw_only=True):
    """All there is on one service.

    Of one that is gone and not kept, the log of events has the last state: name, version, address, and how it
    ended. `document` and `tools_document` are what its dialect stores: JSON as it is, other text as a string;
    `tools_document` is null where no tools were posted apart.
    """

    dialect: str
    key: str
    name: str | None
    version: str | None
    address: str | None
    status: Status
    health: Health
    reported: str | None = None
    owner: str | None = None
    registered_at: float | None = None
    updated_at: float | None = None
    approved_at: float | None = None
    lease: LeaseView | None = None
    ended: Ending | None = None
    tools: list[str] = []
    versions: list[Version] = []
    subscriptions: list[Subscription] = []
    findings: Annotated[list[Finding], Meta(description="What is probably wrong with it, the worst first.")] = []
    document: msgspec.Raw
    tools_document: msgspec.Raw


class EventList(msgspec.Struct, frozen=True, kw_only=True):
    """A page of events; `next` is the cursor of the next page, null on the last."""

    next: str | None
    events: list[Event]


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """Data of a `change`: an event, and its service as it is now; null if it is gone or matches the filters no more."""

    event: Event
    service: Service | None


class Ready(msgspec.Struct, frozen=True, kw_only=True):
    """Data of `ready`. `services` counts those that came before it: none where a stream is resumed."""

    services: int


class Stats(msgspec.Struct, frozen=True, kw_only=True):
    """The registry in figures. `services`, the heartbeats and the dialects' figures leave out what is gone, except
    where `gone` says how many of those are still kept.
    """

    services: int
    by_status: dict[str, int]
    by_dialect: dict[str, dict[str, int]]
    events_last_hour: dict[str, int]
    oldest_heartbeat: float | None
    newest_heartbeat: float | None
