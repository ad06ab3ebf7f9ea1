"""The runspec dialect: agents made with runspec and the tools they offer, under `/instances` and `/tools`."""

from collections.abc import Sequence
from typing import Annotated

import msgspec
from msgspec import Meta

from gateway_runspec.faults import fault
from gateway_runspec.routes import Runspec
from registry_gateway.adapter import Adapter, Core, Mount
from registry_gateway.lease import LeasePolicy
from registry_gateway.settings import Seconds, Settings, SettingsError

MISSES = 3
"""How many heartbeat intervals an agent may be silent before it is stale (runspec-registry 0.1.1)."""

DAY = 86_400.0


class RunspecSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What an operator can set of the runspec dialect."""

    api_key: Annotated[
        str | None,
        Meta(
            description="Key that runspec agents send as X-API-Key to register, beat and leave. Unset: open.",
            extra={"flag": "--api-key", "secret": True},
        ),
    ] = None
    heartbeat_interval: Annotated[
        Seconds, Meta(description="Seconds between two heartbeats of a runspec agent; silent for three, it is stale.")
    ] = 30.0
    protect_reads: Annotated[
        bool, Meta(description="Whether listing instances, tools and hosts needs the runspec API key too.")
    ] = False

    def __post_init__(self) -> None:
        """Refuse protection without a key: it would protect nothing."""
        if self.protect_reads and self.api_key is None:
            raise SettingsError("REGISTRY_GATEWAY_RUNSPEC_PROTECT_READS needs REGISTRY_GATEWAY_RUNSPEC_API_KEY as well")


def policy(core: Settings, _own: RunspecSettings) -> LeasePolicy:
    """A silent or deregistered agent stays listed as inactive for the retention, and any heartbeat revives it."""
    return LeasePolicy(late_renewal="revive", retention=core.retention_days * DAY, keeps_deregistered=True)


def mount(core: Core, own: RunspecSettings) -> Mount:
    """Build the routes."""
    runspec = Runspec(
        core.registry,
        key=own.api_key,
        protect_reads=own.protect_reads,
        ttl=MISSES * own.heartbeat_interval,
    )
    return Mount(runspec.routes(), fault)


def welcome(url: str, own: RunspecSettings) -> Sequence[str]:
    """Say where the dialect is and how to register something."""
    header = "" if own.api_key is None else " -H 'X-API-Key: YOUR-KEY'"
    body = '{"instance_id": "web-01", "name": "portal", "version": "1.0", "host": "web-01.example.org"}'
    return (
        f"runspec      {url}/instances",
        f"  curl{header} '{url}/instances' --json '{body}'",
    )


adapter = Adapter(
    name="runspec",
    segments=frozenset({"instances", "tools", "hosts", "export"}),
    settings=RunspecSettings,
    policy=policy,
    mount=mount,
    welcome=welcome,
)
