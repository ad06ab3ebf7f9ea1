"""Webhooks of real gateways, some of which are killed: every event arrives, in order, with a signature."""

import os
import signal
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import ExitStack
from itertools import cycle, islice
from pathlib import Path
from typing import TypeVar

import anyio
import httpx
import pytest

from registry_gateway import adapter, settings
from registry_gateway.adapter import Core
from registry_gateway.app import open_core
from registry_gateway.core.model import Actor, EventKind
from registry_gateway.core.webhook import Format
from tests.e2e.gateway import CHAP_TTL, Gateway, running_nodes
from tests.e2e.postgresql_server import primary_and_standby
from tests.webhook_receiver import PRIVATE, Receiver, until

pytestmark = pytest.mark.slow

T = TypeVar("T")

SETTINGS = {"REGISTRY_GATEWAY_CHAP_TTL_SECONDS": f"{CHAP_TTL:g}", **PRIVATE}
PATIENCE = 40.0
"""Seconds that deliveries may take on a loaded machine, with the hold of a killed gateway and some pauses."""


async def _with_core(url: str, work: Callable[[Core], Awaitable[T]]) -> T:
    adapters = adapter.installed()
    core, _ = open_core(settings.load(adapters, {"REGISTRY_GATEWAY_DATABASE_URL": url, **PRIVATE}), adapters)
    try:
        return await work(core)
    finally:
        await core.registry.close()


def add(url: str, receivers: Sequence[Receiver], *kinds: EventKind) -> list[str]:
    """Add a webhook for each receiver; their secrets."""

    async def work(core: Core) -> list[str]:
        added = [await core.webhooks.add(r.url, kinds, None, Format.JSON, Actor("test")) for r in receivers]
        return [one.secret for one in added]

    return anyio.run(_with_core, url, work)


def register(gateways: Sequence[Gateway], keys: Sequence[str]) -> None:
    """Register services at gateways in turn, some of which may not answer."""
    turns = cycle(gateways)
    for key in keys:
        body = {"url": "http://host", "info": {"id": key, "display_name": key}}
        for gateway in islice(turns, 200):
            try:
                assert gateway.http.post("/v2/services/$register", json=body).status_code == 200
            except (httpx.TransportError, AssertionError):
                time.sleep(0.05)
                continue
            break
        else:
            raise AssertionError(f"{key} was not registered")


def logged(url: str, *kinds: EventKind) -> list[int]:
    """The ids of the events in the log of these kinds, in order."""

    async def work(core: Core) -> list[int]:
        return [event.id for event in await core.registry.events(limit=100_000) if event.kind in kinds]

    return anyio.run(_with_core, url, work)


def check(receiver: Receiver, secret: str, expected: Sequence[int]) -> None:
    """Every event was accepted, those that came twice in a message that came twice, and all in the order of the log."""
    seen: dict[int, str] = {}
    for request in receiver.accepted:
        assert request.verify(secret)["type"] == "registry.events"
        for event in request.events:
            message = request.headers["webhook-id"]
            assert seen.setdefault(event["id"], message) == message, "an event came in two messages"
    assert list(seen) == list(expected)


def slowly(_number: int) -> int:
    """Answer after a while."""
    time.sleep(0.3)
    return 204


@pytest.fixture
def receivers() -> Iterator[list[Receiver]]:
    """Six receivers: two answer at once, two are slow, one fails now and then."""
    with ExitStack() as stack:
        found = [stack.enter_context(Receiver().running()) for _ in range(6)]
        for slow in found[2:5]:
            slow.answer = slowly
        found[5].answer = lambda number: 204 if number % 3 else 503
        yield found


def test_no_event_is_lost_when_one_of_three_gateways_is_killed(
    postgresql_url: str, tmp_path: Path, receivers: list[Receiver]
) -> None:
    with running_nodes(tmp_path, 3, postgresql_url, SETTINGS) as gateways:
        kinds = EventKind.REGISTERED, EventKind.EXPIRED
        secrets = add(postgresql_url, receivers, *kinds)
        keys = [f"m-{number}" for number in range(150)]
        registering = threading.Thread(target=register, args=(gateways, keys))
        registering.start()
        until(lambda: all(receiver.requests for receiver in receivers))
        gateways[0].kill()
        registering.join(60)
        time.sleep(CHAP_TTL + 2)  # all of them lapse
        expected = logged(postgresql_url, *kinds)
        assert len(expected) == 300
        until(lambda: all({e["id"] for e in r.events} >= {*expected} for r in receivers), PATIENCE)
        for receiver, secret in zip(receivers, secrets, strict=True):
            check(receiver, secret, expected)
        for gateway in gateways[1:]:
            gateway.finish()


def test_workers_of_a_gateway_that_is_killed_and_started_again_lose_nothing(
    sqlite_url: str, tmp_path: Path, receivers: list[Receiver]
) -> None:
    environment = {"REGISTRY_GATEWAY_DATABASE_URL": sqlite_url, **SETTINGS}
    gateway = Gateway(tmp_path, environment, options=("--workers", "2"))
    try:
        gateway.start()
        secrets = add(sqlite_url, receivers, EventKind.REGISTERED)
        register([gateway], [f"a-{number}" for number in range(40)])
        until(lambda: all(receiver.requests for receiver in receivers))
        os.killpg(gateway.process.pid, signal.SIGKILL)
        gateway.kill()
        gateway.start()
        register([gateway], [f"b-{number}" for number in range(40)])
        expected = logged(sqlite_url, EventKind.REGISTERED)
        until(lambda: all({e["id"] for e in r.events} >= {*expected} for r in receivers), PATIENCE)
        for receiver, secret in zip(receivers, secrets, strict=True):
            check(receiver, secret, expected)
        metrics = gateway.http.get("/metrics").text
        assert 'registry_gateway_webhook_delivery_duration_seconds_count{outcome="delivered"}' in metrics
        gateway.finish()
    finally:
        gateway.close()


def test_no_event_is_lost_in_a_failover(tmp_path: Path, receivers: list[Receiver]) -> None:
    with primary_and_standby() as (primary, standby), ExitStack() as stack:
        hosts = f"127.0.0.1:{primary.port},127.0.0.1:{standby.port}"
        url = f"postgresql://postgres@{hosts}/registry"
        gateways = []
        for n in range(2):
            own = tmp_path / f"node-{n}"
            own.mkdir()
            environment = {
                **SETTINGS,
                "REGISTRY_GATEWAY_DATABASE_URL": url,
                "REGISTRY_GATEWAY_CHAP_TTL_SECONDS": "60",
            }
            gateways.append(Gateway(own, environment, options=("--migrate",)))
            stack.callback(gateways[-1].close)
            gateways[-1].start()
        secrets = add(url, receivers, EventKind.REGISTERED)
        registering = threading.Thread(target=register, args=(gateways, [f"m-{number}" for number in range(120)]))
        registering.start()
        until(lambda: all(receiver.requests for receiver in receivers))
        primary.kill()
        time.sleep(0.5)
        standby.promote()
        primary.come_back_as_standby(standby, "old")
        standby.sql("SELECT 1")
        registering.join(120)
        expected = logged(standby.url(), EventKind.REGISTERED)
        assert len(expected) >= 120
        until(lambda: all({e["id"] for e in r.events} >= {*expected} for r in receivers), 2 * PATIENCE)
        for receiver, secret in zip(receivers, secrets, strict=True):
            check(receiver, secret, expected)
