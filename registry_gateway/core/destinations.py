"""Which addresses outgoing requests may connect to, if others choose their URLs. Pure."""

import ipaddress
from collections.abc import Sequence
from typing import TypeAlias

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

_METADATA = frozenset(
    ipaddress.ip_address(text)
    for text in (
        "169.254.169.254",  # AWS, Azure, Google Cloud, OpenStack and others
        "169.254.170.2",  # AWS: credentials of ECS tasks
        "169.254.170.23",  # AWS: credentials of EKS pods
        "168.63.129.16",  # Azure: the host of a virtual machine
        "100.100.100.200",  # Alibaba Cloud
        "192.0.0.192",  # Oracle Cloud
        "fd00:ec2::254",  # AWS
        "fd00:ec2::23",  # AWS: credentials of EKS pods
        "fd20:ce::254",  # Google Cloud
    )
)
"""Addresses at which cloud providers serve credentials and settings to their virtual machines."""

_THIS_NETWORK = ipaddress.ip_network("0.0.0.0/8")
"""RFC 1122, 3.2.1.3. Linux connects 0.0.0.0 to the machine itself."""

_TRANSLATED = ipaddress.ip_network("64:ff9b::/96")
"""IPv4 addresses behind a translator (RFC 6052, 2.1)."""

_COMPATIBLE = ipaddress.ip_network("::/96")
"""IPv4-compatible addresses (RFC 4291, 2.5.5.1)."""


class Destinations:
    """The addresses that outgoing requests may connect to. Public addresses always are among them.

    Metadata services of clouds, multicast, unspecified and reserved addresses never are.
    """

    def __init__(self, *, named: Sequence[Network] = (), private: bool = False, own: bool = False) -> None:
        """Allow further addresses.

        Args:
            named: Networks whose addresses are allowed, of whatever kind they are.
            private: Whether the addresses of private networks are allowed: all that are not public, except loopback
                and link-local addresses.
            own: Whether loopback addresses and the others of this machine are allowed.
        """
        self._named = tuple(named)
        self._private = private
        self._own = own

    def refusal(self, address: Address, *, own: bool) -> str | None:
        """Return what an address is that is not allowed, such as `a link-local address`; None if it is allowed.

        `own` tells whether it is an address of this machine. An IPv6 address that stands for an IPv4 address is judged
        as that one.
        """
        reasons = (self._refusal(each, own=own) for each in _meant(address))
        return next((reason for reason in reasons if reason is not None), None)

    def _refusal(self, address: Address, *, own: bool) -> str | None:
        if address in _METADATA:
            return "the address of a metadata service"
        if address.is_multicast:
            return "a multicast address"
        if address.is_unspecified or address in _THIS_NETWORK:
            return "an unspecified address"
        if any(address in network for network in self._named):
            return None
        if address.is_link_local:
            return "a link-local address"
        if address.is_loopback:
            return None if self._own else "a loopback address"
        if address.is_reserved:
            return "a reserved address"
        if own:
            return None if self._own else "an address of the gateway's machine"
        public = address.is_global and not (address.version == 6 and address.is_site_local)
        return None if public or self._private else "a private address"


def worded(host: str, address: Address, refusal: str) -> str:
    """Return in words what the address of a host is, such as `model.example has 10.0.0.1, a private address`."""
    return f"{address} is {refusal}" if host == str(address) else f"{host} has {address}, {refusal}"


def _meant(address: Address) -> Sequence[Address]:
    """Return the IPv4 addresses that an IPv6 address stands for; the address itself if there are none."""
    if address.version == 4:
        return [address]
    if address.ipv4_mapped is not None:
        return [address.ipv4_mapped]
    if address.sixtofour is not None:
        return [address.sixtofour]
    if address.teredo is not None:
        return address.teredo
    if address in _TRANSLATED or (address in _COMPATIBLE and int(address) > 1):  # 0 and 1: `::` and `::1`
        return [ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)]
    return [address]
