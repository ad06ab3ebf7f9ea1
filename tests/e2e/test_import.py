"""`registry-gateway import` from real registries: runspec-registry as published, and another gateway for CHAP.

`test_import_chap_core.py` has chap-core's own registry.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.e2e.child import Child
from tests.e2e.clients import RUNSPEC_LATEST, RUNSPEC_REGISTRY
from tests.e2e.gateway import Gateway, running_gateway, unused_port
from tests.e2e.polling import wait_until
from tests.e2e.runspec_agent import launch

pytestmark = pytest.mark.slow

KEY = "the-old-registry's-key"
ROTATE = {
    "name": "rotate",
    "description": "Rotate the lögs",
    "inputSchema": {"type": "object", "properties": {"n": {"type": "integer"}}},
    "x-command": "/opt/bin/rotate",
    "x-run-as": "logs",
    "x-become-method": "sudo",
    "x-output": {"a": [1, None]},
}


@contextmanager
def published_registry(directory: Path, port: int | None = None) -> Iterator[httpx.Client]:
    """runspec-registry 0.1.1 as a process, with a key for writes; a client of it that has the key."""
    port = unused_port() if port is None else port
    options = ["--host", "127.0.0.1", "--port", str(port), "--api-key", KEY]
    program = RUNSPEC_REGISTRY.executable("runspec-registry")
    child = Child([program, *options], log=directory / "peer.log", directory=directory)
    client = httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, headers={"X-API-Key": KEY})
    try:

        def ready() -> bool:
            try:
                return client.get("/health").status_code == 200
            except httpx.TransportError:
                return False

        wait_until(ready, "runspec-registry answers", evidence=child.log)
        yield client
    finally:
        client.close()
        child.close()


def posted(client: httpx.Client, path: str, body: object) -> None:
    """A POST that must work."""
    answer = client.post(path, json=body)
    assert answer.is_success, answer.text


def agent(client: httpx.Client, key: str, *tools: object) -> None:
    """Register an agent, and its tools if it has some."""
    posted(client, "/instances", {"instance_id": key, "name": "portal", "version": "1.0", "host": f"{key}.example"})
    if tools:
        posted(client, f"/instances/{key}/tools", {"tools": tools})


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Gateway]:
    """The gateway that takes over, with leases as they are by default."""
    settings = {"REGISTRY_GATEWAY_RUNSPEC_HEARTBEAT_INTERVAL": "30", "REGISTRY_GATEWAY_CHAP_TTL_SECONDS": "30"}
    with running_gateway(tmp_path, settings) as gateway:
        yield gateway


def outcomes(text: str) -> dict[str, str]:
    """What became of each service, by its key, of the output in JSON."""
    return {service["key"]: service["outcome"] for service in json.loads(text)["services"]}


def test_agents_of_the_published_registry_move_without_a_restart(gateway: Gateway, tmp_path: Path) -> None:
    with published_registry(tmp_path) as old:
        agent(old, "a1", ROTATE, {"name": "restart", "inputSchema": {}})
        agent(old, "a2")
        agent(old, "left")
        assert old.delete("/instances/left").is_success
        agent(gateway.http, "here")
        agent(old, "here", ROTATE)
        url = str(old.base_url)
        dry = gateway.command("import", "--from", "runspec", url, "--dry-run", "--json")
        assert outcomes(dry) == {"a1": "imported", "a2": "imported", "here": "skipped"}
        assert [i["instance_id"] for i in gateway.listed("/instances")] == ["here"]

        said = gateway.command("import", "--from", "runspec", url, "--key", KEY)
        assert said.startswith(f"Imported 2 of 3 that {url} lists.\nskipped  here: it is registered here\n")
        theirs = {i["instance_id"]: i for i in old.get("/instances", params={"active": "true"}).json()}
        ours = {i["instance_id"]: i for i in gateway.listed("/instances")}
        for key in ("a1", "a2"):
            assert {**ours[key], "last_seen": 0} == {**theirs[key], "last_seen": 0}
        assert ours["here"]["tools"] == []
        [host] = gateway.listed("/tools/rotate")["hosts"]
        assert (host["host"], host["x-output"]) == ("a1.example", {"a": [1, None]})

        # The agents' next heartbeats: one is known, the other is asked for the tools it has never posted.
        assert gateway.http.post("/instances/a1/heartbeat").json() == {"status": "ack"}
        assert gateway.http.post("/instances/a2/heartbeat").json() == {"status": "refresh"}
        events = [json.loads(line) for line in gateway.command("events", "--json", "--service", "a1").splitlines()]
        assert {e["actor"] for e in events} == {f"import from 127.0.0.1:{old.base_url.port}"}
        again = gateway.command("import", "--from", "runspec", url, "--json")
        assert outcomes(again) == dict.fromkeys(theirs, "skipped")
        gateway.secrets.add(KEY)  # looked for in log and database when the gateway ends


def test_a_real_agent_does_not_notice(tmp_path: Path) -> None:
    settings = {"REGISTRY_GATEWAY_RUNSPEC_API_KEY": KEY}
    (tmp_path / "agent").mkdir()
    gateway = Gateway(tmp_path, settings)  # not started yet: the old registry has its port
    agent = None
    try:
        with published_registry(tmp_path, gateway.port) as old:
            agent = launch(RUNSPEC_LATEST, gateway, tmp_path / "agent", "mover", KEY, heartbeat_data=["system"])
            theirs = wait_until(
                lambda: next((i for i in old.get("/instances").json() if i["tools"]), None), "the agent has its tools"
            )
            gateway.command("db", "upgrade")
            assert gateway.command("import", "--from", "runspec", gateway.url).startswith("Imported 1 of 1 ")
        gateway.start()
        [ours] = gateway.listed("/instances")
        assert {**ours, "last_seen": 0} == {**theirs, "last_seen": 0}
        agent.wait_for_a_heartbeat()
        assert agent.listed()["tools"] == theirs["tools"]
        actors = {json.loads(event)["actor"] for event in gateway.command("events", "--json").splitlines()}
        assert actors == {f"import from 127.0.0.1:{gateway.port}"}  # and not the agent: it had no need to register
    finally:
        if agent is not None:
            agent.child.close()
        gateway.close()


def test_what_left_here_is_not_brought_back(gateway: Gateway, tmp_path: Path) -> None:
    with published_registry(tmp_path) as old:
        agent(old, "a1")
        agent(gateway.http, "a1")
        assert gateway.http.delete("/instances/a1").is_success
        said = gateway.command("import", "--from", "runspec", str(old.base_url))
        assert "skipped  a1: it is registered here, and inactive" in said
        assert gateway.listed("/instances") == []


def test_models_of_another_chap_registry(gateway: Gateway, tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    with running_gateway(tmp_path / "old", {"REGISTRY_GATEWAY_CHAP_TTL_SECONDS": "600"}) as old:
        info = {
            "id": "my-model",
            "display_name": "My model",
            "version": "2.1",
            "period_type": "monthly",
            "new": {"a": 1},
        }
        posted(old.http, "/v2/services/$register", {"url": "http://my-model:8000", "info": info})
        gateway.command("import", "--from", "chap", f"{old.url}/v2/services")
        [theirs] = old.listed("/v2/services")["services"]
        [ours] = gateway.listed("/v2/services")["services"]
        members = ("id", "url", "info")
        assert {m: ours[m] for m in members} == {m: theirs[m] for m in members}
        assert gateway.http.put("/v2/services/my-model/$ping").status_code == 200
        assert gateway.command("import", "--from", "runspec", old.url).startswith("Imported 0 of 0 that ")
