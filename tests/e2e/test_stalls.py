"""A stall of the database that outlasts every lease: real processes, a real lock."""

import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.e2e.gateway import CHAP_TTL, Gateway, running_gateway

SERVICES = [f"svc-{number}" for number in range(10)]
HELD = 3.5
"""Seconds the lock is held: longer than a lease, shorter than a write waits for it."""


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Gateway]:
    """A gateway on SQLite, with leases of `CHAP_TTL` seconds."""
    with running_gateway(tmp_path) as gateway:
        yield gateway


@contextmanager
def heartbeats(gateway: Gateway) -> Iterator[Counter[int]]:
    """Every service sends a heartbeat each second; the statuses they were answered with, counted."""
    statuses: Counter[int] = Counter()
    stop = threading.Event()

    def beat(key: str) -> None:
        with httpx.Client(base_url=gateway.url, trust_env=False, timeout=20) as http:
            due = time.monotonic()
            while not stop.wait(max(0.0, due - time.monotonic())):
                due = time.monotonic() + 1
                statuses[http.put(f"/v2/services/{key}/$ping").status_code] += 1

    threads = [threading.Thread(target=beat, args=[key]) for key in SERVICES]
    for thread in threads:
        thread.start()
    try:
        yield statuses
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def test_another_process_that_holds_the_lock_for_longer_than_a_lease_costs_nobody_it(
    gateway: Gateway, tmp_path: Path
) -> None:
    for key in SERVICES:
        body = {"url": "http://host:1", "info": {"id": key, "display_name": key}}
        assert gateway.http.post("/v2/services/$register", json=body).status_code == 200
    missed: set[str] = set()

    def look(seconds: float) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            listed = {service["id"] for service in gateway.listed("/v2/services")["services"]}
            up = {service["key"] for service in gateway.listed("/catalog/v1/services", status="up")["services"]}
            missed.update(set(SERVICES) - (listed & up))
            time.sleep(0.2)

    with heartbeats(gateway) as statuses:
        look(1.5)
        other = sqlite3.connect(tmp_path / "registry.db", isolation_level=None, timeout=5)
        other.execute("BEGIN IMMEDIATE")
        look(HELD)
        other.close()
        look(CHAP_TTL + 1)
    assert missed == set()
    assert set(statuses) <= {200, 503}, statuses
    for key in SERVICES:
        events = gateway.listed(f"/catalog/v1/services/chap/{key}/events")["events"]
        assert [event["kind"] for event in events] == ["registered"], key
