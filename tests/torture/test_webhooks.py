"""A hundred webhooks, a thousand lapses at once, three gateways of which one is killed.

What must hold: every webhook gets every lapse, in order; the first message comes within two seconds; and the heartbeats
of a fleet are answered as fast as in the same minute without webhooks.
"""

import asyncio
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from registry_gateway import adapter, settings
from registry_gateway.app import open_core
from registry_gateway.core.model import Actor, EventKind
from registry_gateway.core.webhook import Format
from tests.e2e.child import Child
from tests.e2e.gateway import Gateway, running_nodes
from tests.webhook_receiver import PRIVATE, Receiver, until

WEBHOOKS = 100
LAPSES = 1_000
FIRST = 2.0
"""Seconds from the end of the leases to the first message."""

PATIENCE = 60.0
"""Seconds until every webhook has everything."""

MEASURED = 30.0
"""Seconds for which the fleet heartbeats."""

P99 = 50.0
"""Milliseconds within which 99 of 100 heartbeats are answered."""

SETTINGS = {"REGISTRY_GATEWAY_CHAP_TTL_SECONDS": "600", **PRIVATE}


async def register(gateway: Gateway, name: str) -> None:
    """Register the services that will lapse."""
    limits = httpx.Limits(max_connections=20)
    async with httpx.AsyncClient(base_url=gateway.url, limits=limits, timeout=30, trust_env=False) as client:

        async def one(number: int) -> None:
            key = f"{name}-{number}"
            body = {"url": "http://host", "info": {"id": key, "display_name": key}}
            assert (await client.post("/v2/services/$register", json=body)).status_code == 200

        await asyncio.gather(*(one(number) for number in range(LAPSES)))


async def add(url: str, receiver: Receiver) -> None:
    """Add the webhooks."""
    adapters = adapter.installed()
    core, _ = open_core(settings.load(adapters, {"REGISTRY_GATEWAY_DATABASE_URL": url, **PRIVATE}), adapters)
    for number in range(WEBHOOKS):
        await core.webhooks.add(f"{receiver.url}/{number}", [EventKind.EXPIRED], None, Format.JSON, Actor("test"))
    await core.registry.close()


def lapse(postgresql: Callable[[str], str], url: str, name: str) -> float:
    """Let the leases of the services end in a second; the time of that, by the monotonic clock."""
    database = url.partition("?")[0].rpartition("/")[2]
    ends_at = time.time() + 1
    change = f"UPDATE registrations SET expires_at = {ends_at}, sweep_at = {ends_at} WHERE key LIKE '{name}-%'"
    postgresql(f"\\c {database}\n{change}")
    return time.monotonic() + ends_at - time.time()


def fleet(gateway: Gateway, directory: Path, token: str) -> Child:
    """A fleet that heartbeats at a gateway."""
    command = [sys.executable, "-m", "tests.torture.fleet", str(gateway.port), f"{MEASURED:g}"]
    environment = {"PYTHONPATH": str(Path(__file__).parents[2]), "FLEET_TOKEN": token}
    log = directory / f"fleet-{time.monotonic()}.log"
    return Child(command, log=log, directory=directory, environment=environment)


def lived(child: Child) -> dict[str, Any]:
    """What became of the heartbeats."""
    try:
        assert child.wait(MEASURED + 30) == 0, child.log()
        found: dict[str, Any] = json.loads(child.lines()[-1])
        return found
    finally:
        child.close()


def test_a_thousand_lapses_reach_a_hundred_webhooks_although_a_gateway_is_killed(
    postgresql_url: str, postgresql: Callable[[str], str], tmp_path: Path
) -> None:
    with (
        Receiver().running() as receiver,
        running_nodes(tmp_path, 3, postgresql_url, SETTINGS) as [first, second, third],
    ):
        token = second.token("fleet", "registry:manage")
        asyncio.run(register(first, "before"))
        asyncio.run(register(first, "after"))

        child = fleet(second, tmp_path, token)
        time.sleep(MEASURED / 2)
        lapse(postgresql, postgresql_url, "before")
        without = lived(child)
        assert receiver.requests == []

        asyncio.run(add(postgresql_url, receiver))
        child = fleet(second, tmp_path, token)
        time.sleep(MEASURED / 2)
        ended_at = lapse(postgresql, postgresql_url, "after")
        until(lambda: receiver.requests)
        first.kill()
        expected = {f"after-{number}" for number in range(LAPSES)}
        by_path: dict[str, dict[int, str]] = {}

        def complete() -> bool:
            by_path.clear()
            for request in receiver.accepted:
                found = by_path.setdefault(request.path, {})
                for event in request.events:
                    found.setdefault(event["id"], event["key"])
            return len(by_path) == WEBHOOKS and all({*found.values()} >= expected for found in by_path.values())

        until(complete, PATIENCE)
        with_webhooks = lived(child)

        firsts = {path: min(r.at for r in receiver.requests if r.path == path) - ended_at for path in by_path}
        lasts = {path: max(r.at for r in receiver.requests if r.path == path) - ended_at for path in by_path}
        print(
            json.dumps(
                {
                    "messages": len(receiver.requests),
                    "first_message_s": round(min(firsts.values()), 2),
                    "first_message_of_each_webhook_s": [
                        round(s, 2) for s in sorted(firsts.values())[:: WEBHOOKS // 10]
                    ],
                    "complete_s": round(max(lasts.values()), 2),
                    "fleet_without_webhooks": without,
                    "fleet_with_webhooks": with_webhooks,
                },
                indent=1,
            )
        )
        for found in by_path.values():
            assert list(found) == sorted(found), "events came in another order than that of the log"
        assert min(firsts.values()) < FIRST
        assert set(with_webhooks["statuses"]) == {"200"}, with_webhooks
        assert with_webhooks["p99"] < P99, with_webhooks
        for gateway in (second, third):
            gateway.finish()
