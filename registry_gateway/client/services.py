"""Services as the gateway lists them if no members are selected: the members that are always there, without UNSET."""

import msgspec

from registry_gateway.core.lease import Health
from registry_gateway.core.model import Event
from registry_gateway.core.status import Status
from registry_gateway.wire import catalogue


class Service(catalogue.Service, frozen=True, kw_only=True, repr_omit_defaults=True):
    """A service in a list of the present. Times are epoch seconds; `ended` is None unless it is gone."""

    dialect: str
    key: str
    name: str | None
    version: str | None
    address: str | None
    status: Status
    health: Health
    reported: str | None
    registered_at: float
    updated_at: float
    last_seen: float
    expires_at: float
    ttl: float
    tools: list[str]
    ended: catalogue.Ending | None


class PastService(catalogue.Service, frozen=True, kw_only=True, repr_omit_defaults=True):
    """A service that was alive at a past moment.

    `since` is the time of that registration, None if it is before the first event in the log.
    """

    dialect: str
    key: str
    name: str | None
    version: str | None
    address: str | None
    since: float | None


class Change(catalogue.Change, frozen=True, kw_only=True):
    """A change: an event, and its service in the present state; None if it is gone or no longer matches."""

    event: Event
    service: Service | None


class ServicePage(msgspec.Struct, frozen=True, kw_only=True):
    """A page of services."""

    next: str | None
    services: list[Service]


class PastPage(msgspec.Struct, frozen=True, kw_only=True):
    """A page of services of the past."""

    next: str | None
    services: list[PastService]
