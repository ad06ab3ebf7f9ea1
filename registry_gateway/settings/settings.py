"""The gateway's own settings, the same for every dialect."""

import string
from ipaddress import ip_network
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from registry_gateway.core import web_url
from registry_gateway.core.destinations import Network
from registry_gateway.core.rate_limit import Rate, parse

PREFIX = "REGISTRY_GATEWAY_"

URL_VARIABLE = f"{PREFIX}URL"
"""The environment name of a gateway's URL, for commands that work on a gateway. It is no setting."""

STRIPPED = string.whitespace + "\ufeff"
"""Characters that are removed from both ends of a value: white space, and the byte order mark of a text file."""


class SettingsError(Exception):
    """A setting is invalid. The message is one line and says how to correct it."""


Port = Annotated[int, Meta(ge=0, le=65535)]
Seconds = Annotated[float, Meta(gt=0, le=1e9)]  # up to about thirty years, not infinity


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """The gateway's own settings, the same for every dialect."""

    database_url: Annotated[
        str, Meta(description="Database: sqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME.", extra={"url": True})
    ] = "sqlite:///registry.db"
    host: Annotated[str, Meta(description="Address to bind.")] = "0.0.0.0"  # noqa: S104 - the runspec document's default
    port: Annotated[Port, Meta(description="Port to bind.")] = 8765
    public_url: Annotated[
        str | None,
        Meta(
            description="URL at which services reach the gateway, for the addresses it returns. "
            "Default: as seen in the request."
        ),
    ] = None
    root_path: Annotated[
        str, Meta(description="Path prefix a reverse proxy serves the gateway under, such as /registry.")
    ] = ""
    forwarded_allow_ips: Annotated[
        str, Meta(description="Proxies whose X-Forwarded-For and -Proto are trusted: addresses, networks or *.")
    ] = "127.0.0.1"
    require_auth: Annotated[
        bool,
        Meta(description="Whether the gateway refuses to start while a dialect accepts writes without a credential."),
    ] = False
    log_format: Annotated[Literal["text", "json"], Meta(description="Log lines as text or as JSON objects.")] = "text"
    max_body_bytes: Annotated[Annotated[int, Meta(ge=1024)], Meta(description="Largest request body, in bytes.")] = (
        1_048_576
    )
    dialects: Annotated[
        tuple[str, ...] | None,
        Meta(description="Dialects to speak, separated by commas. Default: all that are installed."),
    ] = None
    retention_days: Annotated[
        Seconds, Meta(description="Days that ended registrations (where the dialect keeps them) and events are kept.")
    ] = 30.0
    max_events: Annotated[
        Annotated[int, Meta(ge=1)] | None,
        Meta(description="Maximum number of events that are kept; beyond it the oldest are removed. Unset: no limit."),
    ] = None
    purge_interval: Annotated[
        Seconds, Meta(description="Seconds between two removals of expired events and registrations.")
    ] = 60.0
    protect_catalog: Annotated[
        bool,
        Meta(
            description="Whether reading the catalogue, /metrics and /sd/prometheus needs a token with the scope "
            "read:catalog or admin:registry."
        ),
    ] = False
    cors_origins: Annotated[
        tuple[str, ...] | None,
        Meta(
            description="Origins whose pages may read the catalogue in a browser, separated by commas, such as "
            "https://dashboard.example.com. Unset: none."
        ),
    ] = None
    metrics_per_service: Annotated[
        bool,
        Meta(
            description="Whether /metrics has a series service_up for each service, for alerts on one of them; with "
            "more than 1,000 services it has none."
        ),
    ] = False
    rate_limit: Annotated[
        str | None,
        Meta(
            description="Maximum rate of changes per credential (in an open dialect per address): 10/s, 600/m, 5000/h, "
            "or a number per minute. Heartbeats and reads don't count; first registrations have an allowance of their "
            "own, of twenty times the rate. Unset: no limit."
        ),
    ] = None
    watchers_per_address: Annotated[
        Annotated[int, Meta(ge=1)] | None,
        Meta(
            description="Maximum number of watchers of the catalogue per client address in a process; of an IPv6 "
            "address the first 64 bits count. Unset: no limit per address, since clients behind a proxy may share one."
        ),
    ] = None
    webhook_private_networks: Annotated[
        tuple[str, ...] | None,
        Meta(
            description="Networks to which webhooks may send although they are not public, separated by commas, such "
            "as 10.0.0.0/8 or 127.0.0.1. Unset: public addresses only."
        ),
    ] = None
    sqlite_synchronous: Annotated[
        Literal["NORMAL", "FULL"],
        Meta(description="SQLite durability: NORMAL survives a killed process, FULL a power cut as well."),
    ] = "NORMAL"

    @property
    def retention(self) -> float:
        """`retention_days` in seconds."""
        return self.retention_days * 86_400

    def origins(self) -> tuple[str, ...]:
        """Return `cors_origins`.

        Raises:
            ValueError: One of them is not an origin.
        """
        return tuple(web_url.origin(text) for text in self.cors_origins or ())

    def webhook_networks(self) -> tuple[Network, ...]:
        """Return `webhook_private_networks` as networks.

        Raises:
            ValueError: One of them is none.
        """
        return tuple(ip_network(text) for text in self.webhook_private_networks or ())

    def rate(self) -> Rate | None:
        """Return `rate_limit` as a rate.

        Raises:
            ValueError: It is not a valid rate.
        """
        return None if self.rate_limit is None else parse(self.rate_limit)
