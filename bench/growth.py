"""How it grows: the same questions to databases with more and more registrations."""

import random
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, fields
from itertools import chain
from statistics import median

from bench.cases import of_chap
from bench.dialects import Chap, keys
from bench.filling import SETTINGS, fill, sweep_seconds
from bench.fleet import Fleet
from bench.machine import on_core, resident_bytes
from bench.sample import Bench, Sample, Subject
from bench.servers.database import Postgresql, Sqlite
from bench.servers.server import Server
from bench.servers.targets import CHAP_KEY, Gateway, Place, bare
from registry_gateway.store.statements.presence import ABSENCE

LAPSED = 100
"""Leases that a sweep finds lapsed."""

MAY_SLOW_BY = 0.20
"""How much slower heartbeat and look-up may be on the largest database than on the smallest."""


@dataclass(frozen=True)
class Point:
    """What was seen of one database at one size, once; or the medians of several.

    Rates are requests a second with 32 connections; `..._of_bare` is their ratio to the rate of the bare callable just
    before and after. `list_ms` is the whole list to one client. Memory is that of the server: after its start, after
    the load, and after lists.
    """

    heartbeat: float
    heartbeat_of_bare: float
    register: float
    register_of_bare: float
    look_up: float
    look_up_of_bare: float
    list_ms: float
    sweep_ms: float
    start_ms: float
    started_mb: float
    loaded_mb: float
    listed_mb: float
    database_mb: float
    others: float
    quotable: bool
    problem: str


@dataclass(frozen=True)
class Filled:
    """A database that was filled."""

    kind: str
    size: int
    url: str
    database: Sqlite | Postgresql
    gateway: Gateway


class Growth:
    """The measurement: fills the databases, then asks all of them in each round."""

    def __init__(self, bench: Bench, say: Callable[[str], None]) -> None:
        """Take where to measure, and who is told what happens."""
        self._bench = bench
        self._say = say
        self._place = Place(bench.cores.server, bench.directory)

    def measure(self, kinds: Sequence[str], sizes: Sequence[int]) -> dict[tuple[str, int], list[Point]]:
        """Return the points of each kind of database and size, one a round."""
        points: dict[tuple[str, int], list[Point]] = defaultdict(list)
        with ExitStack() as stack:
            filled = [self._fill(stack, kind, size) for kind in kinds for size in sizes]
            bare_callable = stack.enter_context(bare(self._place))
            for number in range(1, self._bench.effort.rounds + 1):
                self._say(f"round {number} of {self._bench.effort.rounds}")
                for database in filled:
                    point = self._ask(database, bare_callable)
                    points[database.kind, database.size].append(point)
                    self._say(f"  {database.kind:<11} {line(database.size, point)}")
        return dict(points)

    def _fill(self, stack: ExitStack, kind: str, size: int) -> Filled:
        open_database: Callable[[], Sqlite | Postgresql] = getattr(self._bench.databases, kind)
        database = open_database()
        url = stack.enter_context(database.new())
        gateway = Gateway(open_database, SETTINGS)
        gateway.command(url, self._place, "db", "upgrade")
        fill(url, keys(size))
        database.settle(url)
        if self._bench.effort.strict:
            with gateway.on(url, self._place):
                pass  # so that there was a gateway once, whose absence each measured start makes up for
        self._say(f"filled {kind} with {size:,}")
        return Filled(kind, size, url, database, gateway)

    def _ask(self, filled: Filled, bare_callable: Server) -> Point:
        with on_core(self._bench.cores.server):
            sweep = median(sweep_seconds(filled.url, LAPSED) for _ in range(3))
        database_bytes = filled.database.size(filled.url)
        services = keys(filled.size)
        random.Random(filled.size).shuffle(services)  # heartbeats come in no order
        cases = {case.name: case for case in of_chap(Chap(CHAP_KEY))}
        if self._bench.effort.strict:
            time.sleep(ABSENCE + 0.5)
        with filled.gateway.on(filled.url, self._place) as server:
            started = resident_bytes(server.pid)
            fleet = Fleet(server, cases["heartbeat"].dialect, services, lasting=True)
            taken: dict[str, list[Sample]] = {}
            for name in _UNDER_LOAD:
                ceiling = Subject(cases["heartbeat"], bare_callable)
                turns = self._bench.turns(Subject(cases[name], server, fleet), ceiling)
                taken[name] = [sample for _, sample in turns]
            loaded = resident_bytes(server.pid)
            listing = median(fleet.seconds(cases["list"]) for _ in range(3))
            listed = resident_bytes(server.pid)
            start = server.start_seconds
        samples = list(chain(*taken.values()))
        return Point(
            heartbeat=median(s.rate for s in taken["heartbeat"]),
            heartbeat_of_bare=median(s.ratio for s in taken["heartbeat"]),
            register=median(s.rate for s in taken["register-again"]),
            register_of_bare=median(s.ratio for s in taken["register-again"]),
            look_up=median(s.rate for s in taken["look-up"]),
            look_up_of_bare=median(s.ratio for s in taken["look-up"]),
            list_ms=listing * 1e3,
            sweep_ms=sweep * 1e3,
            start_ms=start * 1e3,
            started_mb=started / 1e6,
            loaded_mb=loaded / 1e6,
            listed_mb=listed / 1e6,
            database_mb=database_bytes / 1e6,
            others=max(sample.others for sample in samples),
            quotable=all(sample.quotable for sample in samples),
            problem=next((sample.problem for sample in samples if sample.problem), ""),
        )


_UNDER_LOAD = ("heartbeat", "look-up", "register-again")


def typical(points: Sequence[Point]) -> Point:
    """Return the medians of points."""
    numbers = {f.name: median(getattr(p, f.name) for p in points) for f in fields(Point) if f.type is float}
    return Point(
        **numbers,
        quotable=all(p.quotable for p in points),
        problem=next((p.problem for p in points if p.problem), ""),
    )


def slowed(points: Mapping[int, Point]) -> dict[str, float]:
    """Return by which share heartbeat and look-up are slower at the largest size than at the smallest.

    That is of their ratio to the bare callable: a virtual machine's own speed may change by half within minutes.
    """
    small, large = points[min(points)], points[max(points)]
    return {
        "heartbeat": 1 - large.heartbeat_of_bare / small.heartbeat_of_bare,
        "look-up": 1 - large.look_up_of_bare / small.look_up_of_bare,
    }


HEAD = (
    f"{'entries':>8} {'heartbeat/s':>11} {'ratio':>5} {'register/s':>10} {'ratio':>5} "
    f"{'look-up/s':>9} {'ratio':>5} "
    f"{'list ms':>8} {'sweep ms':>8} "
    f"{'start ms':>8} {'MB start':>8} {'loaded':>7} {'listed':>7} {'database MB':>11} {'others':>6}"
)


def line(size: int, point: Point) -> str:
    """Return a point as a line of the table."""
    return (
        f"{size:>8,} {point.heartbeat:>11,.0f} {point.heartbeat_of_bare:>5.2f} {point.register:>10,.0f} "
        f"{point.register_of_bare:>5.2f} {point.look_up:>9,.0f} {point.look_up_of_bare:>5.2f} "
        f"{point.list_ms:>8,.1f} {point.sweep_ms:>8.2f} {point.start_ms:>8,.0f} {point.started_mb:>8.1f} "
        f"{point.loaded_mb:>7.1f} {point.listed_mb:>7.1f} {point.database_mb:>11.1f} {point.others:>6.0%}"
        f"{'  ' + point.problem if point.problem else ''}"
    )
