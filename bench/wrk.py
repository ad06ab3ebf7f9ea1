"""wrk: the load. One thread, many connections, requests from a file."""

import json
import shutil
import subprocess
from dataclasses import dataclass
from math import ceil
from pathlib import Path

from bench.machine import on_core

SCRIPT = Path(__file__).with_name("requests.lua")

MISSING = "wrk is not installed: apt-get install wrk, dnf install wrk or brew install wrk"

TIMEOUT = 30
"""Seconds after which an answer counts as late. No honest one takes as long; a list of 100,000 may take some."""


@dataclass(frozen=True)
class Load:
    """What one run of wrk has seen."""

    requests: int
    seconds: float
    bytes: int
    p50_ms: float
    p99_ms: float
    problems: str
    """What went wrong, in words; empty if nothing did."""


def installed() -> bool:
    """Tell whether wrk is there."""
    return shutil.which("wrk") is not None


def run(port: int, requests: Path, *, seconds: float, connections: int, core: int, first: int) -> Load:
    """Replay the file `requests` against a port of loopback for some seconds, counting new names from `first`.

    wrk itself knows whole seconds only, so that any other run is ended by a signal, which it takes for a normal end.
    """
    command = ["wrk", "--threads", "1", "--connections", str(connections), "--timeout", f"{TIMEOUT}s"]
    command += ["--duration", f"{ceil(seconds)}s", "--script", str(SCRIPT)]
    command += [f"http://127.0.0.1:{port}/", "--", str(requests), str(first)]
    if seconds % 1:
        command = ["timeout", "--signal=INT", "--preserve-status", f"{seconds}", *command]
    with on_core(core):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    line = next((line for line in done.stdout.splitlines() if line.startswith("{")), None)
    if line is None:
        return Load(0, seconds, 0, 0.0, 0.0, f"wrk ended with {done.returncode}: {(done.stderr or done.stdout)[-300:]}")
    seen = json.loads(line)
    return Load(
        requests=seen["requests"],
        seconds=seen["microseconds"] / 1e6,
        bytes=seen["bytes"],
        p50_ms=seen["p50"] / 1e3,
        p99_ms=seen["p99"] / 1e3,
        problems=_problems(seen),
    )


def _problems(seen: dict[str, int]) -> str:
    words = {"refused": "answers other than 2xx or 3xx", "broken": "broken connections", "late": "late answers"}
    problems = [f"{seen[kind]} {word}" for kind, word in words.items() if seen[kind]]
    if not seen["requests"]:
        problems.append("no answer at all")
    return ", ".join(problems)
