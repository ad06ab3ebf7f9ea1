"""Findings about addresses that other machines cannot use: loopback, unspecified, of a container, unresolvable."""

import ipaddress
import re
from urllib.parse import urlsplit

from registry_gateway.doctor.rules.finding import Finding, error, warning

_CONTAINER = re.compile(r"[0-9a-f]{12}\Z")
"""The host name Docker gives a container: the start of its id."""

_HOST = re.compile(r"[\w.:%-]+")
"""A host: letters of any script, as names may be internationalised, and the colons and zones of IPv6."""

_ADVERTISE = "Have the service register a name or address at which its clients can reach it"


def host_of(address: str) -> str | None:
    """Return the host in an address (a URL, a host, or a host with a port), or None if it has none."""
    try:
        return str(ipaddress.ip_address(address))  # the colons of an IPv6 address separate no port
    except ValueError:
        pass
    try:
        host = urlsplit(address if "://" in address else f"//{address}").hostname or ""
    except ValueError:  # such as a bracket that is not closed
        return None
    return host if _HOST.fullmatch(host) else None


def is_loopback(host: str) -> bool:
    """Return whether a host is a loopback address or name."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower().rstrip(".") == "localhost" or host.lower().endswith(".localhost")


def of_address(address: str) -> list[Finding]:
    """Return the findings about a service's address. The host is not looked up."""
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
        summary = f"Its address is {host}, which looks like a container id: each new container has another"
        advice = f"{_ADVERTISE}. In a compose file, use the service's name or set `hostname:`."
        return [warning("container_address", summary, advice)]
    return []


def _is_unspecified(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return False


def unresolved(host: str) -> Finding:
    """Return the finding that a host name can't be resolved on this machine."""
    summary = f"The name {host} can't be resolved on this machine"
    advice = f"{_ADVERTISE}. If this machine is not one of its clients, run the doctor on one that is."
    return warning("unresolvable_address", summary, advice)
