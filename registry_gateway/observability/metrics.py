"""The gateway's metrics, independent of how they are exported.

A request is counted three times (its heartbeat, its batch, its end), so each count is a few additions: together less
than a microsecond.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from starlette.types import Scope

from registry_gateway.core.commands import Command, Lapsed, Outcome, Renew, Renewed, Unknown
from registry_gateway.core.errors import RegistryError
from registry_gateway.core.model import Event, EventKind
from registry_gateway.observability.shared_counters import Histogram, Reading, Row, SharedCounters

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
"""Histogram bounds for durations in seconds: a heartbeat takes some milliseconds, a slow list a second."""

SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
"""Histogram bounds for batch sizes."""

OUTCOMES = ("renewed", "lapsed", "unknown", "refused")
"""Outcomes of heartbeats: in time or revived; too late under a policy that refuses this; unknown key; another account's
key.
"""

KINDS: Sequence[EventKind] = [
    k for k in EventKind if k is not EventKind.RESUMED and not k.startswith(("account_", "webhook_"))
]
"""The event kinds of services."""

LANES = ("write", "find", "scan", "search", "look", "read")
"""The kinds of database transactions, as `Store` names them."""

QUEUES = ("write", "find")
"""The queues that are processed in batches: commands, and look-ups by key."""

DELIVERIES = ("delivered", "failed")
"""Outcomes of attempts to deliver to a webhook."""

LAGS = (0.5, 1.0, 2.0, 5.0, 10.0, 60.0, 600.0, 3_600.0, 21_600.0, 86_400.0)
"""Histogram bounds for the age of events in seconds when a webhook receives them."""

OTHER = "other"
"""The operation name of requests that match no operation (404 and 405)."""

_REFUSED = OUTCOMES.index("refused")
_OUTCOME: Mapping[type, int] = {Renewed: 0, Lapsed: 1, Unknown: 2}
_KIND = {kind: index for index, kind in enumerate(KINDS)}


class Operation:
    """The number of requests to an operation per class of status, and their durations."""

    __slots__ = ("name", "seconds", "statuses")

    def __init__(self, counters: SharedCounters, name: str) -> None:
        self.name = name
        self.seconds = Histogram(counters, SECONDS)
        self.statuses = counters.row(6)  # indexed by the first digit of the status


class Requests:
    """The requests to one mount."""

    def __init__(self, counters: SharedCounters, mount: str, operations: Mapping[tuple[object, str], str]) -> None:
        """`operations` has the operation names by endpoint (as in Starlette's scope) and method."""
        made = {name: Operation(counters, name) for name in dict.fromkeys((*operations.values(), OTHER))}
        self.mount = mount
        self.operations = tuple(made.values())
        self._by_endpoint = {endpoint: made[name] for endpoint, name in operations.items()}
        self._other = made[OTHER]

    def answered(self, scope: Scope, seconds: float) -> None:
        """Count a request that took `seconds`. Its scope has the `status` of the answer.

        The duration of a request marked `lasting` is not recorded, because the client decides when it ends.
        """
        operation = self._by_endpoint.get((scope.get("endpoint"), scope["method"]), self._other)
        operation.statuses[scope.get("status", 500) // 100] += 1  # uvicorn sends 500 if the application sent nothing
        if "lasting" not in scope:
            operation.seconds.observe(seconds)


class Transactions:
    """The durations of database transactions, including the wait for a connection, and the number of failures."""

    def __init__(self, counters: SharedCounters) -> None:
        self.seconds = {lane: Histogram(counters, SECONDS) for lane in LANES}
        self.failures = {lane: counters.row(1) for lane in LANES}

    def done(self, lane: str, seconds: float) -> None:
        """Count a successful transaction."""
        self.seconds[lane].observe(seconds)

    def failed(self, lane: str) -> None:
        """Count a transaction that failed because of the database."""
        self.failures[lane][0] += 1


class LeaseClock:
    """The clock by which leases are judged, as this process sees it.

    `ahead` is the number of seconds by which this machine's clock is ahead of it.
    """

    def __init__(self, counters: SharedCounters) -> None:
        self.ahead = 0.0
        self.steps = counters.row(1)
        self._sums = counters.gauge(lambda: self.ahead), counters.gauge(lambda: 1.0)

    def stepped(self) -> None:
        """Count a step of the clock."""
        self.steps[0] += 1

    def offset(self, reading: Reading) -> float:
        """Return the average of `ahead` over all processes, which share one machine."""
        total, processes = (reading[row][0] for row in self._sums)
        return total / processes


class WebhookMetrics:
    """The deliveries of webhooks: their number and durations by outcome, and the age of events when they arrive."""

    def __init__(self, counters: SharedCounters) -> None:
        self.seconds = {outcome: Histogram(counters, SECONDS) for outcome in DELIVERIES}
        self.lag = Histogram(counters, LAGS)

    def delivered(self, seconds: float, lag: float | None) -> None:
        """Count a delivery. `lag` is the age of its oldest event in seconds; None if it has none."""
        self.seconds["delivered"].observe(seconds)
        if lag is not None:
            self.lag.observe(lag)

    def failed(self, seconds: float) -> None:
        """Count a failure."""
        self.seconds["failed"].observe(seconds)


class Gauge(NamedTuple):
    """A number that is read at each scrape."""

    name: str
    description: str
    row: Row
    labels: Mapping[str, str]


class Metrics:
    """All metrics of a process."""

    def __init__(self, dialects: Iterable[str], counters: SharedCounters | None = None) -> None:
        """`counters` stores the numbers; None: in this process only."""
        self.counters = counters or SharedCounters()
        self.transactions = Transactions(self.counters)
        self.batches = {queue: Histogram(self.counters, SIZES) for queue in QUEUES}
        self.heartbeats = {dialect: self.counters.row(len(OUTCOMES)) for dialect in dialects}
        self.events = {dialect: self.counters.row(len(KINDS)) for dialect in self.heartbeats}
        self.clock = LeaseClock(self.counters)
        self.webhooks = WebhookMetrics(self.counters)
        self.requests: list[Requests] = []
        self.gauges: list[Gauge] = []
        self.waiting: dict[str, Row] = {}
        self.abandoned = self.counters.row(1)

    def queue(self, name: str, length: Callable[[], int]) -> None:
        """Register the gauge for the length of a queue."""
        self.waiting[name] = self.counters.gauge(length)

    def gauge(
        self,
        name: str,
        description: str,
        read: Callable[[], float],
        labels: Mapping[str, str] | None = None,
        *,
        highest: bool = False,
    ) -> None:
        """Register `read` as the gauge `registry_gateway_<name>` of /metrics.

        The values of all processes are added, or with `highest` the highest is taken. Gauges of one name have different
        values of the same labels.

        Raises:
            ValueError: There is already a gauge of that name and these labels.
        """
        labels = labels or {}
        if any(gauge.name == name and (gauge.labels == labels or not labels) for gauge in self.gauges):
            raise ValueError(f"there is a gauge {name} already")
        self.gauges.append(Gauge(name, description, self.counters.gauge(read, highest=highest), labels))

    def mount(self, name: str, operations: Mapping[tuple[object, str], str]) -> Requests:
        """Return the request counters of a mount; see `Requests`."""
        requests = Requests(self.counters, name, operations)
        self.requests.append(requests)
        return requests

    def committed(self, commands: Sequence[Command], outcomes: Sequence[Outcome | RegistryError | None]) -> None:
        """Count the heartbeats of a batch by outcome. An outcome of None is not decided yet and not counted."""
        heartbeats = self.heartbeats
        for command, outcome in zip(commands, outcomes, strict=True):
            if type(command) is Renew and outcome is not None:
                heartbeats[command.dialect][_OUTCOME.get(type(outcome), _REFUSED)] += 1

    def happened(self, events: Sequence[Event]) -> None:
        """Count events of services, except those of disabled dialects."""
        for event in events:
            row, kind = self.events.get(event.dialect), _KIND.get(event.kind)
            if row is not None and kind is not None:
                row[kind] += 1
