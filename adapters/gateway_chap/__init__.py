"""The CHAP dialect: machine-learning services made with servicekit and chapkit, under `/v2/services`."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from gateway_chap import chap_core_findings, chap_core_import, chap_core_url, translate
from gateway_chap.faults import HEADER, KEY, fault
from gateway_chap.openapi import DESCRIPTION, READS, RUN, SERVICE_KEY, WRITES
from gateway_chap.path_advice import REGISTER
from gateway_chap.routes import Chap
from gateway_chap.run_proxy import RunProxy
from gateway_chap.translate import DIALECT
from registry_gateway.adapter import (
    PREFIX,
    Adapter,
    Core,
    Entry,
    Finding,
    Importer,
    KeyCheck,
    LeasePolicy,
    Lifespan,
    Mount,
    Seconds,
    Settings,
    SettingsError,
    StoreImporter,
    secured,
    service_keys,
)

MOST_LAPSED = 10_000
"""Most expired services that are kept for a late ping."""

TAKEOVER_WINDOW = 3_600.0
"""Seconds after a takeover in which a DELETE from the replaced address is ignored."""


class ChapSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The settings of the CHAP dialect."""

    registration_key: Annotated[
        tuple[str, ...] | None,
        Meta(
            description="Key that CHAP services send as X-Service-Key to register, ping and deregister; during a "
            "rotation several, separated by commas. Unset: open.",
            extra={"env": KEY, "secret": True},
        ),
    ] = None
    registration_key_file: Annotated[
        str | None,
        Meta(
            description="File with these keys instead, one per line; read again on SIGHUP.",
            extra={"env": f"{KEY}_FILE"},
        ),
    ] = None
    ttl_seconds: Annotated[
        Seconds, Meta(description="Length of a CHAP lease: seconds a service stays alive without a ping.")
    ] = 30.0
    late_ping: Annotated[
        Literal["revive", "refuse"],
        Meta(
            description="What a ping after the deadline does: it makes the service live again, or it is a 404 as in "
            "chap-core."
        ),
    ] = "revive"
    lapsed_retention: Annotated[
        Seconds,
        Meta(
            description="Seconds a lapsed CHAP service is kept for a late ping; of more than 10,000, those that lapsed "
            "last."
        ),
    ] = 86_400.0
    max_services: Annotated[
        Annotated[int, Meta(ge=1)] | None,
        Meta(description="Maximum number of live CHAP services. Unset: no limit."),
    ] = None
    missing_key_status: Annotated[
        Literal[422, 401],
        Meta(description="Status for a missing X-Service-Key: 422 as documented, 401 as chap-core from 2.2 on."),
    ] = 422
    redis_url: Annotated[
        str | None,
        Meta(
            description="chap-core's Redis, redis://:PASSWORD@HOST:PORT/3 (rediss:// with TLS): live CHAP services are "
            "mirrored there, so that chap-core lists and runs them. Needs the extra chap-core. Unset: not mirrored.",
            extra={"url": True},
        ),
    ] = None
    ping_url: Annotated[
        Literal["absolute", "relative"],
        Meta(description="Form of the ping_url in answers; servicekit can only use an absolute one."),
    ] = "absolute"
    run_proxy: Annotated[
        bool,
        Meta(
            description="Whether GET and HEAD of /v2/services/{id}/run/{path} are passed on to the service. All "
            "clients of the gateway can then read from the services. Needs a registration key."
        ),
    ] = False
    run_proxy_own_addresses: Annotated[
        bool,
        Meta(
            description="Whether these requests are also passed on to services at loopback addresses, and at others of "
            "the gateway's machine."
        ),
    ] = False

    def __post_init__(self) -> None:
        """Check the settings.

        Raises:
            SettingsError: Both keys and a file are set, or the URL of Redis is invalid.
        """
        service_keys.check(KEY, self.registration_key, self.registration_key_file)
        if self.redis_url is not None:
            try:
                chap_core_url.parsed(self.redis_url)
            except ValueError as error:
                raise SettingsError(f"{chap_core_url.SETTING}: {error}") from None


def policy(_core: Settings, own: ChapSettings) -> LeasePolicy:
    """Return the lease policy of the dialect.

    By default a late ping revives a service, because servicekit up to 1.0.1 and chapkit up to 1.1.1 do not register
    again after a 404. If `late_ping` is `refuse`, a service is gone at the end of its lease, as in chap-core 2.1.
    """
    if own.late_ping == "refuse":
        return LeasePolicy(late_renewal="refuse", retention=0, takeover_window=TAKEOVER_WINDOW, most=own.max_services)
    return LeasePolicy(
        late_renewal="revive",
        retention=own.lapsed_retention,
        kept_for_revival=True,
        most_lapsed=MOST_LAPSED,
        takeover_window=TAKEOVER_WINDOW,
        most=own.max_services,
    )


