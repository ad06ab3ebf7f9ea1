"""Addresses nobody else can use: of the machine itself, of a container, of no machine."""

import ipaddress
import re
from urllib.parse import urlsplit

from registry_gateway.doctor.rules.finding import Finding, error, warning

_CONTAINER = re.compile(r"[0-9a-f]{12}\Z")
"""The host name Docker gives a container: the start of its id."""

_HOST = re.compile(r"[\w.:%-]+")
"""What a host consists of: letters of any script, as names may be internationalised, and IPv6's colons and zones."""

_ADVERTISE = "Have the service register under a name or address that others reach it by"


def host_of(address: str) -> str | None:
    """Return the host in an address, which is a URL, a host, or a host with a port; None if there is none."""
    try:
        return str(ipaddress.ip_address(address))  # an IPv6 address is full of colons
    except ValueError:
        pass
    try:
        host = urlsplit(address if "://" in address else f"//{address}").hostname or ""
    except ValueError:  # such as a bracket that is not closed
        return None
    return host if _HOST.fullmatch(host) else None


def is_loopback(host: str) -> bool:
    """Tell whether a host is the machine itself, whichever machine asks."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower().rstrip(".") == "localhost" or host.lower().endswith(".localhost")


def of_address(address: str) -> list[Finding]:
    """Return what is wrong with where a service says it can be reached, as far as that is seen without looking."""
    host = host_of(address)
    if host is None:
        return [error("address_without_host", f"Its address is {address!r}, which has no host", f"{_ADVERTISE}.")]
    if is_loopback(host):
        summary = f"Its address is {host}: clients on other machines would connect to themselves"
        return [warning("loopback_address", summary, f"{_ADVERTISE}, unless all its clients are on its machine.")]
    if _is_unspecified(host):
        summary = f"Its address is {host}: it can be listened on but not connected to"
        return [error("unspecified_address", summary, f"{_ADVERTISE}.")]
    if _CONTAINER.match(host):
        summary = f"Its address is {host}, which looks like the id of a container: it changes with each start"
        advice = f"{_ADVERTISE}; in compose files that is the service's name, or set `hostname:`."
        return [warning("container_address", summary, advice)]
    return []


def _is_unspecified(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return False


def unresolved(host: str) -> Finding:
    """Return the finding that a host's name leads nowhere from here."""
    summary = f"The name {host} can't be resolved on this machine"
    advice = f"{_ADVERTISE}. If this machine is not one of its clients, run the doctor on one that is."
    return warning("unresolvable_address", summary, advice)
