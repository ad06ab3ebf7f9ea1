"""What the services of each dialect send. Sizes are those of ordinary services, not the smallest that pass."""

import json
from collections.abc import Sequence
from typing import Any, Protocol

from bench.message import COUNTER, Message

TOOLS = 5
"""Tools an agent has."""

TOOL_NAMES = 50
"""Different tools in the whole fleet: each is on a tenth of the hosts when every agent has five."""

JSON = ("Content-Type", "application/json")


class Dialect(Protocol):
    """A dialect, as a fleet of its services speaks it. `key` names a service."""

    @property
    def name(self) -> str:
        """Its name, as the gateway calls it."""
        ...

    def register(self, key: str) -> Message:
        """Return the first registration of a service."""
        ...

    def again(self, key: str) -> Message:
        """Return the registration of one that is there already."""
        ...

    def joining(self, key: str) -> Sequence[Message]:
        """Return all that a service sends when it starts."""
        ...

    def heartbeat(self, key: str) -> Message:
        """Return a heartbeat."""
        ...


class Chap:
    """CHAP: models made with chapkit."""

    name = "chap"

    def __init__(self, credential: str) -> None:
        """Take the service key."""
        self._key = ("X-Service-Key", credential)

    def register(self, key: str) -> Message:
        """POST /v2/services/$register, with what a chapkit model says of itself."""
        info = {
            "id": key,
            "display_name": f"Model {key}",
            "version": "1.4.0",
            "description": "Predicts monthly case counts from rainfall, temperature and population.",
            "model_metadata": {
                "author": "A. Modeller",
                "author_assessed_status": "yellow",
                "contact_email": "modeller@example.org",
                "organization": "Institute of Examples",
                "repository_url": "https://example.org/models",
            },
            "period_type": "monthly",
            "required_covariates": ["rainfall", "mean_temperature", "population"],
        }
        body = {"id": key, "url": f"http://{key}.models.example.org:8000", "info": info}
        return Message("POST", "/v2/services/$register", (self._key, JSON), _json(body))

    def again(self, key: str) -> Message:
        """Return the same: the latest wins."""
        return self.register(key)

    def joining(self, key: str) -> Sequence[Message]:
        """Register."""
        return [self.register(key)]

    def heartbeat(self, key: str) -> Message:
        """PUT /v2/services/{id}/$ping."""
        return Message("PUT", f"/v2/services/{key}/$ping", (self._key,))

    def look_up(self, key: str) -> Message:
        """GET /v2/services/{id}."""
        return Message("GET", f"/v2/services/{key}")

    def listing(self) -> Message:
        """GET /v2/services."""
        return Message("GET", "/v2/services")


class ScaiControl:
    """ScaiControl: internal services with a token."""

    name = "scaicontrol"
    _path = "/api/v1/registry"

    def __init__(self, credential: str) -> None:
        """Take a token with the scope `registry:manage`."""
        self._token = ("Authorization", f"Bearer {credential}")

    def _registration(self, method: str, key: str) -> Message:
        body = {
            "slug": key,
            "name": f"Service {key}",
            "version": "2.3.1",
            "description": "Sends what others have written.",
            "base_url": f"https://{key}.example.org",
            "health_check_url": f"https://{key}.example.org/health",
            "capabilities": ["send", "receive", "search"],
            "endpoints": [{"path": "/api/v1/messages", "methods": ["GET", "POST"]}],
            "heartbeat_interval_seconds": 30,
            "metadata": {"region": "eu-1"},
        }
        return Message(method, f"{self._path}/register", (self._token, JSON), _json(body))

    def register(self, key: str) -> Message:
        """POST /api/v1/registry/register."""
        return self._registration("POST", key)

    def again(self, key: str) -> Message:
        """PUT /api/v1/registry/register."""
        return self._registration("PUT", key)

    def joining(self, key: str) -> Sequence[Message]:
        """Register."""
        return [self.register(key)]

    def heartbeat(self, key: str) -> Message:
        """POST /api/v1/registry/heartbeat."""
        body = {"slug": key, "status": "healthy", "version": "2.3.1", "uptime_seconds": 4711}
        return Message("POST", f"{self._path}/heartbeat", (self._token, JSON), _json(body))


class Runspec:
    """runspec: agents with tools. Every message is one that the peer, runspec-registry, takes as well."""

    name = "runspec"

    def __init__(self, credential: str) -> None:
        """Take the API key."""
        self._key = ("X-API-Key", credential)

    def register(self, key: str) -> Message:
        """POST /instances."""
        body = {"instance_id": key, "name": "ops", "version": "0.8.8", "host": f"{key}.example.org"}
        return Message("POST", "/instances", (self._key, JSON), _json(body))

    def again(self, key: str) -> Message:
        """Return the same; it empties the instance's tools."""
        return self.register(key)

    def joining(self, key: str) -> Sequence[Message]:
        """Register, then post the tools."""
        return [self.register(key), self.tools(key).numbered(0)]

    def heartbeat(self, key: str) -> Message:
        """POST /instances/{id}/heartbeat as with `heartbeat_data = ["system"]`: the peer refuses one without a body."""
        body = {"system": {"pid": 4711, "uptime": 86400.5}}
        return Message("POST", f"/instances/{key}/heartbeat", (self._key, JSON), _json(body))

    def tools(self, key: str) -> Message:
        """POST /instances/{id}/tools: another list each time."""
        first = int(key.rpartition("-")[2]) * TOOLS
        body = {"tools": [_tool((first + i) % TOOL_NAMES) for i in range(TOOLS)]}
        return Message("POST", f"/instances/{key}/tools", (self._key, JSON), _json(body))

    def look_up(self, key: str) -> Message:
        """GET /instances/{id}."""
        return Message("GET", f"/instances/{key}")

    def instances(self) -> Message:
        """GET /instances."""
        return Message("GET", "/instances")

    def all_tools(self) -> Message:
        """GET /tools."""
        return Message("GET", "/tools")


def _tool(number: int) -> dict[str, Any]:
    return {
        "name": f"tool-{number:02d}",
        "description": f"Rotates the logs of unit {number}",
        "inputSchema": {
            "type": "object",
            "properties": {
                "unit": {"type": "string", "description": "Which unit"},
                "days": {"type": "integer", "default": 7},
            },
            "required": ["unit"],
        },
        "x-command": f"/opt/tools/rotate --build {COUNTER}",
        "x-run-as": "ops",
        "x-become-method": "sudo",
    }


def keys(count: int) -> list[str]:
    """Return the names of a fleet of that many services."""
    return [f"service-{number:06d}" for number in range(count)]


def _json(content: object) -> bytes:
    return json.dumps(content, separators=(",", ":")).encode()
