"""The URL of chap-core's Redis. Pure."""

from typing import NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

SETTING = "REGISTRY_GATEWAY_CHAP_REDIS_URL"

DATABASE = 3
"""The number of the database in which chap-core 2.x looks for services. It is fixed there."""


class RedisUrl(NamedTuple):
    """The database that a URL names, and the URL without credentials and parameters, for texts."""

    database: int
    shown: str


def parsed(url: str) -> RedisUrl:
    """Return the parts of a URL.

    Raises:
        ValueError: It is not the URL of a Redis; the message is one line that does not repeat it.
    """
    form = "must be redis://[USER:PASSWORD@]HOST[:PORT]/3, or rediss:// for TLS"
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
        path = unquote(parts.path).strip("/")
        database = int(parse_qs(parts.query).get("db", [path or "0"])[0])
    except ValueError:
        raise ValueError(form) from None
    if parts.scheme not in ("redis", "rediss") or not host or parts.fragment:
        raise ValueError(form)
    shown = f"[{host}]" if ":" in host else host
    return RedisUrl(database, f"{parts.scheme}://{shown}:{port or 6379}/{database}")


def problem(url: str) -> str | None:
    """Return why chap-core would not see what is written to the database that a valid URL names; None if it would."""
    database = parsed(url).database
    return None if database == DATABASE else f"names database {database}, but chap-core 2.x looks in {DATABASE} alone"
