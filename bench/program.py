"""A benchmark as a program: where it can be run at all, and its exit code."""

import os
import sys
from collections.abc import Callable

from bench import wrk
from bench.fleet import WrongAnswer
from bench.servers.server import ServerFailed


def run(measure: Callable[[], int]) -> int:
    """Return the exit code of `measure`, or 2 if it can't be run here or doesn't get through."""
    if not hasattr(os, "sched_setaffinity"):
        return refused("bench needs Linux: it pins processes to cores")
    if not wrk.installed():
        return refused(wrk.MISSING)
    try:
        return measure()
    except (ServerFailed, WrongAnswer) as error:
        return refused(str(error))


def refused(reason: str) -> int:
    """Say why nothing was measured; return the exit code for that."""
    print(f"bench: {reason}", file=sys.stderr)
    return 2
