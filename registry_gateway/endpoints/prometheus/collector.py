"""The metrics of the gateway. docs/operations.md lists their names, labels and descriptions."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate
from math import inf

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector as Collecting
from prometheus_client.utils import floatToGoString
from sqlalchemy import Connection

import registry_gateway
from registry_gateway.core.clock import Clock
from registry_gateway.core.errors import StoreUnavailable
from registry_gateway.core.webhook import State
from registry_gateway.endpoints.prometheus import services
from registry_gateway.observability.metrics import KINDS, OUTCOMES, Metrics
from registry_gateway.observability.shared_counters import Histogram, Reading
from registry_gateway.registry.queries import Queries
from registry_gateway.registry.readiness import Readiness
from registry_gateway.registry.shared_read import SharedRead
from registry_gateway.store.database_size import Size, measured
from registry_gateway.store.engine import Store
from registry_gateway.store.statements import webhooks

FRESH = 5.0
"""Seconds for which what is read about the services is cached."""

SIZE_SECONDS = 15.0
"""Seconds for which the size of the database is cached, because PostgreSQL examines each of its files."""

DATABASE_SECONDS = 5.0
"""Seconds a scrape waits for the database. Then it returns the other metrics, before Prometheus' timeout of ten."""

_PREFIX = "registry_gateway_"
_CLASSES = {2: "2xx", 3: "3xx", 4: "4xx", 5: "5xx"}


class Collector(Collecting):
    """A collector of prometheus_client for the gateway's metrics and what the database has of the services.

    With several worker processes, the metrics of one process (`process_…`, `python_…`) are left out, because each
    scrape would get those of another process.
    """

    def __init__(
        self,
        metrics: Metrics,
        store: Store,
        readiness: Readiness,
        queries: Queries,
        clock: Clock,
        *,
        per_service: bool = False,
    ) -> None:
        """`per_service` is whether each service has a series of its own."""
        self._per_service = per_service
        self._metrics = metrics
        self._store = store
        self._readiness = readiness
        self._ready = False
        self._queries = queries
        self._policies = queries.policies
        self._clock = clock
        self._reading = SharedRead(self._read)
        self._services: services.Services | None = None
        self._last: services.Services | None = None
        self._webhooks: tuple[Mapping[State, int], float] = {}, 0.0
        self._read_at = -inf
        self._measuring = SharedRead(self._measure)
        self._size: Size | None = None
        self._measured_at = -inf
        self.registry = CollectorRegistry(auto_describe=False)
        self.registry.register(self)
        if not metrics.counters.shared:
            for kind in (ProcessCollector, PlatformCollector, GCCollector):
                kind(registry=self.registry)

    def describe(self) -> Sequence[Metric]:
        """Return no families, because their names are known only when they are collected."""
        return ()

    async def look(self) -> None:
        """Read the services, the readiness and the size of the database. Call it before `collect`."""
        await asyncio.gather(self._look_at_services(), self._look_at_size(), self._look_whether_ready())

    async def _look_whether_ready(self) -> None:
        self._ready = await self._readiness.problem() is None

    async def _look_at_services(self) -> None:
        try:
            async with asyncio.timeout(DATABASE_SECONDS):
                await self._reading.submit(None)
        except (StoreUnavailable, TimeoutError):
            self._services = None

    async def _look_at_size(self) -> None:
        """Read the size of the database. Concurrent scrapes share one reading, so a hanging disk blocks one thread."""
        try:
            async with asyncio.timeout(DATABASE_SECONDS):
                await self._measuring.submit(None)
        except (StoreUnavailable, TimeoutError):
            self._size = None

    async def _read(self, _asked: None) -> None:
        asked_at = self._clock.monotonic()
        if self._services is None or asked_at >= self._read_at + FRESH:
            found, self._webhooks = await self._queries.read(self._both)
            services.report(self._last, found)
            self._services = self._last = found
            self._read_at = asked_at

    def _both(self, connection: Connection, now: float) -> tuple[services.Services, tuple[Mapping[State, int], float]]:
        found = services.read(connection, now, self._policies, self._last, per_service=self._per_service)
        return found, webhooks.count_by_state(connection, now)

    async def _measure(self, _asked: None) -> None:
        asked_at = self._clock.monotonic()
        if self._size is None or asked_at >= self._measured_at + SIZE_SECONDS:
            self._size = await measured(self._store)
            self._measured_at = asked_at

    def collect(self) -> Iterator[Metric]:
        """Yield all families."""
        metrics, reading = self._metrics, self._metrics.counters.read(self._clock.now())
        yield InfoMetricFamily(_PREFIX + "build", "The program.", {"version": registry_gateway.__version__})
        yield from self._of_services()
        yield from self._room()
        yield from _heartbeats_and_events(metrics, reading)
        yield from _deliveries(metrics, reading)
        yield from _requests(metrics, reading)
        yield from _queues(metrics, reading)
        yield from _database(metrics, reading)
        yield from _clock(metrics, reading)
        yield from _gauges(metrics, reading)

    def _of_services(self) -> Iterator[Metric]:
        up = GaugeMetricFamily(
            _PREFIX + "database_up", "Whether the database can be read and written, as /health/ready."
        )
        up.add_metric([], self._ready and self._services is not None)
        yield up
        if self._services is not None:
            yield from services.families(self._services, self._policies.known)
            yield from self._of_webhooks()

    def _of_webhooks(self) -> Iterator[Metric]:
        counts, waiting = self._webhooks
        family = GaugeMetricFamily(
            _PREFIX + "webhooks",
            "Webhooks in the database by their state, the same on every gateway.",
            labels=["state"],
        )
        for state, number in counts.items():
            family.add_metric([state.value], number)
        yield family
        age = GaugeMetricFamily(
            _PREFIX + "webhook_oldest_waiting_seconds", "Age of the oldest event that a failing webhook waits for."
        )
        age.add_metric([], waiting)
        yield age

    def _room(self) -> Iterator[Metric]:
        if self._size is None:
            return
        taken = GaugeMetricFamily(_PREFIX + "database_size_bytes", "Bytes the database takes.")
        taken.add_metric([], self._size.taken)
        yield taken
        if self._size.free is not None:
            free = GaugeMetricFamily(_PREFIX + "database_disk_free_bytes", "Bytes that are free on SQLite's disk.")
            free.add_metric([], self._size.free)
            yield free


