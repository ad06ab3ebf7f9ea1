"""The ScaiControl dialect: ScaiLabs services with their service accounts, under `/api/v1/registry`."""

from collections.abc import Sequence
from typing import Annotated

import msgspec
from msgspec import Meta

from gateway_scaicontrol.auth import MANAGE, Verifier
from gateway_scaicontrol.faults import fault
from gateway_scaicontrol.openapi import DESCRIPTION, OPERATIONS
from gateway_scaicontrol.routes import ScaiControl
from gateway_scaicontrol.translate import DIALECT
from gateway_scaicontrol.wire import Slug
from registry_gateway.adapter import (
    EXPIRED,
    Adapter,
    Core,
    Health,
    LeasePolicy,
    Lifespan,
    Mount,
    Settings,
    SettingsError,
    Stage,
    check_proxies,
    web_url,
)

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
"""ScaiLabs' own services that the vendor's public pages name."""

Misses = Annotated[int, Meta(ge=1, le=10_000)]


class ScaiControlSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The settings of the ScaiControl dialect."""

    internal_services: Annotated[
        tuple[Slug, ...],
        Meta(description="Slugs that are approved as soon as they register, separated by commas."),
    ] = INTERNAL_SERVICES
    monitor_interval: Annotated[
        Annotated[float, Meta(gt=0, le=86_400)],
        Meta(
            description="Seconds from one counted miss to the next.",
            extra={"env": "REGISTRY_HEARTBEAT_MONITOR_INTERVAL"},
        ),
    ] = 60.0
    grace_multiplier: Annotated[
        Annotated[int, Meta(ge=1, le=1_000)],
        Meta(
            description="Heartbeat intervals without a heartbeat before the first miss is counted.",
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
    max_per_account: Annotated[
        Annotated[int, Meta(ge=1)] | None,
        Meta(description="Maximum number of services of an account, expired leases included. Unset: no limit."),
    ] = None
    scaikey_issuer: Annotated[
        str | None,
        Meta(
            description="URL of ScaiKey, exactly as in iss of its tokens. Unset: only the gateway's own tokens.",
            extra={"env": "SCAIKEY_ISSUER"},
        ),
    ] = None
    scaikey_jwks_url: Annotated[
        str | None,
        Meta(
            description="URL of ScaiKey's public keys. Default: /api/v1/platform/.well-known/jwks.json at the issuer.",
            extra={"env": "SCAIKEY_JWKS_URL"},
        ),
    ] = None
    scaikey_audience: Annotated[
        str | None,
        Meta(
            description="Audience that ScaiKey's tokens must name in aud. Unset: aud is not checked.",
            extra={"env": "SCAIKEY_AUDIENCE"},
        ),
    ] = None


def policy(_core: Settings, own: ScaiControlSettings) -> LeasePolicy:
    """Return the lease policy: an expired service is never removed, and any heartbeat revives it.

    The end of the lease is the first miss, and one more follows every monitor interval. With a threshold of 1 a service
    is degraded at the end of its lease.

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
    return LeasePolicy(late_renewal="revive", retention=None, stages=stages, most_owned=own.max_per_account)


def mount(core: Core, own: ScaiControlSettings) -> Mount:
    """Return the mount of the dialect.

    Raises:
        SettingsError: A setting of ScaiKey is invalid.
    """
    scaikey, lifespan = _scaikey(own)
    scaicontrol = ScaiControl(
        core, internal=frozenset(own.internal_services), grace=own.grace_multiplier, scaikey=scaikey
    )
    return Mount(scaicontrol.routes(), fault, OPERATIONS, DESCRIPTION, lifespan)


def _scaikey(own: ScaiControlSettings) -> tuple[Verifier | None, Lifespan | None]:
    if own.scaikey_issuer is None:
        for name, value in (("JWKS_URL", own.scaikey_jwks_url), ("AUDIENCE", own.scaikey_audience)):
            if value is not None:
                raise SettingsError(f"SCAIKEY_{name}: has no effect without SCAIKEY_ISSUER")
        return None, None
    # Imported here, because the libraries for HTTP and JWTs take a fifth of the start time of every command.
    from gateway_scaicontrol.jwks import Keys
    from gateway_scaicontrol.scaikey import JWKS_PATH, ScaiKey

    _require_url("SCAIKEY_ISSUER", own.scaikey_issuer)
    url = own.scaikey_jwks_url or own.scaikey_issuer.rstrip("/") + JWKS_PATH
    _require_url("SCAIKEY_JWKS_URL", url)
    try:
        check_proxies()
    except ValueError as error:
        raise SettingsError(str(error)) from None
    keys = Keys(url)
    return ScaiKey(own.scaikey_issuer, own.scaikey_audience, keys), keys.opened


def _require_url(name: str, value: str) -> None:
    try:
        url = web_url.parsed(value)
    except ValueError as error:
        raise SettingsError(f"{name}: {error}") from None
    if url.username is not None or url.password is not None or url.fragment:
        raise SettingsError(f"{name}: must have neither user nor password nor fragment")


def welcome(url: str, _own: ScaiControlSettings) -> Sequence[str]:
    """Return the URL of the dialect and the commands that register a service."""
    body = '{"slug": "my-service", "name": "My service", "version": "1.0.0"}'
    return (
        f"ScaiControl  {url}/api/v1/registry/register",
        f"  TOKEN=$(registry-gateway accounts create my-service --scope {MANAGE} | tail -n 1)",
        f"  curl -H \"Authorization: Bearer $TOKEN\" '{url}/api/v1/registry/register' --json '{body}'",
    )


adapter = Adapter(
    name=DIALECT,
    segments=frozenset({"api"}),
    settings=ScaiControlSettings,
    policy=policy,
    mount=mount,
    welcome=welcome,
    account_scopes=(MANAGE,),
    write_only=("/api/v1/registry/register",),
)
