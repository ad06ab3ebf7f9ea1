"""Hosts: addresses of clients, and what a client calls us."""

import ipaddress
import re

MAX_NAME = 255
"""Most characters in a host name (RFC 3986, 3.2.2)."""

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
