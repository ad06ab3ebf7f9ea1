"""Failover: the primary is killed, its standby promoted, the old primary comes back as a standby at its old address.

Three gateways serve a load throughout and are not restarted. Once their URL names both hosts, once it leads through a
switch that is turned to the new primary.
"""

import http.client
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from itertools import cycle
from pathlib import Path

import pytest

from tests.e2e.asking import ask, chap, get
from tests.e2e.gateway import Gateway
from tests.e2e.polling import wait_until
from tests.e2e.postgresql_server import Server, primary_and_standby
from tests.e2e.relay import Relay

pytestmark = pytest.mark.slow

LIVING = [f"living-{n}" for n in range(10)]

AGAIN = 2.0
"""Seconds after the promotion within which writes succeed, on a machine that has nothing else to do."""


class Load:
    """Services that register once and heartbeat, and clients that register something new all the time."""

    def __init__(self, gateways: list[Gateway]) -> None:
        self._ports = [gateway.port for gateway in gateways]
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        self.acknowledged: list[str] = []
        self.lost_leases: Counter[str] = Counter()
        self.last_success = 0.0

    def start(self) -> None:
        """Begin."""
        for n, key in enumerate(LIVING):
            assert ask(self._ports[n % len(self._ports)], chap(key)).status == 200
        work = [*((self._heartbeat, key) for key in LIVING), *((self._register, f"new-{n}") for n in range(4))]
        self._threads = [threading.Thread(target=target, args=(name,)) for target, name in work]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End."""
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _heartbeat(self, key: str) -> None:
        for port in cycle(self._ports):
            if self._stop.wait(0.2):
                return
            with suppress(OSError, http.client.HTTPException):
                if ask(port, ("PUT", f"/v2/services/{key}/$ping", None)).status == 404:
                    self.lost_leases[key] += 1

    def _register(self, name: str) -> None:
        for number, port in enumerate(cycle(self._ports)):
            if self._stop.wait(0.05):
                return
            with suppress(OSError, http.client.HTTPException):
                key = f"{name}-{number}"
                if ask(port, chap(key)).status == 200:
                    self.acknowledged.append(key)
                    self.last_success = time.monotonic()


@pytest.fixture
def servers() -> Iterator[tuple[Server, Server]]:
    with primary_and_standby() as pair:
        yield pair


def history(server: Server) -> Counter[tuple[str, str]]:
    """How often each kind of event of each service is in the log."""
    lines = server.sql("SELECT key, kind FROM events WHERE dialect = 'chap'").split()
    return Counter((key, kind) for key, _, kind in (line.partition("|") for line in lines))


@pytest.mark.parametrize("way", ["hosts", "switch"])
def test_a_failover_loses_nothing_and_needs_no_restart(
    servers: tuple[Server, Server], tmp_path: Path, way: str
) -> None:
    primary, standby = servers
    with ExitStack() as stack:
        switch = stack.enter_context(Relay(primary.port).running())
        hosts = f"127.0.0.1:{primary.port},127.0.0.1:{standby.port}" if way == "hosts" else f"127.0.0.1:{switch.port}"
        url = f"postgresql://postgres@{hosts}/registry"
        gateways = []
        for n in range(3):
            own = tmp_path / f"node-{n}"
            own.mkdir()
            settings = {"REGISTRY_GATEWAY_DATABASE_URL": url, "REGISTRY_GATEWAY_CHAP_TTL_SECONDS": "5"}
            gateways.append(Gateway(own, settings, options=("--migrate",)))
            stack.callback(gateways[-1].close)
            gateways[-1].start()
        load = Load(gateways)
        load.start()
        try:
            time.sleep(1)
            primary.kill()
            time.sleep(0.5)
            standby.promote()
            promoted = time.monotonic()
            switch.target = standby.port
            wait_until(lambda: load.last_success > promoted, "writes succeed again", evidence=gateways[0].log)
            took = load.last_success - promoted
            assert took < 5 * AGAIN, took
            primary.come_back_as_standby(standby, "old")
            if way == "hosts":
                primary.sql("SELECT pg_wal_replay_pause()", database="postgres")
            before = len(load.acknowledged)
            wait_until(lambda: len(load.acknowledged) > before + 20, "writes go on", evidence=gateways[0].log)
        finally:
            load.stop()
        for gateway in gateways:
            listed = {service["id"] for service in ask(gateway.port, get("/v2/services")).content["services"]}
            assert {*LIVING} <= listed
            newest = load.acknowledged[-1]
            assert ask(gateway.port, get(f"/v2/services/{newest}")).status in (200, 404)
            wait_until(
                lambda port=gateway.port: ask(port, get("/health/ready")).status == 200,  # type: ignore[misc] # of this turn
                "it is ready",
                evidence=gateway.log,
            )
        happened = history(standby)
        assert load.lost_leases == {}
        assert [key for key in load.acknowledged if happened[key, "registered"] != 1] == [], "lost or doubled"
        for key in LIVING:
            assert happened[key, "registered"] == 1, key
            assert happened[key, "expired"] == 0, key


def test_a_start_on_a_standby_is_one_line(servers: tuple[Server, Server], tmp_path: Path) -> None:
    primary, standby = servers
    ready = Gateway(tmp_path, {"REGISTRY_GATEWAY_DATABASE_URL": primary.url()}, options=("--migrate",))
    ready.start()
    ready.close()
    own = tmp_path / "standby"
    own.mkdir()
    gateway = Gateway(own, {"REGISTRY_GATEWAY_DATABASE_URL": standby.url()})
    gateway.launch()
    try:
        assert gateway.process.wait() != 0
        assert "Traceback" not in gateway.log()
        assert "read-only" in gateway.log()
        assert len(gateway.log()) < 3000
    finally:
        gateway.close()
