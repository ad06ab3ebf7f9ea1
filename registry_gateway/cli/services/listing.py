"""The services of a registry as a table or as JSON, for `services list`."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from registry_gateway.cli.output import age, print_json, print_table, say
from registry_gateway.cli.registry_access.access import RegistryAccess
from registry_gateway.core.lease import Health
from registry_gateway.core.status import Status
from registry_gateway.endpoints.catalogue.query import Services
from registry_gateway.wire.catalogue import Service

PAGE = 1000
"""Services read at a time."""


class Listed(NamedTuple):
    """Services, the registry's time in epoch seconds, and the number of all services of the registry."""

    services: Sequence[Service]
    now: float
    in_total: int


async def listed(registry: RegistryAccess, query: Services, *, alive: bool, limit: int | None) -> Listed:
    """Return up to `limit` services that match (None: all); with `alive` those whose lease is running."""
    found: list[Service] = []
    page_query = msgspec.structs.replace(query, limit=PAGE if limit is None or alive else min(limit, PAGE))
    while True:
        page = await registry.services(page_query)
        found += [service for service in page.services if not alive or service.health == Health.HEALTHY]
        if page.next is None or (limit is not None and len(found) >= limit):
            break
        page_query = msgspec.structs.replace(page_query, cursor=page.next)
    total = len(found) if found else (await registry.services(Services(limit=1))).total
    return Listed(found[:limit], await registry.now(), total)


def print_list(found: Listed) -> None:
    """Print the services as a table."""
    if not found.services:
        if found.in_total:
            say(f"No matching services ({found.in_total} in total).")
        else:
            say("No service is registered. (registry-gateway events shows past changes.)")
        return
    print_table(
        ("KEY", "DIALECT", "NAME", "VERSION", "STATUS", "HEALTH", "APPROVED", "LAST SEEN", "ADDRESS"),
        [_row(msgspec.to_builtins(service), found.now) for service in found.services],
    )


def print_list_as_json(found: Listed) -> None:
    """Print the services as a JSON list."""
    print_json([msgspec.to_builtins(service) | {"approved": _approved(service.status)} for service in found.services])


def _row(service: dict[str, Any], now: float) -> tuple[str, ...]:
    seen = service["last_seen"]
    return (
        service["key"],
        service["dialect"],
        service["name"] or "-",
        service["version"] or "-",
        service["status"],
        service["health"],
        _APPROVED[_approved(service["status"])],
        "-" if seen is None else f"{age(now - seen)} ago",
        service["address"] or "-",
    )


def _approved(status: object) -> bool | None:
    """Return whether a service is approved; None if it is gone."""
    return None if status == Status.GONE else status != Status.PENDING


_APPROVED = {True: "yes", False: "no", None: "-"}