def mount(core: Core, own: ChapSettings) -> Mount:
    """Return the mount of the dialect.

    Raises:
        SettingsError: The services can't be mirrored in Redis, or the run proxy is on, and registrations need no key.
    """
    keyring = core.keyrings.open(DIALECT, KEY, own.registration_key, own.registration_key_file)
    keys = KeyCheck(HEADER, KEY, keyring)
    proxy = _run_proxy(core, own)
    chap = Chap(core.registry, keys, ttl=own.ttl_seconds, absolute=own.ping_url == "absolute", proxy=proxy)
    writes = WRITES if open_writes(own) else secured(WRITES, SERVICE_KEY)
    worded = partial(fault, missing_key_status=own.missing_key_status)
    lifespans = [] if own.redis_url is None else [_mirrored(core, own.redis_url)]
    operations = (*writes, *READS)
    if proxy is not None:
        lifespans.append(proxy.opened)
        operations = (*operations, *RUN)
    return Mount(chap.routes(), worded, operations, DESCRIPTION, partial(_running, lifespans) if lifespans else None)


@asynccontextmanager
async def _running(lifespans: Sequence[Lifespan]) -> AsyncIterator[None]:
    async with AsyncExitStack() as stack:
        for lifespan in lifespans:
            await stack.enter_async_context(lifespan())
        yield


def _mirrored(core: Core, url: str) -> Lifespan:
    """Return the lifespan of the mirror in chap-core's Redis.

    Raises:
        SettingsError: The client of Redis is not installed, or chap-core would not look in that database.
    """
    problem = chap_core_url.problem(url)
    if problem is not None:
        raise SettingsError(f"{chap_core_url.SETTING}: {problem}")
    try:
        from gateway_chap.mirror import Mirror
    except ImportError as error:
        raise SettingsError(f"{chap_core_url.SETTING} needs the package {error.name}: {_INSTALL}") from error
    mirror = Mirror(core, url)
    mirror.show(core)
    return mirror.running


_INSTALL = "install registry-gateway[chap-core]"


def _run_proxy(core: Core, own: ChapSettings) -> RunProxy | None:
    if not own.run_proxy:
        return None
    closing = open_writes(own)
    if closing is not None:
        raise SettingsError(
            f"{PREFIX}CHAP_RUN_PROXY: any client could register an address and have the gateway connect to it; "
            f"set {closing}"
        )
    return RunProxy(core.stopping, own=own.run_proxy_own_addresses)


def open_writes(own: ChapSettings) -> str | None:
    """Return the setting that would require a key for writes; None if a key is required."""
    return service_keys.closing(KEY, own.registration_key, own.registration_key_file)


def warnings(core: Settings, own: ChapSettings) -> Sequence[str]:
    """Return a warning if a client's Host header determines the URL to which it sends its key."""
    if open_writes(own) or own.ping_url == "relative" or core.public_url is not None:
        return ()
    return (
        "chap services send their key to the ping_url they are given, and it follows the Host header of their request; "
        f"set {PREFIX}PUBLIC_URL",
    )


def welcome(url: str, own: ChapSettings) -> Sequence[str]:
    """Return the URL of the dialect and a command that registers a service."""
    header = "" if open_writes(own) else f" -H '{HEADER}: YOUR-KEY'"
    body = '{"url": "http://localhost:8000", "info": {"id": "my-model", "display_name": "My model"}}'
    return (
        f"CHAP         {url}/v2/services/$register",
        f"  curl{header} '{url}/v2/services/$register' --json '{body}'",
    )


def findings(own: ChapSettings, entry: Entry) -> Sequence[Finding]:
    """Return what chap-core would not accept of a service, if the services are mirrored for it."""
    return () if own.redis_url is None else chap_core_findings.of_entry(entry)


async def notes(own: ChapSettings, entry: Entry) -> Mapping[str, str]:
    """Return whether chap-core sees a service, if the services are mirrored for it."""
    if own.redis_url is None:
        return {}
    from gateway_chap import chap_core_visibility

    return {"chap-core": await chap_core_visibility.of_redis(own.redis_url).of(entry)}


async def inspect(own: ChapSettings, alive: Sequence[Entry]) -> Sequence[Finding]:
    """Return the findings about chap-core's Redis, if the services are mirrored there."""
    if own.redis_url is None:
        return ()
    if problem := chap_core_findings.of_url(own.redis_url):
        return problem
    try:
        from gateway_chap.chap_core_redis import Unusable, connected
    except ImportError as error:
        return (chap_core_findings.unusable(own.redis_url, f"the package {error.name} is missing; {_INSTALL}"),)
    try:
        async with connected(own.redis_url) as redis:
            return chap_core_findings.of_redis(await redis.stored(), alive)
    except Unusable as error:
        return (chap_core_findings.unusable(own.redis_url, str(error)),)


adapter = Adapter(
    name=DIALECT,
    segments=frozenset({"v2"}),
    settings=ChapSettings,
    policy=policy,
    mount=mount,
    welcome=welcome,
    open_writes=open_writes,
    warnings=warnings,
    write_only=(REGISTER,),
    findings=findings,
    notes=notes,
    inspect=inspect,
    importer=Importer("/v2/services", HEADER, lambda body, own, actor: translate.listing(body, own.ttl_seconds, actor)),
    store_importers={
        "chap-redis": StoreImporter(
            chap_core_import.check,
            lambda url, password, own, actor: chap_core_import.listing(url, password, own.ttl_seconds, actor),
        ),
    },
)
