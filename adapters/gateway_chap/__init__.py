"""The CHAP dialect: machine-learning services made with servicekit and chapkit, under `/v2/services`."""

from collections.abc import Sequence
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from gateway_chap.faults import fault
from gateway_chap.routes import Chap
from registry_gateway.adapter import Adapter, Core, Mount
from registry_gateway.lease import LeasePolicy
from registry_gateway.settings import Seconds, Settings


class ChapSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What an operator can set of the CHAP dialect."""

    registration_key: Annotated[
        str | None,
        Meta(
            description="Key that CHAP services send as X-Service-Key to register, ping and leave. Unset: open.",
            extra={"env": "SERVICEKIT_REGISTRATION_KEY", "secret": True},
        ),
    ] = None
    ttl_seconds: Annotated[Seconds, Meta(description="Seconds a CHAP service lives without a ping.")] = 30.0
    missing_key_status: Annotated[
        Literal[422, 401],
        Meta(description="Status for a missing X-Service-Key: 422 as documented, 401 as chap-core from 2.2 on."),
    ] = 422
    ping_url: Annotated[
        Literal["absolute", "relative"],
        Meta(description="Form of the ping_url handed out; servicekit can only use an absolute one."),
    ] = "absolute"


def policy(_core: Settings, _own: ChapSettings) -> LeasePolicy:
    """A service is gone at its deadline, and a late ping is refused: only a 404 makes servicekit register again."""
    return LeasePolicy(late_renewal="refuse", retention=0)


def mount(core: Core, own: ChapSettings) -> Mount:
    """Build the routes."""
    chap = Chap(
        core.registry,
        key=own.registration_key,
        missing_key_status=own.missing_key_status,
        ttl=own.ttl_seconds,
        absolute=own.ping_url == "absolute",
    )
    return Mount(chap.routes(), fault)


def welcome(url: str, own: ChapSettings) -> Sequence[str]:
    """Say where the dialect is and how to register something."""
    header = "" if own.registration_key is None else " -H 'X-Service-Key: YOUR-KEY'"
    body = '{"url": "http://localhost:8000", "info": {"id": "my-model", "display_name": "My model"}}'
    return (
        f"CHAP         {url}/v2/services/$register",
        f"  curl{header} '{url}/v2/services/$register' --json '{body}'",
    )


adapter = Adapter(
    name="chap",
    segments=frozenset({"v2"}),
    settings=ChapSettings,
    policy=policy,
    mount=mount,
    welcome=welcome,
)
