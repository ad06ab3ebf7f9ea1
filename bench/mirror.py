"""`python -m bench.mirror`: what the mirror in chap-core's Redis costs heartbeats.

Two gateways in turn, one of which mirrors. Exit code 0: heartbeats are at most `MAY_SLOW_BY` slower, and everything is
in Redis; 1: they are not, or other processes were busy; 2: it could not be run.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from redis import Redis

from bench import machine, program
from bench.cases import of_chap
from bench.dialects import Chap, keys
from bench.fleet import Fleet
from bench.machine import on_core
from bench.sample import Bench, Effort, Subject
from bench.servers.database import Databases
from bench.servers.server import unused_port
from bench.servers.targets import CHAP_KEY, Gateway, Place

MAY_SLOW_BY = 0.10
"""Share by which heartbeats may be slower with the mirror."""

LEASE = {"REGISTRY_GATEWAY_CHAP_TTL_SECONDS": "30"}


def options(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.mirror", description="Show what the mirror costs heartbeats."
    )
    parser.add_argument("--entries", type=int, default=10_000, help="registered services (%(default)s)")
    parser.add_argument("--seconds", type=float, default=5.0, help="length of a sample (%(default)s)")
    parser.add_argument("--turns", type=int, default=10, help="samples of each, in turn (%(default)s)")
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite", help="(%(default)s)")
    return parser.parse_args(arguments)


@contextmanager
def redis(directory: Path, core: int) -> Iterator[int]:
    """Run a Redis on one core while the block runs; yield its port."""
    port = unused_port()
    with on_core(core), (directory / "redis.log").open("wb") as log:
        command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", ""]
        process = subprocess.Popen(command, cwd=directory, stdout=log, stderr=log)
    try:
        yield port
    finally:
        process.terminate()
        process.wait()


def measure(chosen: argparse.Namespace) -> int:
    """Measure, and print what was seen."""
    if shutil.which("redis-server") is None:
        return program.refused("redis-server is not installed: apt-get install redis-server")
    cores = machine.cores()
    os.sched_setaffinity(0, {cores.load})
    effort = Effort(chosen.seconds, warm_up=chosen.seconds, entries=chosen.entries, turns=chosen.turns)
    case = of_chap(Chap(CHAP_KEY))[0]
    with tempfile.TemporaryDirectory(prefix="bench-") as name, redis(Path(name), cores.load) as port:
        directory = Path(name)
        databases = Databases(directory, cores.server)
        kind = databases.sqlite if chosen.database == "sqlite" else databases.postgresql
        mirroring = {"REGISTRY_GATEWAY_CHAP_REDIS_URL": f"redis://127.0.0.1:{port}/3"}
        place = Place(cores.server, directory)
        try:
            with (
                Gateway(kind, LEASE).running(place) as (plain, _),
                Gateway(kind, {**LEASE, **mirroring}).running(place) as (mirrored, _),
            ):
                subjects = []
                for server in (mirrored, plain):
                    fleet = Fleet(server, case.dialect, keys(chosen.entries), lasting=True)  # the load reaches all
                    fleet.join()
                    subjects.append(Subject(case, server, fleet))
                taken = list(Bench(cores, directory, databases, effort).turns(*subjects))
                with Redis(port=port, db=3) as client:
                    stored = sum(1 for _ in client.scan_iter("service:*", count=1000))
        finally:
            databases.close()
    for before, sample in taken:
        rates = f"{sample.rate:>9,.0f}/s with the mirror, {before.rate:>9,.0f}/s without"
        print(f"  {rates}: {sample.ratio:.3f} {sample.problem}")
    ratio = median(sample.ratio for _, sample in taken)
    print(f"{chosen.entries:,} services on {chosen.database}: heartbeats at {ratio:.1%} of the rate without the mirror")
    print(f"{stored:,} services in Redis at the end")
    if not all(sample.quotable for _, sample in taken):
        print("NOT QUOTABLE: an answer was wrong, or other processes were busy")
        return 1
    return 0 if ratio >= 1 - MAY_SLOW_BY and stored == chosen.entries else 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it."""
    chosen = options(arguments)
    return program.run(lambda: measure(chosen))


if __name__ == "__main__":
    sys.exit(main())
