"""What the gateway measures of its own work. Nothing here knows who reads it.

A request passes here three times (its heartbeat, its batch, its end), so whatever is done for each one is a few
additions to numbers: together less than a microsecond.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from starlette.types import Scope

from registry_gateway.core.commands import Command, Lapsed, Outcome, Renew, Renewed, Unknown
from registry_gateway.core.errors import RegistryError
from registry_gateway.core.model import Event, EventKind
from registry_gateway.observability.shared_counters import Histogram, Reading, Row, SharedCounters

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
"""Upper bounds of what is measured in seconds: a heartbeat takes some milliseconds, a slow list a second."""

SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
"""Upper bounds of sizes of batches."""

OUTCOMES = ("renewed", "lapsed", "unknown", "refused")
"""What becomes of a heartbeat: in time or revived; too late where that is refused; of nobody; somebody else's."""

KINDS: Sequence[EventKind] = [k for k in EventKind if k is not EventKind.RESUMED and not k.startswith("account_")]
"""The events of services."""

LANES = ("write", "find", "scan", "search", "look", "read")
"""The ways to the database, as `Store` calls them."""

QUEUES = ("write", "find")
"""What is gathered into batches: commands, and look-ups by key."""

OTHER = "other"
"""What a request is called that no operation answers: 404 and 405."""

_REFUSED = OUTCOMES.index("refused")
_OUTCOME: Mapping[type, int] = {Renewed: 0, Lapsed: 1, Unknown: 2}
_KIND = {kind: index for index, kind in enumerate(KINDS)}


class Operation:
    """How many requests for an operation were answered with each class of status, and how long each took."""

    __slots__ = ("name", "seconds", "statuses")

    def __init__(self, counters: SharedCounters, name: str) -> None:
        """Take its name."""
        self.name = name
        self.seconds = Histogram(counters, SECONDS)
        self.statuses = counters.row(6)  # 404 is counted at 4


class Requests:
    """The requests to what is mounted under one name."""

    def __init__(self, counters: SharedCounters, mount: str, operations: Mapping[tuple[object, str], str]) -> None:
        """Take the name, and those of the operations by endpoint (as Starlette notes it in the scope) and method."""
        made = {name: Operation(counters, name) for name in dict.fromkeys((*operations.values(), OTHER))}
        self.mount = mount
        self.operations = tuple(made.values())
        self._by_endpoint = {endpoint: made[name] for endpoint, name in operations.items()}
        self._other = made[OTHER]

    def answered(self, scope: Scope, seconds: float) -> None:
        """Count a request that took `seconds`; its scope has the `status` it was answered with.

        One that is `lasting` has no such time: it goes on for as long as the client wants.
        """
        operation = self._by_endpoint.get((scope.get("endpoint"), scope["method"]), self._other)
        operation.statuses[scope.get("status", 500) // 100] += 1  # the server's own, if an application sent nothing
        if "lasting" not in scope:
            operation.seconds.observe(seconds)


class Transactions:
    """The transactions of a database: how long each took, from asking for it to its end, and how many failed."""

    def __init__(self, counters: SharedCounters) -> None:
        """Start with none."""
        self.seconds = {lane: Histogram(counters, SECONDS) for lane in LANES}
        self.failures = {lane: counters.row(1) for lane in LANES}

    def done(self, lane: str, seconds: float) -> None:
        """Count one that ended well."""
        self.seconds[lane].observe(seconds)

    def failed(self, lane: str) -> None:
        """Count one that did not, because of the database."""
        self.failures[lane][0] += 1


class LeaseClock:
    """The clock that leases are judged by, as this process sees it.

    `ahead` is how many seconds this machine's clock is ahead of it.
    """

    def __init__(self, counters: SharedCounters) -> None:
        """Start with a clock that was never set."""
        self.ahead = 0.0
        self.steps = counters.row(1)
        self._sums = counters.gauge(lambda: self.ahead), counters.gauge(lambda: 1.0)

    def stepped(self) -> None:
        """Count that it was set."""
        self.steps[0] += 1

    def offset(self, reading: Reading) -> float:
        """Return how far the clocks of the processes are ahead, on average: they share a machine."""
        total, processes = (reading[row][0] for row in self._sums)
        return total / processes


class Gauge(NamedTuple):
    """A number that is read whenever the figures are."""

    name: str
    description: str
    row: Row


class Metrics:
    """All that is measured."""

    def __init__(self, dialects: Iterable[str], counters: SharedCounters | None = None) -> None:
        """Take the names of the dialects, and where the numbers are kept (None: in this process alone)."""
        self.counters = counters or SharedCounters()
        self.transactions = Transactions(self.counters)
        self.batches = {queue: Histogram(self.counters, SIZES) for queue in QUEUES}
        self.heartbeats = {dialect: self.counters.row(len(OUTCOMES)) for dialect in dialects}
        self.events = {dialect: self.counters.row(len(KINDS)) for dialect in self.heartbeats}
        self.clock = LeaseClock(self.counters)
        self.requests: list[Requests] = []
        self.gauges: list[Gauge] = []
        self.waiting: dict[str, Row] = {}
        self.abandoned = self.counters.row(1)

    def queue(self, name: str, length: Callable[[], int]) -> None:
        """Have the length of a queue looked at."""
        self.waiting[name] = self.counters.gauge(length)

    def gauge(self, name: str, description: str, read: Callable[[], float]) -> None:
        """Have `read` called for the gauge `registry_gateway_<name>` of /metrics. Processes are added up.

        Raises:
            ValueError: There is one of that name already.
        """
        if any(gauge.name == name for gauge in self.gauges):
            raise ValueError(f"there is a gauge {name} already")
        self.gauges.append(Gauge(name, description, self.counters.gauge(read)))

    def mount(self, name: str, operations: Mapping[tuple[object, str], str]) -> Requests:
        """Return what counts the requests to a mount; see `Requests`."""
        requests = Requests(self.counters, name, operations)
        self.requests.append(requests)
        return requests

    def committed(self, commands: Sequence[Command], outcomes: Sequence[Outcome | RegistryError | None]) -> None:
        """Count the heartbeats of a batch by what became of them; None is one that is still to be decided."""
        heartbeats = self.heartbeats
        for command, outcome in zip(commands, outcomes, strict=True):
            if type(command) is Renew and outcome is not None:
                heartbeats[command.dialect][_OUTCOME.get(type(outcome), _REFUSED)] += 1

    def happened(self, events: Sequence[Event]) -> None:
        """Count events of services. Those of dialects that are switched off are not."""
        for event in events:
            row, kind = self.events.get(event.dialect), _KIND.get(event.kind)
            if row is not None and kind is not None:
                row[kind] += 1
