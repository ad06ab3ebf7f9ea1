"""A runspec agent as tests play it: what it registers, posts and sends."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import httpx

KEY = "runspec-key"
WITH_KEY = {"REGISTRY_GATEWAY_RUNSPEC_API_KEY": KEY}
TTL = 90.0

AGENT = {"instance_id": "a1", "name": "portal", "version": "1.0", "host": "web-01"}
ROTATE = {
    "name": "rotate",
    "description": "Rotate the logs",
    "inputSchema": {"type": "object", "properties": {"keep": {"type": "integer"}}},
    "x-command": "/opt/bin/rotate",
    "x-run-as": "logs",
    "x-become-method": "dzdo",
    "x-become-flags": "-n",
    "x-autonomy": "confirm",
}
RESTART: dict[str, Any] = {
    "name": "restart",
    "description": None,
    "inputSchema": {},
    "x-command": "restart",
    "x-run-as": "",
}


async def register(client: httpx.AsyncClient, key: str = "a1", **members: object) -> None:
    """Register an agent that differs from `AGENT` in `members`."""
    answer = await client.post("/instances", json={**AGENT, "instance_id": key, **members})
    assert (answer.status_code, answer.json()) == (201, {"status": "ok"})


async def post_tools(client: httpx.AsyncClient, key: str, *tools: Mapping[str, Any]) -> None:
    """Post a tool list."""
    answer = await client.post(f"/instances/{quote(key)}/tools", json={"tools": tools})
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


async def beat(client: httpx.AsyncClient, key: str = "a1") -> str:
    """Send a heartbeat as agents do: a JSON content type, no body."""
    answer = await client.post(f"/instances/{quote(key)}/heartbeat", headers={"Content-Type": "application/json"})
    assert answer.status_code == 200
    status: str = answer.json()["status"]
    return status


async def ids(client: httpx.AsyncClient, path: str = "/instances") -> list[str]:
    """The ids that are listed."""
    return [instance["instance_id"] for instance in (await client.get(path)).json()]
