"""Services as targets, in the format of Prometheus' HTTP service discovery.

Source of the format: https://prometheus.io/docs/prometheus/latest/http_sd/.
"""

import re
from collections.abc import Iterator
from ipaddress import IPv6Address
from typing import Annotated, NamedTuple
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta
from sqlalchemy import Connection

from registry_gateway.core.model import Registration
from registry_gateway.core.status import Status, status
from registry_gateway.endpoints.service_filters import Filters
from registry_gateway.http.rendered import Rendered, render
from registry_gateway.registry.queries import Queries
from registry_gateway.store.statements import catalogue
from registry_gateway.store.statements.search import Page

PAGE = 200
"""Services read at once: the event loop, and with it heartbeats, waits for no more than these."""

PORTS = {"http": 80, "https": 443}
"""The ports of URLs that name none."""

_META = "__meta_registry_gateway_"
_HOST = re.compile(r"[a-z0-9_]([a-z0-9_.-]*[a-z0-9_.])?", re.IGNORECASE)


class Targets(Filters, frozen=True, kw_only=True):
    """What `GET /sd/prometheus` takes. Filters add up; `status` and `dialect` take several, with commas."""

    status: Annotated[
        tuple[Status, ...],
        Meta(description="In one of these statuses, separated by commas. Default: up and degraded, what is alive."),
    ] = (Status.UP, Status.DEGRADED)


class Group(msgspec.Struct, frozen=True):
    """A service: where it is, and what is known of it, in labels that relabelling can use."""

    targets: list[str]
    labels: dict[str, str]


class Place(NamedTuple):
    """Where a service can be reached: its address without any user and password, and the parts of it.

    `scheme` and `path` are empty where there are none.
    """

    address: str
    scheme: str
    host: str
    port: int | None
    path: str

    @property
    def target(self) -> str:
        """The place as Prometheus takes it: `host:port`, or the host alone."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port is None else f"{host}:{self.port}"


def place(address: str) -> Place | None:
    """Return where an address (a URL, a host, a host with a port) points to; None if that can't be told."""
    if not address.isascii() or not address.isprintable() or " " in address:
        return None
    bracketed = f"[{address}]" if address.count(":") > 1 and not set("[/") & set(address) else address
    try:
        url = urlsplit(bracketed if "://" in bracketed else f"//{bracketed}")
        host, port = url.hostname or "", url.port
        known = IPv6Address(host).scope_id is None if ":" in host else _HOST.fullmatch(host)
    except ValueError:
        return None
    if not known or port == 0:
        return None
    _, user, server = url.netloc.rpartition("@")
    named = url._replace(netloc=server).geturl().removeprefix("//") if user else address
    return Place(named, url.scheme, host, port or PORTS.get(url.scheme), url.path)


def group(registration: Registration, found: Status) -> Group | None:
    """Return a service as a target; None if its address, or the lack of one, gives nothing to connect to."""
    at = None if registration.address is None else place(registration.address)
    if at is None:
        return None
    known = {
        "dialect": registration.dialect,
        "key": registration.key,
        "name": registration.name,
        "version": registration.version,
        "status": found.value,
        "address": at.address,
        "scheme": at.scheme,
        "host": at.host,
        "port": "" if at.port is None else str(at.port),
        "path": at.path,
    }
    labels = {_META + name: value for name, value in known.items()}
    if at.scheme in PORTS:
        labels["__scheme__"] = at.scheme
    return Group([at.target], labels)


class Discovery:
    """The services in the database as targets."""

    def __init__(self, queries: Queries) -> None:
        """Take the registry's reads."""
        self._queries = queries
        self._policies = queries.policies

    async def targets(self, query: Targets) -> Rendered:
        """Return all services that match as a list of targets, in JSON.

        They are read in one transaction, page after page: whoever is there throughout is in the list.

        Raises:
            StoreUnavailable: The database can't be reached. Part of a list is never returned.
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
