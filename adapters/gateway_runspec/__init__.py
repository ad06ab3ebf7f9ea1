"""The runspec dialect: runspec agents and their tools, under `/instances` and `/tools`."""

import shlex
from collections.abc import Sequence
from typing import Annotated

import msgspec
from msgspec import Meta

from gateway_runspec import translate
from gateway_runspec.faults import HEADER, KEY, fault
from gateway_runspec.openapi import API_KEY, DESCRIPTION, READS, WRITES
from gateway_runspec.routes import Runspec
from gateway_runspec.translate import DIALECT
from registry_gateway.adapter import (
    Adapter,
    Core,
    Importer,
    KeyCheck,
    LeasePolicy,
    Mount,
    Registration,
    Seconds,
    Settings,
    SettingsError,
    secured,
    service_keys,
)

MISSES = 3
"""Heartbeat intervals without a heartbeat after which an agent is stale (runspec-registry 0.1.1)."""


class RunspecSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The settings of the runspec dialect."""

    api_key: Annotated[
        tuple[str, ...] | None,
        Meta(
            description="Key that runspec agents send as X-API-Key for all writes; during a rotation several, "
            "separated by commas. Unset: open.",
            extra={"env": KEY, "flag": "--api-key", "secret": True},
        ),
    ] = None
    api_key_file: Annotated[
        str | None,
        Meta(
            description="File with these keys instead, one per line; read again on SIGHUP.",
            extra={"env": f"{KEY}_FILE"},
        ),
    ] = None
    heartbeat_interval: Annotated[
        Seconds,
        Meta(description="Seconds between two heartbeats of a runspec agent; after three without one it is stale."),
    ] = 30.0
    max_instances: Annotated[
        Annotated[int, Meta(ge=1)] | None,
        Meta(
            description="Maximum number of runspec instances, inactive ones included until their retention "
            "is over. Unset: no limit."
        ),
    ] = None
    max_tools: Annotated[
        Annotated[int, Meta(ge=1)] | None,
        Meta(
            description="Maximum number of tools of all runspec instances, inactive ones included until their "
            "retention is over. Unset: no limit."
        ),
    ] = None
    protect_reads: Annotated[
        bool, Meta(description="Whether listing instances, tools and hosts needs the runspec API key too.")
    ] = False

    def __post_init__(self) -> None:
        """Check the settings.

        Raises:
            SettingsError: Both keys and a file are set, or `protect_reads` without either.
        """
        service_keys.check(KEY, self.api_key, self.api_key_file)
        if self.protect_reads and open_writes(self):
            raise SettingsError(f"REGISTRY_GATEWAY_RUNSPEC_PROTECT_READS needs {KEY} as well")


def policy(core: Settings, own: RunspecSettings) -> LeasePolicy:
    """Return the lease policy: expired and deregistered agents are kept as inactive, and a heartbeat revives them."""
    return LeasePolicy(
        late_renewal="revive",
        retention=core.retention,
        keeps_deregistered=True,
        most=own.max_instances,
        most_tools=own.max_tools,
    )


def mount(core: Core, own: RunspecSettings) -> Mount:
    """Return the mount of the dialect."""
    keyring = core.keyrings.open(DIALECT, KEY, own.api_key, own.api_key_file)
    keys = KeyCheck(HEADER, KEY, keyring)
    runspec = Runspec(core.registry, keys, protect_reads=own.protect_reads, ttl=MISSES * own.heartbeat_interval)
    writes = WRITES if open_writes(own) else secured(WRITES, API_KEY)
    reads = secured(READS, API_KEY) if own.protect_reads else READS
    return Mount(runspec.routes(), fault, (*writes, *reads), DESCRIPTION)


def open_writes(own: RunspecSettings) -> str | None:
    """Return the setting that would require a key for writes; None if a key is required."""
    return service_keys.closing(KEY, own.api_key, own.api_key_file)


def welcome(url: str, own: RunspecSettings) -> Sequence[str]:
    """Return the URL of the dialect and a command that registers an agent."""
    header = "" if open_writes(own) else f" -H '{HEADER}: YOUR-KEY'"
    body = '{"instance_id": "web-01", "name": "portal", "version": "1.0", "host": "web-01.example.org"}'
    return (
        f"runspec      {url}/instances",
        f"  curl{header} '{url}/instances' --json '{body}'",
    )


def tool_command(own: RunspecSettings, url: str, registration: Registration, tool: str) -> str | None:
    """Return the command that runs a tool on an agent's host by SSH (runspec 0.8: `runspec jump`)."""
    if registration.address is None:
        return None
    words = ["runspec", "jump", tool, "--host", registration.address, "--registry", url]
    return shlex.join([*words, *(["--registry-key", "YOUR-KEY"] if own.protect_reads else [])])


adapter = Adapter(
    name=DIALECT,
    segments=frozenset({"instances", "tools", "hosts", "export"}),
    settings=RunspecSettings,
    policy=policy,
    mount=mount,
    welcome=welcome,
    tool_command=tool_command,
    open_writes=open_writes,
    closed_reads=lambda own: own.protect_reads,
    importer=Importer(
        "/instances?active=true",
        HEADER,
        lambda body, own, actor: translate.listing(body, MISSES * own.heartbeat_interval, actor),
    ),
)
