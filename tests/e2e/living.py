"""Services that live through whatever happens: they heartbeat, and every list must have them all the time."""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from tests.e2e.gateway import Gateway

LATE_PINGS = [{"REGISTRY_GATEWAY_CHAP_LATE_PING": late} for late in ("revive", "refuse")]
"""Settings to test with: a lease that was lost shows for longer where a late ping does not revive."""


class Living:
    """Services that a gateway has registered, what their heartbeats were answered, and which of them a list missed."""

    def __init__(self, gateway: Gateway, number: int = 10) -> None:
        self.keys = [f"svc-{n}" for n in range(number)]
        self.statuses: Counter[int] = Counter()
        self.missed: Counter[str] = Counter()
        self._gateway = gateway
        for key in self.keys:
            body = {"url": "http://host:1", "info": {"id": key, "display_name": key}}
            assert gateway.http.post("/v2/services/$register", json=body).status_code == 200

    @contextmanager
    def heartbeats(self) -> Iterator[None]:
        """Every service sends a heartbeat each second while the block runs. Status 0 is no answer at all."""
        stop = threading.Event()
        threads = [threading.Thread(target=self._beat, args=[key, stop]) for key in self.keys]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            stop.set()
            for thread in threads:
                thread.join()

    def _beat(self, key: str, stop: threading.Event) -> None:
        with httpx.Client(base_url=self._gateway.url, verify=False, trust_env=False, timeout=20) as http:
            due = time.monotonic()
            while not stop.wait(max(0.0, due - time.monotonic())):
                due = time.monotonic() + 1
                try:
                    self.statuses[http.put(f"/v2/services/{key}/$ping").status_code] += 1
                except httpx.TransportError:
                    self.statuses[0] += 1

    def look(self, seconds: float) -> None:
        """Look at the dialect's list and at the catalogue for so long."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            try:
                listed = {service["id"] for service in self._gateway.listed("/v2/services")["services"]}
                up = {one["key"] for one in self._gateway.listed("/catalog/v1/services", status="up")["services"]}
            except httpx.TransportError:  # no gateway runs
                listed = up = set(self.keys)
            self.missed.update(set(self.keys) - (listed & up))
            time.sleep(0.2)

    def check(self) -> None:
        """None was told that it is unknown, none was missed by a list, and no lapse and no recovery is on record."""
        assert set(self.statuses) <= {0, 200, 503}, self.statuses
        assert self.statuses[200] > len(self.keys), self.statuses
        assert not self.missed, self.missed
        for key in self.keys:
            events = self._gateway.listed(f"/catalog/v1/services/chap/{key}/events")["events"]
            assert [event["kind"] for event in events] == ["registered"], key
