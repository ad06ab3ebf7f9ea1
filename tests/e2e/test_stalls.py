"""A stall of the database that outlasts every lease: real processes, a real lock."""

import sqlite3
from pathlib import Path

import pytest

from tests.e2e.gateway import CHAP_TTL, running_gateway
from tests.e2e.living import LATE_PINGS, Living

pytestmark = pytest.mark.slow

HELD = 3.5
"""Seconds the lock is held: longer than a lease, shorter than a write waits for it."""


@pytest.mark.parametrize("late_ping", LATE_PINGS, ids=["revive", "refuse"])
def test_another_process_that_holds_the_lock_for_longer_than_a_lease_costs_no_lease(
    tmp_path: Path, late_ping: dict[str, str]
) -> None:
    with running_gateway(tmp_path, late_ping) as gateway:
        living = Living(gateway)
        with living.heartbeats():
            living.look(1.5)
            other = sqlite3.connect(tmp_path / "registry.db", isolation_level=None, timeout=5)
            other.execute("BEGIN IMMEDIATE")
            living.look(HELD)
            other.close()
            living.look(CHAP_TTL + 1)
        living.check()
