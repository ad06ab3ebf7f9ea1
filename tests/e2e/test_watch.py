"""The watch with real processes: changes cross from gateway to gateway, outages are outlived, a stop is prompt."""

import asyncio
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import anyio
import httpx
import pytest
from sqlalchemy import make_url

from tests.e2e.gateway import Gateway, running_gateway, running_nodes
from tests.e2e.polling import wait_until
from tests.integration.watcher import EVENTS, Watcher, watching

pytestmark = pytest.mark.anyio

AGENT = {"instance_id": "a1", "name": "portal", "version": "1.0", "host": "web-01"}


@pytest.fixture
def nodes(database_url: str, tmp_path: Path) -> Iterator[list[Gateway]]:
    """Two gateways on one database; they must end in order."""
    with running_nodes(tmp_path, 2, database_url) as gateways:
        yield gateways
        for gateway in gateways:
            gateway.finish()


def remote(gateway: Gateway) -> httpx.AsyncClient:
    """A client of it."""
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=0)
    return httpx.AsyncClient(base_url=gateway.url, verify=False, trust_env=False, timeout=20, limits=limits)


async def register(gateway: Gateway, key: str = "a1") -> None:
    """Register an agent, as soon as it can be done."""
    for _ in range(50):
        answer = await asyncio.to_thread(gateway.http.post, "/instances", json={**AGENT, "instance_id": key})
        if answer.status_code == 201:
            return
        await anyio.sleep(0.1)
    raise AssertionError(answer.text)


@pytest.mark.parametrize("database_url", [pytest.param("sqlite", marks=pytest.mark.slow), "postgresql"], indirect=True)
async def test_every_node_tells_of_what_any_of_them_does(nodes: list[Gateway]) -> None:
    here, there = nodes
    async with remote(here) as one, remote(there) as other, watching(one) as near, watching(other) as far:
        assert await near.snapshot() == await far.snapshot() == []
        for n in range(3):
            await register(here, f"a{n}")
            began = time.monotonic()
            assert await near.changes(1) == await far.changes(1) == [("registered", f"a{n}", True)]
            assert time.monotonic() - began < 2  # a second, on a machine that has nothing else to do
        here.command("services", "remove", "a1", "--dialect", "runspec")
        assert await near.changes(1) == await far.changes(1) == [("deregistered", "a1", False)]


@pytest.mark.slow
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_a_stream_outlives_the_loss_of_every_connection(
    nodes: list[Gateway], database_url: str, postgresql: Callable[[str], str]
) -> None:
    name = make_url(database_url).database  # the server has those of other test processes too

    async with remote(nodes[0]) as client, watching(client) as watcher:
        await watcher.snapshot()
        for n in range(3):
            postgresql(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
            await register(nodes[1], f"a{n}")
            assert await watcher.changes(1) == [("registered", f"a{n}", True)]


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Gateway]:
    """A gateway that the test ends."""
    with running_gateway(tmp_path) as gateway:
        yield gateway


async def test_streams_end_at_once_when_the_gateway_does(gateway: Gateway) -> None:
    async with remote(gateway) as client, AsyncExitStack() as streams:
        watchers: list[Watcher] = [await streams.enter_async_context(watching(client)) for _ in range(50)]
        for watcher in watchers:
            await watcher.snapshot()
        began = time.monotonic()
        gateway.process.terminate_soon()
        for watcher in watchers:
            await watcher.ends()  # in order: httpx raises for a body that is cut off
        assert await asyncio.to_thread(gateway.process.wait) == 0
        assert time.monotonic() - began < 4
    assert " ERROR " not in gateway.log()


@pytest.mark.slow
def test_who_reads_nothing_does_not_hold_up_the_end(gateway: Gateway) -> None:
    tools = [{"name": f"{n:064}", "inputSchema": {}, "x-command": "x"} for n in range(8_000)]
    for n in range(20):  # far more than what the system takes for a reader who doesn't
        gateway.http.post("/instances", json={**AGENT, "instance_id": f"a{n}"})
        gateway.http.post(f"/instances/a{n}/tools", json={"tools": tools})
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=20) as stalled:
        stalled.sendall(f"GET {EVENTS} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
        assert stalled.recv(64).startswith(b"HTTP/1.1 200 ")
        wait_until(lambda: gateway.http.get("/health").status_code == 200, "it answers others", evidence=gateway.log)
        began = time.monotonic()
        assert gateway.process.terminate() == 0
        assert time.monotonic() - began < 4
