"""Three gateways on one PostgreSQL, under load, one of them killed: nothing acknowledged is lost or told twice."""

from collections import Counter
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path

import anyio
import httpx
import pytest

from registry_gateway.core.model import Event
from registry_gateway.store.engine import Store
from registry_gateway.store.statements import events
from tests.e2e.gateway import CHAP_TTL, Gateway, running_nodes
from tests.postgresql import SERVERS

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

PINGING, UPDATING, SILENT, LEAVING = (
    [f"{kind}-{n}" for n in range(8)] for kind in ("pinging", "updating", "silent", "leaving")
)


@pytest.fixture
def nodes(database_url: str, tmp_path: Path) -> Iterator[list[Gateway]]:
    """Three gateways on one database."""
    settings = {"REGISTRY_GATEWAY_CHAP_TTL_SECONDS": f"{CHAP_TTL:g}"}
    with running_nodes(tmp_path, 3, database_url, settings) as gateways:
        yield gateways
        for gateway in gateways[1:]:
            gateway.finish()


class Fleet:
    """Services that talk to whichever node answers, and remember what was acknowledged."""

    def __init__(self, nodes: list[Gateway], client: httpx.AsyncClient) -> None:
        self._urls = cycle([node.url for node in nodes])
        self._client = client
        self.acknowledged: dict[str, int] = {}
        self.registrations: Counter[str] = Counter()
        self.attempts: Counter[str] = Counter()

    async def _send(self, method: str, path: str, body: object = None) -> httpx.Response:
        """Ask one node after the other until one answers: a killed node breaks connections, nothing else."""
        for url in self._urls:
            try:
                return await self._client.request(method, f"{url}{path}", json=body)
            except httpx.TransportError:
                await anyio.sleep(0.02)
        raise AssertionError("the urls never end")

    async def register(self, key: str, number: int) -> None:
        self.attempts[key] += 1
        body = {"url": f"http://host:{number}", "info": {"id": key, "display_name": key}}
        answer = await self._send("POST", "/v2/services/$register", body)
        assert answer.status_code == 200, answer.text
        self.acknowledged[key] = number
        self.registrations[key] += 1

    async def ping(self, key: str, stop: anyio.Event) -> None:
        while not stop.is_set():
            answer = await self._send("PUT", f"/v2/services/{key}/$ping")
            assert answer.status_code == 200, f"{key}: {answer.text}"
            await anyio.sleep(0.1)

    async def update(self, key: str, stop: anyio.Event) -> None:
        number = 0
        while not stop.is_set():
            number += 1
            await self.register(key, number)
            await anyio.sleep(0.05)

    async def leave(self, key: str, when: anyio.Event) -> None:
        await self.ping(key, when)  # or its lease might run out first where the machine is slow
        answer = await self._send("DELETE", f"/v2/services/{key}")
        assert answer.status_code in (204, 404), answer.text  # 404: a node was killed after its commit
        late = await self._send("PUT", f"/v2/services/{key}/$ping")
        assert late.status_code == 404


@pytest.mark.parametrize("database_url", SERVERS, indirect=True)
async def test_every_acknowledged_write_and_each_transition_is_there_exactly_once(
    nodes: list[Gateway], database_url: str
) -> None:
    limits = httpx.Limits(max_keepalive_connections=0)
    async with httpx.AsyncClient(trust_env=False, timeout=10, limits=limits) as client:
        fleet = Fleet(nodes, client)
        for key in [*PINGING, *SILENT, *LEAVING]:
            await fleet.register(key, 0)
        stop, killed = anyio.Event(), anyio.Event()
        async with anyio.create_task_group() as load:
            for key in PINGING:
                load.start_soon(fleet.ping, key, stop)
            for key in UPDATING:
                load.start_soon(fleet.update, key, stop)
            for key in LEAVING:
                load.start_soon(fleet.leave, key, killed)
            await anyio.sleep(1)
            nodes[0].kill()
            killed.set()
            await anyio.sleep(CHAP_TTL + 1.5)
            stop.set()
        for survivor in nodes[1:]:
            listed = (await client.get(f"{survivor.url}/v2/services")).json()["services"]
            ports = {service["id"]: int(service["url"].rpartition(":")[2]) for service in listed}
            assert set(ports) == {*PINGING, *UPDATING}
            assert all(ports[key] >= fleet.acknowledged[key] for key in ports), "an acknowledged update was lost"
            assert all(fleet.acknowledged[key] > 0 for key in UPDATING)
    history = await _history(database_url)
    kinds = {key: Counter(e.kind.value for e in history if e.key == key) for key in fleet.registrations}
    for key in PINGING:
        assert kinds[key] == {"registered": 1}, key
    for key in SILENT:
        assert kinds[key] == {"registered": 1, "expired": 1}, key
    for key in LEAVING:
        assert kinds[key] == {"registered": 1, "deregistered": 1}, key
    for key in UPDATING:
        told = kinds[key]["registered"] + kinds[key]["updated"]
        assert kinds[key]["registered"] == 1
        # A write whose node was killed before it could answer may be in, once more than was acknowledged.
        assert fleet.registrations[key] <= told <= fleet.registrations[key] + 1, key


async def _history(url: str) -> list[Event]:
    store = Store(url)
    try:
        return await store.read(lambda connection: events.read(connection, limit=100_000))
    finally:
        await store.close()
