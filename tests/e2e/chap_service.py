"""CHAP services: web services made with servicekit or chapkit, which register once they serve."""

import json
from functools import partial
from pathlib import Path
from typing import Any

from tests.e2e.child import Child
from tests.e2e.clients import CHAPKIT, ClientEnvironment
from tests.e2e.gateway import Gateway, unused_port
from tests.e2e.registrant import Kind, Registrant

PROGRAM = Path(__file__).parent / "programs" / "chap_service.py"
VERSION = "1.2.3"
PING_INTERVAL = 0.5
"""Seconds: six pings to a lease, so that a busy machine may lose some; after one 404 a client waits 30 s."""


class ChapService(Registrant):
    """A running service."""

    def document(self) -> dict[str, Any] | None:
        """Its entry in the list of services."""
        services: list[dict[str, Any]] = self.gateway.listed("/v2/services")["services"]
        return next((entry for entry in services if entry["id"] == self.name), None)

    def identities(self) -> set[str]:
        """The URL of its entry: each process has a port of its own."""
        document = self.document()
        return set() if document is None else {document["url"]}

    def last_heartbeat(self) -> Any:
        """The `last_ping_at` of its entry."""
        document = self.document()
        return document and document.get("last_ping_at")

    def complaints(self) -> list[str]:
        """The lines above the level info, and those of a traceback."""
        return [line for line in self.child.lines() if _is_complaint(line)]


def _is_complaint(line: str) -> bool:
    if line.startswith("{"):
        return json.loads(line)["level"] not in {"debug", "info"}
    return "[info " not in line  # what the program says before it has switched to JSON


def launch(
    environment: ClientEnvironment,
    gateway: Gateway,
    directory: Path,
    name: str,
    key: str | None,
    *,
    flavour: str,
    keepalive: float = PING_INTERVAL,
) -> Registrant:
    """Start a service; its key is in its environment, as the documentation has it."""
    port = str(unused_port())
    orchestrator = f"{gateway.url}/v2/services/$register"
    child = Child(
        [
            environment.executable("python"),
            PROGRAM,
            flavour,
            name,
            VERSION,
            orchestrator,
            port,
            f"{keepalive}",
        ],
        log=directory / "service.log",
        directory=directory,
        environment={"LOG_FORMAT": "json"} | ({} if key is None else {"SERVICEKIT_REGISTRATION_KEY": key}),
    )
    return ChapService(gateway, name, child)


PLAIN_SERVICE = Kind("servicekit-3-0-1", CHAPKIT, partial(launch, flavour="servicekit"), slow=True)
MODEL = Kind("chapkit-2-4-1", CHAPKIT, partial(launch, flavour="chapkit"))
SERVICES = [PLAIN_SERVICE, MODEL]
