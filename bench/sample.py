"""One sample: a case under load for some seconds, with what shows whether it may be believed."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

from bench import message, wrk
from bench.cases import Case
from bench.dialects import keys as names
from bench.fleet import Fleet, WrongAnswer
from bench.machine import Cores, Others
from bench.servers.database import Databases
from bench.servers.server import Server

OTHERS_MAY_TAKE = 0.10
"""Cores that other processes may have used on average; beyond that a sample says nothing."""

_FIRST_NUMBERS = count(1)


@dataclass(frozen=True)
class Effort:
    """How much to measure.

    Attributes:
        seconds: Length of a sample.
        warm_up: Seconds of the same load before the first, not counted.
        entries: Services that are registered.
        rounds: How often servers are started anew.
        turns: Samples of each case in a round, in turn with the bare callable; the median of all is quoted.
        attempts: How often a sample is taken while others are busy, before it is given up.
        strict: Whether samples are meant to be quoted at all.
    """

    seconds: float = 2.0
    warm_up: float = 1.0
    entries: int = 1000
    rounds: int = 2
    turns: int = 3
    attempts: int = 3
    strict: bool = True


@dataclass(frozen=True)
class Sample:
    """What was seen. `rate` is operations a second; `others` the cores that other processes used meanwhile.

    `ceiling` is the rate of the bare callable, measured the same way just before and after; None for that itself.
    """

    rate: float
    p50_ms: float
    p99_ms: float
    requests: int
    seconds: float
    bytes_per_request: float
    others: float
    quotable: bool
    problem: str
    ceiling: float | None = None

    @property
    def ratio(self) -> float:
        """Its rate for each request a second of the bare callable; 0 if there was none."""
        return self.rate / self.ceiling if self.ceiling else 0.0

    def between(self, before: "Sample", after: "Sample") -> "Sample":
        """Return it beside what the bare callable did just before and after."""
        quotable = self.quotable and before.quotable and after.quotable
        return replace(self, ceiling=(before.rate + after.rate) / 2, quotable=quotable)


@dataclass(frozen=True)
class Subject:
    """What is under load: a case, at a server, with the services registered there.

    `fleet` is None for a server that knows no services: nothing is kept alive and verified then.
    """

    case: Case
    server: Server
    fleet: Fleet | None = None


Loading = Callable[[float], wrk.Load]
"""Puts a subject under load for some seconds."""


@dataclass(frozen=True)
class Bench:
    """Where samples are taken."""

    cores: Cores
    directory: Path
    databases: Databases
    effort: Effort

    def turns(self, subject: Subject, ceiling: Subject) -> Iterator[tuple[Sample, Sample]]:
        """Take samples in turn: yield one of the bare callable and one of the subject, pair by pair.

        A virtual machine's speed may change by half within seconds. So the ratio of a sample is to what the bare
        callable did on both sides of it, and the samples are short.
        """
        with self._loading(subject) as load, self._loading(ceiling) as load_ceiling:
            if self.effort.warm_up:
                load(self.effort.warm_up)
            before = self._take(ceiling, load_ceiling)
            for _ in range(self.effort.turns):
                sample, after = self._take(subject, load), self._take(ceiling, load_ceiling)
                yield before, sample.between(before, after)
                before = after

    @contextmanager
    def _loading(self, subject: Subject) -> Iterator[Loading]:
        """Write the requests down while the block runs."""
        case = subject.case
        requests = self.directory / f"{case.id('requests')}-{subject.server.port}.bin"
        keys = subject.fleet.keys if subject.fleet is not None else names(self.effort.entries)
        message.write(requests, case.messages(keys), subject.server.host, close=case.close)

        def load(seconds: float) -> wrk.Load:
            return wrk.run(
                subject.server.port,
                requests,
                seconds=seconds,
                connections=case.connections,
                core=self.cores.load,
                first=next(_FIRST_NUMBERS) * 1_000_000,
            )

        try:
            yield load
        finally:
            requests.unlink()

    def _take(self, subject: Subject, load: Loading) -> Sample:
        """Take a sample; again while others are busy, as often as the effort allows."""
        sample = self._once(subject, load)
        for attempt in range(1, self.effort.attempts):
            if sample.quotable or sample.problem:
                break
            time.sleep(attempt)
            sample = self._once(subject, load)
        return sample

    def _once(self, subject: Subject, load: Loading) -> Sample:
        case, fleet = subject.case, subject.fleet
        problem = ""
        try:
            if fleet is not None:
                fleet.stay()
                fleet.verify(case)
        except WrongAnswer as error:
            problem = f"before: {error}"
        begin, others = time.monotonic(), Others(self.databases.pids())
        seen = load(self.effort.seconds)
        busy = others.seconds() / (time.monotonic() - begin)
        problem = problem or seen.problems
        try:
            if fleet is not None:
                fleet.verify(case)
        except WrongAnswer as error:
            problem = problem or f"after: {error}"
        return Sample(
            rate=seen.requests * case.operations / seen.seconds,
            p50_ms=seen.p50_ms,
            p99_ms=seen.p99_ms,
            requests=seen.requests,
            seconds=seen.seconds,
            bytes_per_request=seen.bytes / max(1, seen.requests),
            others=busy,
            quotable=self.effort.strict and not problem and busy <= OTHERS_MAY_TAKE,
            problem=problem,
        )
