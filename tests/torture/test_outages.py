"""Long stalls, crash loops and clocks that are set, with the default lease and real processes: no living service
loses its lease. The short ones are in `tests/contract/test_stalls.py` and `tests/e2e`.
"""

import shutil
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.gateway import CHAP_TTL, Gateway, running_gateway
from tests.e2e.living import LATE_PINGS, Living
from tests.e2e.postgresql_server import primary_and_standby

FAKETIME = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1")

DEFAULT_LEASE = {"REGISTRY_GATEWAY_CHAP_TTL_SECONDS": "30"}

LEASE = 6.0
"""Seconds of a lease where clocks are set: such a gateway asks for the time slowly, and so starts slowly."""

STALL = 40.0
"""Seconds that nothing can be written: longer than the default lease."""


@pytest.fixture(params=LATE_PINGS, ids=["revive", "refuse"])
def late_ping(request: pytest.FixtureRequest) -> dict[str, str]:
    """The setting of what a late ping does: reviving must not hide that a lease was lost."""
    found: dict[str, str] = request.param
    return found


@pytest.fixture
def gateway(tmp_path: Path, late_ping: dict[str, str]) -> Iterator[Gateway]:
    """A gateway on SQLite with the default lease."""
    with running_gateway(tmp_path, DEFAULT_LEASE | late_ping) as gateway:
        yield gateway


def test_a_lock_that_is_held_for_longer_than_the_default_lease(gateway: Gateway, tmp_path: Path) -> None:
    living = Living(gateway)
    with living.heartbeats():
        living.look(2)
        other = sqlite3.connect(tmp_path / "registry.db", isolation_level=None, timeout=5)
        other.execute("BEGIN IMMEDIATE")
        living.look(STALL)
        other.close()
        living.look(35)
    living.check()


def test_a_standby_that_confirms_nothing_for_longer_than_the_default_lease(
    tmp_path: Path, late_ping: dict[str, str]
) -> None:
    with primary_and_standby() as (primary, standby):
        settings = {**DEFAULT_LEASE, **late_ping, "REGISTRY_GATEWAY_DATABASE_URL": primary.url()}
        gateway = Gateway(tmp_path, settings, options=("--migrate",))
        try:
            gateway.start()
            living = Living(gateway)
            with living.heartbeats():
                living.look(2)
                standby.freeze()
                living.look(STALL)
                standby.thaw()
                living.look(35)
            living.check()
            gateway.finish()
        finally:
            standby.thaw()
            gateway.close()


SLOW_SYNC = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <unistd.h>
static int slow(const char *name, int file) {
    if (access(getenv("SLOW_SYNC_WHILE"), F_OK) == 0) sleep(8);
    return ((int (*)(int)) dlsym(RTLD_NEXT, name))(file);
}
int fsync(int file) { return slow("fsync", file); }
int fdatasync(int file) { return slow("fdatasync", file); }
"""


@pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler")
def test_a_disk_that_takes_eight_seconds_to_sync(tmp_path: Path, late_ping: dict[str, str]) -> None:
    source, library, slow = tmp_path / "slow_sync.c", tmp_path / "slow_sync.so", tmp_path / "slow"
    source.write_text(SLOW_SYNC)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True, timeout=60)
    faults = {"LD_PRELOAD": str(library), "SLOW_SYNC_WHILE": str(slow)}
    settings = {"REGISTRY_GATEWAY_SQLITE_SYNCHRONOUS": "FULL", "REGISTRY_GATEWAY_CHAP_TTL_SECONDS": "4"}
    with running_gateway(tmp_path, faults | settings | late_ping) as gateway:
        living = Living(gateway)
        with living.heartbeats():
            living.look(2)
            slow.touch()
            living.look(20)
            slow.unlink()
            living.look(20)
        living.check()


def test_a_crash_loop_of_a_minute(tmp_path: Path, late_ping: dict[str, str]) -> None:
    with running_gateway(tmp_path, late_ping) as gateway:
        living = Living(gateway)
        with living.heartbeats():
            for _ in range(20):
                gateway.kill()
                time.sleep(2)
                gateway.start()
                time.sleep(0.15)
            living.look(CHAP_TTL + 1)
        living.check()


@pytest.mark.skipif(not FAKETIME.exists(), reason="faketime is not installed")
@pytest.mark.parametrize("step", [30, -30, 40, -40, 3600, -3600, 86_400])
def test_a_clock_that_is_set(tmp_path: Path, step: int, late_ping: dict[str, str]) -> None:
    offset = tmp_path / "offset"
    offset.write_text("+0")
    faked = {
        "LD_PRELOAD": str(FAKETIME),
        "FAKETIME_TIMESTAMP_FILE": str(offset),
        "FAKETIME_NO_CACHE": "1",
        "DONT_FAKE_MONOTONIC": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",  # newer releases call it so
    }
    settings = faked | late_ping | {"REGISTRY_GATEWAY_CHAP_TTL_SECONDS": f"{LEASE:g}"}
    with running_gateway(tmp_path, settings) as gateway:
        living = Living(gateway)
        body = {"url": "http://host:1", "info": {"id": "dead", "display_name": "Dead"}}
        assert gateway.http.post("/v2/services/$register", json=body).status_code == 200
        with living.heartbeats():
            living.look(1)
            offset.write_text(f"{step:+d}")
            living.look(2 * LEASE + 3)
            assert "dead" not in {service["id"] for service in gateway.listed("/v2/services")["services"]}
            gateway.kill()
            time.sleep(LEASE + 1)  # an outage after it costs nothing either
            gateway.start()
            living.look(LEASE + 1)
        living.check()