def _heartbeats_and_events(metrics: Metrics, reading: Reading) -> Iterator[Metric]:
    heartbeats = _counter("heartbeats", "Heartbeats by their outcome.", "dialect", "outcome")
    for dialect, row in metrics.heartbeats.items():
        for outcome, number in zip(OUTCOMES, reading[row], strict=True):
            heartbeats.add_metric([dialect, outcome], number)
    yield heartbeats
    events = _counter("events", "Events of services this gateway recorded; lapses are expired.", "dialect", "kind")
    for dialect, row in metrics.events.items():
        for kind, number in zip(KINDS, reading[row], strict=True):
            events.add_metric([dialect, kind.value], number)
    yield events


def _deliveries(metrics: Metrics, reading: Reading) -> Iterator[Metric]:
    seconds = _histogram("webhook_delivery_duration_seconds", "Attempts to deliver to a webhook.", "outcome")
    for outcome, histogram in metrics.webhooks.seconds.items():
        _observed(seconds, [outcome], histogram, reading)
    yield seconds
    lag = _histogram("webhook_lag_seconds", "From an event to its delivery, of the oldest event of each message.")
    _observed(lag, [], metrics.webhooks.lag, reading)
    yield lag


def _requests(metrics: Metrics, reading: Reading) -> Iterator[Metric]:
    requests = _counter("requests", "Requests by the class of status they got.", "dialect", "operation", "status")
    seconds = _histogram("request_duration_seconds", "From a request's head to its answer.", "dialect", "operation")
    for mount in metrics.requests:
        for operation in mount.operations:
            labels = [mount.mount, operation.name]
            if not any(reading[operation.statuses]):
                continue  # no requests yet: most gateways use about ten of some fifty operations
            for index, name in _CLASSES.items():
                requests.add_metric([*labels, name], reading[operation.statuses][index])
            _observed(seconds, labels, operation.seconds, reading)
    yield requests
    yield seconds
    abandoned = _counter("requests_abandoned", "Requests whose client left before the end of the answer.")
    abandoned.add_metric([], reading[metrics.abandoned][0])
    yield abandoned


def _queues(metrics: Metrics, reading: Reading) -> Iterator[Metric]:
    sizes = _histogram("batch_size", "Requests that shared a transaction.", "queue")
    for queue, histogram in metrics.batches.items():
        _observed(sizes, [queue], histogram, reading)
    yield sizes
    waiting = GaugeMetricFamily(_PREFIX + "queue_length", "Requests waiting for a transaction.", labels=["queue"])
    for queue, row in metrics.waiting.items():
        waiting.add_metric([queue], reading[row][0])
    yield waiting


def _database(metrics: Metrics, reading: Reading) -> Iterator[Metric]:
    seconds = _histogram("transaction_duration_seconds", "Successful transactions, waiting included.", "lane")
    failures = _counter("transaction_failures", "Transactions that failed because of the database.", "lane")
    for lane, histogram in metrics.transactions.seconds.items():
        _observed(seconds, [lane], histogram, reading)
        failures.add_metric([lane], reading[metrics.transactions.failures[lane]][0])
    yield seconds
    yield failures


def _clock(metrics: Metrics, reading: Reading) -> Iterator[Metric]:
    ahead = GaugeMetricFamily(
        _PREFIX + "clock_offset_seconds",
        "How far this machine's clock is ahead of the one leases are judged by: the database server's.",
    )
    ahead.add_metric([], metrics.clock.offset(reading))
    yield ahead
    steps = _counter("clock_steps", "Steps of the clock that leases are judged by.")
    steps.add_metric([], reading[metrics.clock.steps][0])
    yield steps


def _gauges(metrics: Metrics, reading: Reading) -> Iterator[Metric]:
    families: dict[str, GaugeMetricFamily] = {}
    for gauge in metrics.gauges:
        if gauge.name not in families:
            families[gauge.name] = GaugeMetricFamily(_PREFIX + gauge.name, gauge.description, labels=[*gauge.labels])
        families[gauge.name].add_metric([*gauge.labels.values()], reading[gauge.row][0])
    yield from families.values()


def _counter(name: str, text: str, *labels: str) -> CounterMetricFamily:
    return CounterMetricFamily(_PREFIX + name, text, labels=labels)


def _histogram(name: str, text: str, *labels: str) -> HistogramMetricFamily:
    return HistogramMetricFamily(_PREFIX + name, text, labels=labels)


def _observed(family: HistogramMetricFamily, labels: Sequence[str], histogram: Histogram, reading: Reading) -> None:
    *counts, total = reading[histogram.row]
    bounds = [*map(floatToGoString, histogram.bounds), "+Inf"]
    family.add_metric(labels, list(zip(bounds, accumulate(counts), strict=True)), total)
