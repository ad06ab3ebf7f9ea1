"""`python -m bench.scale`: how the gateway grows. Exit codes are those of `python -m bench`."""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from bench import machine, plot, program, record
from bench.growth import HEAD, LAPSED, MAY_SLOW_BY, Growth, Point, line, slowed, typical
from bench.sample import Bench, Effort
from bench.servers.database import Databases

SIZES = (1_000, 10_000, 100_000)
QUICK_SIZES = (20, 60)
QUICK = Effort(seconds=1.0, warm_up=0.0, rounds=1, turns=1, attempts=1, strict=False)
KINDS = ("sqlite", "postgresql")

WARM_UP = 5.0
"""Seconds of load before the first sample: long enough to have asked for most of 100,000. Memory of PostgreSQL's that a
connection touches for the first time costs it a page fault, and most of a new connection's look-ups do that.
"""

NOTES = (
    "ratio: to the bare ASGI callable on uvicorn, just before and after; by these it is said how much slower it gets",
    "filled through the core; PostgreSQL has taken its statistics, as autovacuum does within a minute or so",
    "CHAP services on a lease of a day; heartbeats and look-ups go to all of them, in no order",
    "register: services that are there register again, so that their number stays; list: the whole list to one client",
    f"sweep: Registry.expire with {LAPSED} lapsed leases among them",
    "start: from the start of the process until it is ready, with all leases extended after its absence",
)


def options(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.scale", description="Show how the gateway grows.")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="numbers of registrations")
    parser.add_argument("--database", choices=KINDS, action="append", help="default: both")
    full = Effort()
    parser.add_argument("--rounds", type=int, default=full.rounds, help="measurements of each size (%(default)s)")
    parser.add_argument(
        "--turns", type=int, default=full.turns, help="samples in each, in turn with the bare callable (%(default)s)"
    )
    parser.add_argument("--seconds", type=float, default=full.seconds, help="length of a sample (%(default)s)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results here, too")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw them as PNG, if they may be quoted")
    parser.add_argument("--directory", type=Path, help="where the databases are made (default: with temporary files)")
    parser.add_argument("--quick", action="store_true", help="tiny numbers, to see that it runs")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark."""
    chosen = options(arguments)
    return program.run(lambda: _grow(chosen))


def _grow(chosen: argparse.Namespace) -> int:
    effort = Effort(chosen.seconds, warm_up=WARM_UP, rounds=chosen.rounds, turns=chosen.turns)
    if chosen.quick:
        effort = QUICK
    cores = machine.cores()
    os.sched_setaffinity(0, {cores.load})
    with tempfile.TemporaryDirectory(prefix="bench-", dir=chosen.directory) as name:
        directory = Path(name)
        databases = Databases(directory, cores.server)
        try:
            growth = Growth(Bench(cores, directory, databases, effort), print)
            taken = growth.measure(chosen.database or KINDS, QUICK_SIZES if chosen.quick else chosen.sizes)
            facts = machine.described(directory) | databases.describe()
        finally:
            databases.close()
    points: dict[str, dict[int, Point]] = {}
    for (kind, size), seen in taken.items():
        points.setdefault(kind, {})[size] = typical(seen)
    quotable = cores.apart and all(p.quotable for by_size in points.values() for p in by_size.values())
    content = {
        "quotable": quotable,
        "machine": facts,
        "effort": asdict(effort),
        "notes": NOTES,
        "results": [
            {"database": kind, "entries": size, **asdict(typical(seen)), "rounds": [asdict(p) for p in seen]}
            for (kind, size), seen in taken.items()
        ],
    }
    record.write("scale", content, chosen.json)
    _show(points, facts)
    if chosen.plot is not None and (quotable or chosen.quick):
        _draw(points, facts, chosen.plot)
    if any(point.problem for by_size in points.values() for point in by_size.values()):
        return 1
    if not quotable and not chosen.quick:
        print("NOT QUOTABLE: other processes were busy, or there is only one core; nothing was drawn")
        return 1
    return 0


def _show(points: Mapping[str, Mapping[int, Point]], facts: Mapping[str, object]) -> None:
    for kind, by_size in points.items():
        print(f"\n{kind}", HEAD, *(line(size, point) for size, point in by_size.items()), sep="\n")
        for what, share in slowed(by_size).items():
            mark = "ok" if share <= MAY_SLOW_BY else "BELOW"
            print(f"{what}: {-share:+.0%} from the smallest to the largest (may slow by {MAY_SLOW_BY:.0%}): {mark}")
    print("", *(f"{k}: {v}" for k, v in facts.items()), *NOTES, sep="\n")


def _draw(points: Mapping[str, Mapping[int, Point]], facts: Mapping[str, object], file: Path) -> None:
    title = f"Growth on one core ({facts['processor']}), {time.strftime('%Y-%m-%d')}"
    try:
        plot.draw(points, title, file)
    except ModuleNotFoundError:
        print("no picture: matplotlib is not installed; pip install '.[bench]'")


if __name__ == "__main__":
    sys.exit(main())
