"""The bodies of the catalogue's answers. Times are epoch seconds, durations are seconds."""

from collections.abc import Mapping
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from registry_gateway.core.lease import Health
from registry_gateway.core.model import Event, Subscription, Version
from registry_gateway.core.overview import Overview
from registry_gateway.core.status import Status
from registry_gateway.doctor.rules.finding import Finding
from registry_gateway.wire.lease import LeaseView


class Ending(msgspec.Struct, frozen=True, kw_only=True):
    """The end of a service that is down or gone: its time, kind, actor and reason."""

    at: float
    kind: str
    actor: str
    reason: str | None


class Service(msgspec.Struct, frozen=True, kw_only=True):
    """A service in a list, with the members that were requested.

    A list of present services has all members but `since`, and `findings` only if that was requested; `ended` is null
    unless the service is gone. A list of past services (`at`) has `dialect` to `address` and `since`: the time of that
    registration, null if it is before the first event in the log.
    """

    dialect: str | UnsetType = UNSET
    key: str | UnsetType = UNSET
    name: str | UnsetType | None = UNSET
    version: str | UnsetType | None = UNSET
    address: Annotated[str | UnsetType | None, Meta(description="The address that it registered: a URL or a host.")] = (
        UNSET
    )
    status: Status | UnsetType = UNSET
    health: Annotated[Health | UnsetType, Meta(description="Its health by its lease and its dialect's rules.")] = UNSET
    reported: Annotated[str | UnsetType | None, Meta(description="The health that it last reported.")] = UNSET
    registered_at: float | UnsetType = UNSET
    updated_at: float | UnsetType = UNSET
    last_seen: Annotated[float | UnsetType, Meta(description="Its last registration or heartbeat.")] = UNSET
    expires_at: Annotated[float | UnsetType, Meta(description="The end of its lease.")] = UNSET
    ttl: Annotated[float | UnsetType, Meta(description="Length of its lease without a heartbeat.")] = UNSET
    tools: Annotated[list[str] | UnsetType, Meta(description="Names of its tools.")] = UNSET
    ended: Annotated[Ending | UnsetType | None, Meta(description="How it ended, if it is gone.")] = UNSET
    findings: Annotated[list[Finding] | UnsetType, Meta(description="Probable faults, errors first.")] = UNSET
    since: float | UnsetType | None = UNSET


class ServiceList(msgspec.Struct, frozen=True, kw_only=True):
    """A page of services. `total` counts all pages; `next` is the cursor of the next, null on the last."""

    total: int
    next: str | None
    services: list[Service]


class ServiceDetail(msgspec.Struct, frozen=True, kw_only=True):
    """All details of a service.

    A service that is gone is shown with its last state, and how it ended; if that is not kept, with what the log of
    events has: name, version, address, and how it ended. `document` and `tools_document` are what its dialect stores:
    JSON unchanged, other text as a string. `tools_document` is null if no tools were posted separately.
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
    findings: Annotated[list[Finding], Meta(description="Probable faults, errors first.")] = []
    notes: Annotated[
        Mapping[str, str],
        Meta(description="What only its dialect knows, such as whether another program sees it: texts by labels."),
    ] = {}
    document: msgspec.Raw
    tools_document: msgspec.Raw


class EventList(msgspec.Struct, frozen=True, kw_only=True):
    """A page of events; `next` is the cursor of the next page, null on the last."""

    next: str | None
    events: list[Event]


class LogPage(msgspec.Struct, frozen=True, kw_only=True):
    """A page of events of all services, newest first; `next` is the cursor of the next page, null on the last.

    `searched_since` is the time of the oldest event in which the text `q` was searched, if there are older ones.
    """

    next: str | None
    searched_since: float | None
    events: list[Event]


class OverviewBody(Overview, frozen=True, kw_only=True):
    """The state of the registry and its last day."""

    findings: Annotated[list[Finding], Meta(description="What the doctor reports of it, errors first.")]


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """Data of a `change`: an event, and its service in the present state; null if gone or no longer matching."""

    event: Event
    service: Service | None


class Ready(msgspec.Struct, frozen=True, kw_only=True):
    """Data of `ready`. `services` is the number of services sent before it: 0 if the stream was resumed."""

    services: int


class Stats(msgspec.Struct, frozen=True, kw_only=True):
    """Statistics of the registry. Services that are gone and still kept count only as `gone` in `by_status` and
    `by_dialect`.
    """

    services: int
    by_status: dict[str, int]
    by_dialect: dict[str, dict[str, int]]
    events_last_hour: dict[str, int]
    oldest_heartbeat: float | None
    newest_heartbeat: float | None
