"""Tries the published clients and prints the table of docs/clients.md: `python -m tests.e2e.clients_table [NAME ...]`.

A name is as in the table, such as chapkit-2.4.1; without one all are tried. Each is installed on first use.
"""

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.e2e.clients import MissingInterpreterError
from tests.e2e.published import ALL
from tests.e2e.registrant import Kind
from tests.e2e.trial import STEPS, Trial, run

AT_ONCE = 4
"""Clients that are tried together: on two processors a chapkit service takes ten seconds to start."""


def main(names: Sequence[str]) -> int:
    """Print a row for each client, and on standard error what a client said that failed. Return how many did."""
    kinds = [kind for kind in ALL if not names or kind.environment.name in names]
    print("| Client | " + " | ".join(STEPS) + " |")
    print("|---" * (1 + len(STEPS)) + "|", flush=True)
    failed = 0
    for start in range(0, len(kinds), AT_ONCE):
        part = kinds[start : start + AT_ONCE]
        absent = {kind.name: reason for kind in part if (reason := why_not(kind)) is not None}
        with tempfile.TemporaryDirectory() as directory:
            trial = run([kind for kind in part if kind.name not in absent], Path(directory))
        for kind in part:
            print(row(kind, trial, absent.get(kind.name)), flush=True)
            if kind.name in trial.evidence:
                failed += 1
                print(f"{kind.environment.name}: {trial.evidence[kind.name]}", file=sys.stderr)
    return failed


def why_not(kind: Kind) -> str | None:
    """Install a client; return why that does not work here, None if it does."""
    try:
        kind.environment.executable("python")
    except (MissingInterpreterError, AssertionError) as reason:
        return str(reason).splitlines()[0]
    return None


def row(kind: Kind, trial: Trial, absent: str | None) -> str:
    """Return the row of a client."""
    if absent is not None:
        return f"| {kind.environment.name} | not tried: {absent} |" + " |" * (len(STEPS) - 1)
    passed = trial.passed[kind.name]
    return f"| {kind.environment.name} | " + " | ".join("yes" if step in passed else "**no**" for step in STEPS) + " |"


if __name__ == "__main__":
    sys.exit(1 if main(sys.argv[1:]) else 0)
