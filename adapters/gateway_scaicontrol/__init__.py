"""The ScaiControl dialect: ScaiLabs services with their service accounts, under `/api/v1/registry`."""

from collections.abc import Sequence
from typing import Annotated

import msgspec
from msgspec import Meta

from gateway_scaicontrol.auth import MANAGE
from gateway_scaicontrol.faults import fault
from gateway_scaicontrol.routes import ScaiControl
from gateway_scaicontrol.wire import Slug
from registry_gateway.adapter import Adapter, Core, Mount
from registry_gateway.lease import EXPIRED, Health, LeasePolicy, Stage
from registry_gateway.settings import Settings, SettingsError

INTERNAL_SERVICES = (
    "scaikey",
    "scaivault",
    "scaiflow",
    "scaisend",
    "scaigrid",
    "scaidrive",
    "scaiwave",
    "scaicms",
    "scaicrew",
    "scaidns",
    "scaibot",
    "scaicore",
    "scaicrm",
)
"""ScaiLabs' own services, as far as the vendor's public pages name them."""

Misses = Annotated[int, Meta(ge=1, le=10_000)]


class ScaiControlSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What an operator can set of the ScaiControl dialect."""

    internal_services: Annotated[
        tuple[Slug, ...],
        Meta(description="Slugs that are approved as soon as they register, separated by commas."),
    ] = INTERNAL_SERVICES
    monitor_interval: Annotated[
        Annotated[float, Meta(gt=0, le=86_400)],
        Meta(
            description="Seconds from one missed heartbeat to the next, once a service is silent.",
            extra={"env": "REGISTRY_HEARTBEAT_MONITOR_INTERVAL"},
        ),
    ] = 60.0
    grace_multiplier: Annotated[
        Annotated[int, Meta(ge=1, le=1_000)],
        Meta(
            description="Heartbeat intervals a service may be silent before the first miss.",
            extra={"env": "REGISTRY_HEARTBEAT_GRACE_MULTIPLIER"},
        ),
    ] = 3
    degraded_threshold: Annotated[
        Misses,
        Meta(
            description="Consecutive misses that make a service degraded.",
            extra={"env": "REGISTRY_HEARTBEAT_DEGRADED_THRESHOLD"},
        ),
    ] = 3
    unreachable_threshold: Annotated[
        Misses,
        Meta(
            description="Consecutive misses that make a service unreachable; more than make it degraded.",
            extra={"env": "REGISTRY_HEARTBEAT_UNREACHABLE_THRESHOLD"},
        ),
    ] = 10


def policy(_core: Settings, own: ScaiControlSettings) -> LeasePolicy:
    """A silent service is never removed, and a heartbeat at any time brings it back.

    The deadline is the first miss, and one more follows every monitor interval. With a threshold of 1 a service
    is degraded at its deadline.

    Raises:
        SettingsError: The thresholds are not in ascending order.
    """
    if own.unreachable_threshold <= own.degraded_threshold:
        raise SettingsError(
            "REGISTRY_HEARTBEAT_UNREACHABLE_THRESHOLD: must be greater than REGISTRY_HEARTBEAT_DEGRADED_THRESHOLD "
            f"({own.degraded_threshold})"
        )
    stages = (
        EXPIRED,
        Stage((own.degraded_threshold - 1) * own.monitor_interval, Health.DEGRADED, "degraded"),
        Stage((own.unreachable_threshold - 1) * own.monitor_interval, Health.UNREACHABLE, "unreachable"),
    )
    return LeasePolicy(late_renewal="revive", retention=None, stages=stages)


def mount(core: Core, own: ScaiControlSettings) -> Mount:
    """Build the routes."""
    scaicontrol = ScaiControl(core, internal=frozenset(own.internal_services), grace=own.grace_multiplier)
    return Mount(scaicontrol.routes(), fault)


def welcome(url: str, _own: ScaiControlSettings) -> Sequence[str]:
    """Say where the dialect is and how to register something."""
    body = '{"slug": "my-service", "name": "My service", "version": "1.0.0"}'
    return (
        f"ScaiControl  {url}/api/v1/registry/register",
        f"  TOKEN=$(registry-gateway accounts create my-service --scope {MANAGE} | tail -n 1)",
        f"  curl -H \"Authorization: Bearer $TOKEN\" '{url}/api/v1/registry/register' --json '{body}'",
    )


adapter = Adapter(
    name="scaicontrol",
    segments=frozenset({"api"}),
    settings=ScaiControlSettings,
    policy=policy,
    mount=mount,
    welcome=welcome,
)
