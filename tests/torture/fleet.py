"""A fleet of three dialects that heartbeats while the gateway is attacked, and notes how long each answer took.

Run as `python -m tests.torture.fleet PORT SECONDS`; the token of its ScaiControl account is in `FLEET_TOKEN`. It prints
one JSON object when it has ended.
"""

import asyncio
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.torture.wire import Wire, connect

SIZE = 60
"""Services of each dialect."""

PAUSE = 2.0
"""Seconds between two heartbeats of a service."""

WINDOW = 60.0
"""Seconds for which a percentile is taken: one long stall shows, and so does a slow minute."""


@dataclass
class Service:
    """How a service registers and heartbeats: path, body, and the method of a heartbeat."""

    register: tuple[str, bytes]
    heartbeat: tuple[str, str, bytes | None]
    headers: dict[str, str] = field(default_factory=dict)


def services(token: str) -> list[Service]:
    """Return the fleet."""
    fleet = []
    for number in range(SIZE):
        model = {"url": f"http://10.0.0.1:{number + 1}", "info": {"id": f"fleet-{number}", "display_name": "Fleet"}}
        ping = ("PUT", f"/v2/services/fleet-{number}/$ping", None)
        fleet.append(Service(("/v2/services/$register", json.dumps(model).encode()), ping))
        agent = {"instance_id": f"fleet-{number}", "name": "fleet", "version": "1.0.0", "host": f"host-{number}"}
        beat = ("POST", f"/instances/fleet-{number}/heartbeat", None)
        fleet.append(Service(("/instances", json.dumps(agent).encode()), beat))
        slug = {"slug": f"fleet-{number}", "name": "Fleet", "version": "1.0.0"}
        pulse = ("POST", "/api/v1/registry/heartbeat", json.dumps({"slug": f"fleet-{number}"}).encode())
        bearer = {"Authorization": f"Bearer {token}"}
        fleet.append(Service(("/api/v1/registry/register", json.dumps(slug).encode()), pulse, bearer))
    return fleet


class Record:
    """What became of the heartbeats: statuses, and milliseconds by the window in which they were sent."""

    def __init__(self) -> None:
        self.statuses: Counter[str] = Counter()
        self.windows: dict[int, list[float]] = {}
        self.begin = time.monotonic()

    def note(self, status: str, began: float) -> None:
        """Note one heartbeat."""
        now = time.monotonic()
        self.statuses[status] += 1
        self.windows.setdefault(int((began - self.begin) / WINDOW), []).append((now - began) * 1000)

    def summary(self) -> dict[str, object]:
        """Return the percentiles in milliseconds, of all and of each window."""
        everything = [latency for window in self.windows.values() for latency in window]
        return {
            "statuses": dict(self.statuses),
            "p50": percentile(everything, 0.5),
            "p99": percentile(everything, 0.99),
            "slowest": percentile(everything, 1.0),
            "p99_by_minute": [percentile(window, 0.99) for _, window in sorted(self.windows.items())],
        }


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value below which that share of `values` lies."""
    ordered = sorted(values)
    return round(ordered[min(int(len(ordered) * share), len(ordered) - 1)], 1) if ordered else 0.0


async def live(service: Service, delay: float, port: int, record: Record, until: float) -> None:
    """Register, then heartbeat until the time is over; on a new connection after each failure."""
    await asyncio.sleep(delay)
    registered = False
    while time.monotonic() < until:
        try:
            async with connect(port) as wire:
                while time.monotonic() < until:
                    if not registered:
                        path, body = service.register
                        registered = (await wire.ask("POST", path, body, service.headers)).status in (200, 201, 409)
                    await _heartbeat(service, wire, record)
                    await asyncio.sleep(PAUSE)
        except (OSError, TimeoutError) as error:
            record.statuses[type(error).__name__] += 1
            await asyncio.sleep(0.1)


async def _heartbeat(service: Service, wire: Wire, record: Record) -> None:
    method, path, body = service.heartbeat
    began = time.monotonic()
    reply = await wire.ask(method, path, body, service.headers)
    record.note(str(reply.status), began)


async def main(port: int, seconds: float) -> None:
    """Run the fleet and print what became of it."""
    fleet = services(os.environ["FLEET_TOKEN"])
    record = Record()
    until = time.monotonic() + seconds
    async with asyncio.TaskGroup() as tasks:
        for number, service in enumerate(fleet):
            tasks.create_task(live(service, number * PAUSE / len(fleet), port, record, until))
    print(json.dumps(record.summary()), flush=True)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), float(sys.argv[2])))
