"""Services as targets, in the format of Prometheus' HTTP service discovery.

Source of the format: https://prometheus.io/docs/prometheus/latest/http_sd/.
"""

from collections.abc import Iterator
from typing import Annotated, Literal

import msgspec
from msgspec import Meta
from sqlalchemy import Connection

from registry_gateway.core.address import DEFAULT_PORTS, split_address
from registry_gateway.core.model import Registration
from registry_gateway.core.status import REGISTERED, Status, status
from registry_gateway.endpoints.service_filters import Criteria
from registry_gateway.http.rendered import Rendered, render
from registry_gateway.registry.queries import Queries
from registry_gateway.store.statements import catalogue
from registry_gateway.store.statements.search import Page, Wanted

PAGE = 200
"""Services read at a time. The event loop, and with it heartbeats, waits while these are converted."""

_META = "__meta_registry_gateway_"


AskedStatus = Literal["pending", "up", "degraded", "down", "gone", "all"]
"""The words for `status`: those of `Status`, and one for all registered services."""


class Targets(Criteria, frozen=True, kw_only=True):
    """The parameters of `GET /sd/prometheus`."""

    status: Annotated[
        tuple[AskedStatus, ...],
        Meta(
            description="In one of these statuses, separated by commas; `all` is every status but gone, so that a "
            "service remains a target while it is down. Default: up and degraded."
        ),
    ] = ("up", "degraded")

    def wanted(self) -> Wanted:
        """Return the filters as the store's search takes them."""
        named = tuple(Status(word) for word in self.status if word != "all")
        return self.of_statuses((*REGISTERED, *named) if "all" in self.status else named)


class Group(msgspec.Struct, frozen=True):
    """A service as a target, with its properties in labels for relabelling."""

    targets: list[str]
    labels: dict[str, str]


def group(registration: Registration, found: Status) -> Group | None:
    """Return a service as a target; None if it has no address with a host to connect to."""
    at = None if registration.address is None else split_address(registration.address)
    if at is None:
        return None
    known = {
        "dialect": registration.dialect,
        "key": registration.key,
        "name": registration.name,
        "version": registration.version,
        "status": found.value,
        "address": at.without_user,
        "scheme": at.scheme,
        "host": at.host,
        "port": "" if at.port is None else str(at.port),
        "path": at.path,
    }
    labels = {_META + name: value for name, value in known.items()}
    if at.scheme in DEFAULT_PORTS:
        labels["__scheme__"] = at.scheme
    return Group([at.host_and_port], labels)


class Discovery:
    """The services in the database as targets."""

    def __init__(self, queries: Queries) -> None:
        self._queries = queries
        self._policies = queries.policies

    async def targets(self, query: Targets) -> Rendered:
        """Return all matching services as a JSON list of targets.

        They are read page by page in one transaction, so a service that is registered throughout is in the list.

        Raises:
            StoreUnavailable: The database can't be reached. Partial lists are never returned.
        """
        wanted = query.wanted()

        def work(connection: Connection, now: float) -> tuple[list[Registration], float]:
            matching: list[Registration] = []
            page = Page(order="key", descending=False, limit=PAGE)
            while True:
                found, last = catalogue.search(connection, wanted, page, self._policies, now)
                matching += found
                if last is None:
                    return matching, now
                page = msgspec.structs.replace(page, after=last)

        return await render(self._rendered(*await self._queries.search(work)))

    def _rendered(self, registrations: list[Registration], now: float) -> Iterator[bytes]:
        start = b"["
        for r in registrations:
            found = group(r, status(r, self._policies.of(r.dialect), now))
            if found is not None:
                yield start + msgspec.json.encode(found)
                start = b","
        yield b"[]" if start == b"[" else b"]"
