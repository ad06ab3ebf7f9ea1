"""`python -m bench`: compare. Exit code 0: the numbers may be quoted. 1: they may not. 2: it could not be run."""

import argparse
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench import machine, program, record, report
from bench.cases import CONNECTIONS
from bench.run import BARE, Selection, run, targets
from bench.sample import OTHERS_MAY_TAKE, Bench, Effort
from bench.servers import peer
from bench.servers.database import Databases

LONGEST = 20.0
"""Seconds of the longest sample: services that nobody pings meanwhile must not lapse (CHAP's lease is 30 s)."""

QUICK = Effort(seconds=1.0, warm_up=0.1, entries=20, rounds=1, turns=1, attempts=1, strict=False)

NOTES = (
    "wrk and all servers are pinned to one core each; PostgreSQL is on the core of the gateway",
    "credentials are on: a key for CHAP, a key for runspec, a service account's token for ScaiControl",
    "ratio: to the bare ASGI callable on uvicorn, measured the same way just before and after",
    "list: after every third list a ping; only the lists are counted",
    "all-tools-changed: on one connection, a tool list is posted before each read; only the reads are counted",
    *peer.NOTES,
)


def options(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m bench", description="Compare this gateway with the bare server beneath it and with a peer."
    )
    full = Effort()
    parser.add_argument(
        "--rounds", type=int, default=full.rounds, help="how often servers are started anew (%(default)s)"
    )
    parser.add_argument(
        "--turns",
        type=int,
        default=full.turns,
        help="samples of each case in a round, in turn with the bare callable (%(default)s)",
    )
    parser.add_argument("--seconds", type=float, default=full.seconds, help="length of a sample (%(default)s)")
    parser.add_argument("--entries", type=int, default=full.entries, help="registered services (%(default)s)")
    parser.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="ID",
        help="such as heartbeat-chap-sqlite or 'heartbeat-*'; may be repeated",
    )
    parser.add_argument("--list", action="store_true", help="list the ids and stop")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results here, too")
    parser.add_argument(
        "--directory",
        type=Path,
        help="where the databases are made; decides what a commit to disk costs (default: that of temporary files)",
    )
    parser.add_argument("--quick", action="store_true", help="tiny numbers, to see that it runs; nothing is quotable")
    chosen = parser.parse_args(arguments)
    if not 0 < chosen.seconds <= LONGEST:
        parser.error(f"--seconds must be above 0 and at most {LONGEST:g}")
    if min(chosen.rounds, chosen.turns, chosen.entries) < 1:
        parser.error("--rounds, --turns and --entries must be at least 1")
    return chosen


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark."""
    chosen = options(arguments)
    return program.run(lambda: _compare(chosen))


def _compare(chosen: argparse.Namespace) -> int:
    effort = Effort(chosen.seconds, entries=chosen.entries, rounds=chosen.rounds, turns=chosen.turns)
    if chosen.quick:
        effort = QUICK
    cores = machine.cores()
    with tempfile.TemporaryDirectory(prefix="bench-", dir=chosen.directory) as name:
        directory = Path(name)
        databases = Databases(directory, cores.server)
        measured = targets(databases)
        selection = Selection(chosen.only)
        ids = [i for target in measured for i in target.ids() if target.name == BARE or selection.takes(i)]
        if chosen.list:
            print("\n".join(ids))
            return 0
        if chosen.only and all(i.endswith(BARE) for i in ids):
            return program.refused("--only matches nothing; --list shows the ids")
        os.sched_setaffinity(0, {cores.load})
        try:
            samples = run(Bench(cores, directory, databases, effort), measured, selection, print)
            facts = machine.described(directory) | databases.describe()
        finally:
            databases.close()
    notes = _notes(effort, cores)
    lines = report.rows(samples)
    content = report.as_json(lines, samples, effort, facts, notes)
    record.write("compare", content, chosen.json)
    print("", report.table(lines), "", *(f"{k}: {v}" for k, v in facts.items()), *notes, sep="\n")
    return _verdict(lines, quick=chosen.quick, apart=cores.apart)


def _notes(effort: Effort, cores: machine.Cores) -> list[str]:
    samples = f"{effort.rounds} x {effort.turns} samples of {effort.seconds:g} s"
    what = f"{effort.entries:,} entries, {CONNECTIONS} connections, medians of {samples}"
    alone = [] if cores.apart else ["there is only one core: the load takes its time from the servers"]
    return [what, *alone, *NOTES]


def _verdict(lines: Sequence[report.Row], *, quick: bool, apart: bool) -> int:
    for row in lines:
        if row.problem:
            print(f"FAILED {row.id}: {row.problem}")
        elif row.missed and row.quotable:
            print(f"BELOW {row.id}: {', '.join(row.missed)}")
    if any(row.problem for row in lines):
        return 1
    if quick:
        print("quick: it runs; these numbers say nothing")
        return 0
    busy = [row.id for row in lines if not row.quotable]
    if busy:
        share = f"{OTHERS_MAY_TAKE:.0%} of a core"
        print(f"NOT QUOTABLE: other processes took more than {share} during {len(busy)} of {len(lines)} measurements")
    elif not apart:
        print("NOT QUOTABLE: there is only one core")
    return 1 if busy or not apart else 0


if __name__ == "__main__":
    sys.exit(main())
