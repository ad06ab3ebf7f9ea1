"""Parsing of the addresses of clients and services, and of Host headers."""

import ipaddress
import re
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import urlsplit

MAX_NAME = 255
"""Most characters in a host name (RFC 3986, 3.2.2)."""

DEFAULT_PORTS = {"http": 80, "https": 443}
"""Ports of URLs that name no port."""

_HOST_NAME = re.compile(r"[a-z0-9_]([a-z0-9_.-]*[a-z0-9_.])?", re.IGNORECASE)

_AUTHORITY = re.compile(
    r"""(?: \[ (?P<ipv6> [0-9A-Fa-f:.]+ ) \]
          | (?: [A-Za-z0-9._~!$&'()*+,;=-] | %[0-9A-Fa-f]{2} )+ )
        (?: : (?P<port> [0-9]{0,5} ) )?""",
    re.VERBOSE,
)
"""`host [ ":" port ]` of RFC 3986, 3.2.2 and 3.2.3, without empty hosts and without `IPvFuture`."""


def unmapped(host: str) -> str:
    """Return `host`, with an IPv4-mapped IPv6 address (`::ffff:192.0.2.1`, RFC 4291, 2.5.5.2) written as IPv4.

    A socket that listens on `::` reports IPv4 clients in the mapped form.
    """
    if not host.startswith(("::", "0")):
        return host
    try:
        mapped = ipaddress.IPv6Address(host).ipv4_mapped
    except ValueError:
        return host
    return host if mapped is None else str(mapped)


@lru_cache(maxsize=64)  # the Host of each request, and a gateway has few names
def is_authority(text: str) -> bool:
    """Tell whether `text` is a host with an optional port, as in a URL. Host names may contain underscores."""
    found = _AUTHORITY.fullmatch(text)
    if found is None or int(found["port"] or 0) > 65_535:
        return False
    if found["ipv6"] is None:
        return len(text.partition(":")[0]) <= MAX_NAME
    try:
        ipaddress.IPv6Address(found["ipv6"])
    except ValueError:
        return False
    return True


class SplitAddress(NamedTuple):
    """The parts of a service's address. `scheme` and `path` are empty if the address has none.

    `without_user` is the address without user and password. `port` is None if the address names none and its scheme has
    no default.
    """

    without_user: str
    scheme: str
    host: str
    port: int | None
    path: str

    @property
    def host_and_port(self) -> str:
        """`host:port`, or the host alone; an IPv6 address is in brackets."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port is None else f"{host}:{self.port}"


def split_address(address: str) -> SplitAddress | None:
    """Return the parts of an address (a URL, a host, or a host with a port); None if it contains no valid host."""
    if not address.isascii() or not address.isprintable() or " " in address:
        return None
    bracketed = f"[{address}]" if address.count(":") > 1 and not set("[/") & set(address) else address
    try:
        url = urlsplit(bracketed if "://" in bracketed else f"//{bracketed}")
        host, port = url.hostname or "", url.port
        known = ipaddress.IPv6Address(host).scope_id is None if ":" in host else _HOST_NAME.fullmatch(host)
    except ValueError:
        return None
    if not known or port == 0:
        return None
    _, user, server = url.netloc.rpartition("@")
    without_user = url._replace(netloc=server).geturl().removeprefix("//") if user else address
    return SplitAddress(without_user, url.scheme, host, port or DEFAULT_PORTS.get(url.scheme), url.path)
