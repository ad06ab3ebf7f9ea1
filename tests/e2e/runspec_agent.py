"""runspec agents: `runspec serve --registry URL`, an MCP server on stdio that registers its tools."""

from functools import partial
from pathlib import Path
from typing import Any

from tests.e2e.child import Child
from tests.e2e.clients import RUNSPEC_EARLY, RUNSPEC_LATEST, ClientEnvironment
from tests.e2e.gateway import RUNSPEC_HEARTBEAT_INTERVAL, Gateway
from tests.e2e.registrant import Kind, Registrant

PROJECT = """
[config]
version = "7"
heartbeat = {interval}
heartbeat_data = {heartbeat_data}

[rotate]
description = "Rotate the logs"
run_as = "logs"
become_method = "dzdo"
[rotate.args]
keep = {{type = "int", default = 7, description = "How many to keep"}}

[restart]
description = "Restart the portal"
"""


class RunspecAgent(Registrant):
    """A running agent. Its id is made up by itself and told to nobody, so it is known by its name."""

    def document(self) -> dict[str, Any] | None:
        """Its entry among the live instances."""
        return next(iter(self._entries()), None)

    def identities(self) -> set[str]:
        """The ids of all agents of its name."""
        return {entry["instance_id"] for entry in self._entries()}

    def _entries(self) -> list[dict[str, Any]]:
        instances: list[dict[str, Any]] = self.gateway.listed("/instances")
        return [entry for entry in instances if entry["name"] == self.name]

    def last_heartbeat(self) -> Any:
        """The `last_seen` of its entry."""
        document = self.document()
        return document and document["last_seen"]

    def complaints(self) -> list[str]:
        """Every line: it writes to standard output only when asked, and to standard error only failures."""
        return self.child.lines()


def launch(
    environment: ClientEnvironment,
    gateway: Gateway,
    directory: Path,
    name: str,
    key: str | None,
    *,
    heartbeat_data: list[str],
    authority: str | None = None,
) -> Registrant:
    """Start an agent for a small project in `directory`; it trusts the certificates of `authority`, if given."""
    project = PROJECT.format(interval=RUNSPEC_HEARTBEAT_INTERVAL, heartbeat_data=heartbeat_data)
    (directory / "runspec.toml").write_text(project, encoding="utf-8")
    command: list[str | Path] = [
        environment.executable("runspec"),
        "serve",
        "--registry",
        gateway.url,
        "--name",
        name,
    ]
    if key is not None:
        command += ["--registry-key", key]
    if authority is not None:
        command += ["--registry-cert", authority]
    return RunspecAgent(gateway, name, Child(command, log=directory / "agent.log", directory=directory))


# By default a heartbeat has no body at all, which runspec's own registry refuses; with data it has one.
AGENT = Kind("runspec-0-8-8", RUNSPEC_LATEST, partial(launch, heartbeat_data=[]))
AGENT_WITH_DATA = Kind("runspec-0-8-8-system", RUNSPEC_LATEST, partial(launch, heartbeat_data=["system"]))
EARLY_AGENT = Kind("runspec-0-4-0", RUNSPEC_EARLY, partial(launch, heartbeat_data=[]), slow=True)
EARLY_AGENT_WITH_DATA = Kind(
    "runspec-0-4-0-system", RUNSPEC_EARLY, partial(launch, heartbeat_data=["system"]), slow=True
)
AGENTS = [AGENT, AGENT_WITH_DATA, EARLY_AGENT, EARLY_AGENT_WITH_DATA]
