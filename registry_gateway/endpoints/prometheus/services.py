"""The services in /metrics: how many have each status, recent lapses and, on request, each service.

All of it is read from the database, in one snapshot, so it is the same on each gateway of a database.
"""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from prometheus_client.core import GaugeMetricFamily, Metric
from sqlalchemy import Connection

from registry_gateway.core.lease import Policies
from registry_gateway.core.status import Status
from registry_gateway.store.statements import catalogue, monitoring
from registry_gateway.store.statements.catalogue import Count
from registry_gateway.store.statements.key_batch import Key
from registry_gateway.store.statements.monitoring import RecentLapses

MOST_SERIES = 1_000
"""Most services that have a series of their own. With more of them none has one."""

WINDOWS = {"5m": 300.0, "1h": 3_600.0}
"""The windows in which lapses are counted, in seconds, by their label."""

_PREFIX = "registry_gateway_"

log = logging.getLogger("registry_gateway.metrics")


class Services(NamedTuple):
    """The services at the moment `now`. `up` is None where services have no series of their own."""

    now: float
    counts: Sequence[Count]
    lapses: RecentLapses
    up: Mapping[Key, bool] | None
    left_out: int


def read(
    connection: Connection, now: float, policies: Policies, before: Services | None, *, per_service: bool
) -> Services:
    """Return the services at `now`; each with its own state if `per_service` is set and they are few enough.

    `before` is the result of an earlier read, of which the lapses are taken over.
    """
    counts = catalogue.counts(connection, policies, now)
    known = None if before is None else before.lapses
    lapses = monitoring.recent_lapses(connection, now - max(WINDOWS.values()), known)
    if not per_service:
        return Services(now, counts, lapses, None, 0)
    judged = sum(c.services for c in counts if c.status in (Status.UP, Status.DEGRADED, Status.DOWN))
    if judged > MOST_SERIES:
        return Services(now, counts, lapses, {}, judged)
    return Services(now, counts, lapses, monitoring.up(connection, policies, now), 0)


def report(before: Services | None, after: Services) -> None:
    """Log that services have no series of their own any more, or have them again."""
    left_out = 0 if before is None else before.left_out
    if after.left_out and not left_out:
        log.warning("%d services have no series service_up: more than %d", after.left_out, MOST_SERIES)
    elif left_out and not after.left_out:
        log.warning("each service has its series service_up again")


def families(services: Services, enabled: Iterable[str]) -> Iterator[Metric]:
    """Yield the families. Each of the `enabled` dialects has its series, with services or without."""
    dialects = dict.fromkeys((*enabled, *(c.dialect for c in services.counts), *services.lapses.times))
    yield _registrations(services.counts, dialects)
    yield _lapses(services.lapses, services.now, dialects)
    if services.up is not None:
        yield from _each(services.up, services.left_out)


def _registrations(counts: Sequence[Count], dialects: Iterable[str]) -> Metric:
    found = {(c.dialect, c.status): c.services for c in counts}
    family = GaugeMetricFamily(
        _PREFIX + "registrations",
        "Services in the database by their status now, the same on every gateway.",
        labels=["dialect", "status"],
    )
    for dialect in dialects:
        for status in Status:
            family.add_metric([dialect, status.value], found.get((dialect, status), 0))
    return family


def _lapses(lapses: RecentLapses, now: float, dialects: Iterable[str]) -> Metric:
    family = GaugeMetricFamily(
        _PREFIX + "recent_lapses",
        "Lapses in the event log within the window before now, the same on every gateway.",
        labels=["dialect", "window"],
    )
    counted = {window: lapses.after(now - seconds) for window, seconds in WINDOWS.items()}
    for dialect in dialects:
        for window, numbers in counted.items():
            family.add_metric([dialect, window], numbers.get(dialect, 0))
    return family


def _each(up: Mapping[Key, bool], left_out: int) -> Iterator[Metric]:
    family = GaugeMetricFamily(
        _PREFIX + "service_up",
        "1 if a service is up or degraded, 0 if it is down; pending ones have no series.",
        labels=["dialect", "key"],
    )
    for key, is_up in up.items():
        family.add_metric(key, is_up)
    yield family
    omitted = GaugeMetricFamily(
        _PREFIX + "services_left_out",
        f"Services without a series service_up, because there are more than {MOST_SERIES:,}: then all of them.",
    )
    omitted.add_metric([], left_out)
    yield omitted
