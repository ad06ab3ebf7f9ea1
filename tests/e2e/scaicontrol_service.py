"""ScaiControl services: a small program of ours in a process of its own, since no client is published."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.e2e.child import Child
from tests.e2e.gateway import Gateway
from tests.e2e.polling import wait_until

PROGRAM = Path(__file__).parent / "programs" / "scaicontrol_service.py"
HEARTBEAT_INTERVAL = 0.2
"""Seconds. The gateway is told 30, as a real service would say; the tests only want to see several soon."""


@dataclass(frozen=True)
class Call:
    """What the service asked for and what the gateway answered; the status is 0 when there was no answer."""

    call: str
    status: int
    body: Any


class ScaiControlService:
    """A running service that registers `slug` with this token."""

    def __init__(self, gateway: Gateway, directory: Path, slug: str, version: str, token: str) -> None:
        self._gateway = gateway
        self.slug = slug
        self.child = Child(
            [sys.executable, PROGRAM, gateway.url, slug, version, f"{HEARTBEAT_INTERVAL}"],
            log=directory / "service.log",
            directory=directory,
            environment={"SCAICONTROL_TOKEN": token},
        )

    def calls(self, call: str) -> list[Call]:
        """All calls of this name so far, oldest first."""
        made = [Call(**json.loads(line)) for line in self.child.lines() if line.startswith("{")]
        return [one for one in made if one.call == call]

    def first(self, call: str) -> Call:
        """The first call of this name, once it was made."""
        return wait_until(lambda: self.calls(call), f"{self.slug}: {call}", evidence=self.evidence)[0]

    def next_heartbeat(self) -> Call:
        """The next heartbeat but one: the very next may have been on its way already."""
        made = len(self.calls("heartbeat"))
        wait_until(lambda: len(self.calls("heartbeat")) > made + 1, f"{self.slug}: heartbeat", evidence=self.evidence)
        return self.calls("heartbeat")[made + 1]

    def evidence(self) -> str:
        """The ends of both logs, for a failure's message."""
        return f"--- {self.slug}:\n{self.child.log()[-4000:]}\n--- gateway:\n{self._gateway.log()[-4000:]}"
