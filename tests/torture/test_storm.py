"""Everything a hostile client can do, at once, for ten minutes, at a gateway in which anybody may write.

What must hold: the memory that is not a file's ends within 60 MiB of where it began (after a warm-up that fills the
caches), no answer is a 5xx but 503, a fleet's heartbeats go on with a p99 under 50 ms in each minute, none of them is
told that its service is unknown, and the log holds no traceback.
"""

import asyncio
import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, insert

from registry_gateway.core.model import EventKind
from registry_gateway.store.engine import Store
from registry_gateway.store.tables import EventRow
from tests.e2e.child import Child
from tests.e2e.gateway import Gateway, running_nodes

MINUTES = float(os.environ.get("TORTURE_MINUTES", "10"))
"""How long the storm lasts."""

WARM_UP = 60.0
"""Seconds at its beginning after which memory is looked at for the first time."""

MEMORY = 60.0
"""MiB that may be added until the end."""

P99 = 50.0
"""Milliseconds within which 99 of 100 heartbeats of a minute are answered."""

EVENTS, CHUNK = 40_000, 2_000
"""Events that are in the log at the beginning, and how many of them are written at a time."""

SETTINGS = {
    "REGISTRY_GATEWAY_RATE_LIMIT": "60/m",
    "REGISTRY_GATEWAY_CHAP_MAX_SERVICES": "200",
    "REGISTRY_GATEWAY_RUNSPEC_MAX_INSTANCES": "200",
}


def anonymous_mib(pid: int) -> float:
    """Return the anonymous memory of a process in MiB."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines():
        if line.startswith("Anonymous:"):
            return int(line.split()[1]) / 1024
    raise AssertionError("the kernel does not tell the memory of a process")


@pytest.fixture(params=["sqlite", "postgresql"])
def gateway(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Gateway]:
    """A gateway whose log has many events."""
    url = request.getfixturevalue(f"{request.param}_url")
    asyncio.run(_fill(url))
    with running_nodes(tmp_path, 1, url, SETTINGS) as [gateway]:
        yield gateway


async def _fill(url: str) -> None:
    """Record services that came and went within the last hour."""
    begin = time.time() - 3600
    columns = {"dialect": "chap", "actor": "past", "name": "Past", "version": "1.0.0", "detail": "{}"}
    store = Store(url)
    try:
        for first in range(0, EVENTS, CHUNK):
            rows = [
                columns
                | {"at": begin + number * 3600 / EVENTS, "key": f"past-{number // 2}"}
                | {"kind": EventKind.DEREGISTERED if number % 2 else EventKind.REGISTERED}
                for number in range(first, first + CHUNK)
            ]
            await store.write(partial(_record, rows))
    finally:
        await store.close()


def _record(rows: Sequence[dict[str, object]], connection: Connection) -> None:
    connection.execute(insert(EventRow), rows)


def _program(gateway: Gateway, directory: Path, name: str, seconds: float, **environment: str) -> Child:
    """Run the fleet or the attacks. Attackers have the least priority: what they cost is not to be measured."""
    nice = ["nice", "-n", "19"] if name == "attacks" else []
    command = [*nice, sys.executable, "-m", f"tests.torture.{name}", str(gateway.port), f"{seconds:g}"]
    root = str(Path(__file__).parents[2])
    given = {"PYTHONPATH": root} | environment
    return Child(command, log=directory / f"{name}.log", directory=directory, environment=given)


def _result(child: Child) -> dict[str, Any]:
    assert child.wait(60) == 0, child.log()
    result: dict[str, Any] = json.loads(child.lines()[-1])
    return result


def test_a_storm(gateway: Gateway, tmp_path: Path) -> None:
    """A fleet lives through it, and nothing grows."""
    seconds = MINUTES * 60
    fleet = _program(gateway, tmp_path, "fleet", seconds, FLEET_TOKEN=gateway.token("fleet", "registry:manage"))
    try:
        time.sleep(5)  # the fleet registers first
        hostile = gateway.token("hostile", "registry:manage")
        attacks = _program(gateway, tmp_path, "attacks", seconds - 10, ATTACK_TOKEN=hostile)
        try:
            memory = _watched(gateway, seconds - 10)
            attacked = _result(attacks)
        finally:
            attacks.close()
        lived = _result(fleet)
    finally:
        fleet.close()
    print(json.dumps({"memory_mib": memory, "fleet": lived, "attacks": attacked}, indent=1))
    gateway.finish()

    statuses = {status for one in attacked.values() for status in one if status.startswith("5")}
    assert statuses <= {"503"}, attacked
    assert set(lived["statuses"]) == {"200"}, lived
    assert max(lived["p99_by_minute"]) < P99, lived
    assert memory[-1] - memory[0] < MEMORY, memory


def _watched(gateway: Gateway, seconds: float) -> list[float]:
    """Return the memory after the warm-up and every ten seconds from there."""
    end = time.monotonic() + seconds
    time.sleep(min(WARM_UP, seconds / 2))
    memory = []
    while time.monotonic() < end:
        memory.append(round(anonymous_mib(gateway.process.pid), 1))
        time.sleep(10)
    return memory
