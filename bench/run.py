"""The run: rounds in which every target is measured with every case, one after the other."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase

from bench.cases import Case, of_chap, of_runspec, of_scaicontrol
from bench.dialects import Chap, Runspec, ScaiControl, keys
from bench.fleet import Fleet
from bench.sample import OTHERS_MAY_TAKE, Bench, Sample, Subject
from bench.servers.database import Databases
from bench.servers.server import Server
from bench.servers.targets import Credentials, Gateway, Place, bare, runspec_registry

BARE, PEER = "bare", "runspec-registry"

DURABLE_CASES = ("heartbeat", "register")
"""What is measured of `synchronous=FULL`: it only changes what a commit costs."""

Cases = Callable[[Credentials], Sequence[Case]]
Running = Callable[[Place], AbstractContextManager[tuple[Server, Credentials]]]


@dataclass(frozen=True)
class Target:
    """Who is measured: how it is started, and the cases of each dialect it speaks."""

    name: str
    running: Running
    dialects: Mapping[str, Cases]

    def ids(self) -> list[str]:
        """Return the ids of what is measured."""
        return [case.id(self.name) for cases in self.dialects.values() for case in cases(Credentials())]


def _chap(credentials: Credentials) -> list[Case]:
    return of_chap(Chap(credentials.chap))


def _scaicontrol(credentials: Credentials) -> list[Case]:
    return of_scaicontrol(ScaiControl(credentials.token()))


def _runspec(credentials: Credentials) -> list[Case]:
    return of_runspec(Runspec(credentials.runspec))


def _only(cases: Cases, names: Sequence[str]) -> Cases:
    return lambda credentials: [case for case in cases(credentials) if case.name in names]


ALL = {"chap": _chap, "scaicontrol": _scaicontrol, "runspec": _runspec}


def targets(databases: Databases) -> list[Target]:
    """Return all targets, the bare callable first."""
    durable = {name: _only(cases, DURABLE_CASES) for name, cases in ALL.items()}
    full = {"REGISTRY_GATEWAY_SQLITE_SYNCHRONOUS": "FULL"}
    return [
        Target(
            BARE,
            _without_account(bare),
            {"chap": _only(_chap, ("heartbeat", "heartbeat-new-connection"))},
        ),
        Target("sqlite", Gateway(databases.sqlite, {}).running, ALL),
        Target("sqlite-full", Gateway(databases.sqlite, full).running, durable),
        Target("postgresql", Gateway(databases.postgresql, {}).running, ALL),
        Target(PEER, _without_account(runspec_registry), {"runspec": _runspec}),
    ]


def _without_account(start: Callable[[Place], AbstractContextManager[Server]]) -> Running:
    @contextmanager
    def running(place: Place) -> Iterator[tuple[Server, Credentials]]:
        with start(place) as server:
            yield server, Credentials()

    return running


@dataclass(frozen=True)
class Selection:
    """What was asked for: patterns such as `heartbeat-*-sqlite`; none means all.

    The bare callable is measured beside each.
    """

    patterns: Sequence[str]

    def takes(self, name: str) -> bool:
        """Tell whether something of that id is to be measured."""
        return not self.patterns or any(fnmatchcase(name, pattern) for pattern in self.patterns)

    def cases(self, target: Target, cases: Sequence[Case]) -> list[Case]:
        """Return those of a target's cases that are to be measured."""
        return [case for case in cases if self.takes(case.id(target.name))]


def run(
    bench: Bench, measured: Sequence[Target], selection: Selection, say: Callable[[str], None]
) -> dict[str, list[Sample]]:
    """Measure; return the samples of each id. `say` is told what happens.

    Every dialect gets a server that was just started, on a new database, so that no sample pays for the lapses and
    the growth that another one left behind.
    """
    samples: dict[str, list[Sample]] = defaultdict(list)
    place = Place(bench.cores.server, bench.directory)
    bare_target, *others = measured

    def note(name: str, sample: Sample) -> None:
        samples[name].append(sample)
        say(_said(name, sample))

    with bare_target.running(place) as (bare_server, credentials):
        ceilings = {case.close: Subject(case, bare_server) for case in bare_target.dialects["chap"](credentials)}
        for number in range(1, bench.effort.rounds + 1):
            say(f"round {number} of {bench.effort.rounds}")
            for name, subject in _subjects(bench, others, selection, place):
                ceiling = ceilings[subject.case.close]
                for of_bare, sample in bench.turns(subject, ceiling):
                    note(ceiling.case.id(BARE), of_bare)
                    note(subject.case.id(name), sample)
    return dict(samples)


def _subjects(
    bench: Bench, measured: Sequence[Target], selection: Selection, place: Place
) -> Iterator[tuple[str, Subject]]:
    """Start each target with a fleet of each dialect; yield the target's name and what is to be measured of it."""
    for target in measured:
        for build in target.dialects.values():
            if not selection.cases(target, build(Credentials())):
                continue
            with target.running(place) as (server, credentials):
                cases = selection.cases(target, build(credentials))
                fleet = Fleet(server, cases[0].dialect, keys(bench.effort.entries))
                fleet.join()
                for case in cases:
                    yield target.name, Subject(case, server, fleet)


def _said(name: str, sample: Sample) -> str:
    doubt = f"  {sample.problem}" if sample.problem else "  too busy" if sample.others > OTHERS_MAY_TAKE else ""
    return f"  {name:<48} {sample.rate:>9,.0f}/s  p99 {sample.p99_ms:>7.1f} ms  others {sample.others:>4.0%}{doubt}"
