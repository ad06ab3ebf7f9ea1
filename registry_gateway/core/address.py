"""Hosts: addresses of clients and of services, and what a client calls us."""

import ipaddress
import re
from typing import NamedTuple
from urllib.parse import urlsplit

MAX_NAME = 255
"""Most characters in a host name (RFC 3986, 3.2.2)."""

DEFAULT_PORTS = {"http": 80, "https": 443}
"""The ports of URLs that name none."""

_HOST_NAME = re.compile(r"[a-z0-9_]([a-z0-9_.-]*[a-z0-9_.])?", re.IGNORECASE)

_AUTHORITY = re.compile(
    r"""(?: \[ (?P<ipv6> [0-9A-Fa-f:.]+ ) \]
          | (?: [A-Za-z0-9._~!$&'()*+,;=-] | %[0-9A-Fa-f]{2} )+ )
        (?: : (?P<port> [0-9]{0,5} ) )?""",
    re.VERBOSE,
)
"""`host [ ":" port ]` of RFC 3986, 3.2.2 and 3.2.3; no host is empty, and none an `IPvFuture`."""


def unmapped(host: str) -> str:
    """Return `host`; an IPv4 address in IPv6's form (`::ffff:192.0.2.1`, RFC 4291, 2.5.5.2) in its own.

    A socket that listens on `::` has IPv4 clients in that form.
    """
    if not host.startswith(("::", "0")):
        return host
    try:
        mapped = ipaddress.IPv6Address(host).ipv4_mapped
    except ValueError:
        return host
    return host if mapped is None else str(mapped)


def is_authority(text: str) -> bool:
    """Tell whether `text` is a host, with a port or without, as it stands in a URL. Names may have underscores."""
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
    """The parts of a service's address: `scheme` and `path` are empty where it has none.

    `without_user` is the address without the user and password that it may have. `port` is None if the address names
    none and its scheme has no default.
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
    """Return the parts of an address (a URL, a host, a host with a port); None if there is no host to connect to."""
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
