"""Which addresses outgoing requests may connect to."""

import ipaddress

import pytest

from registry_gateway.core.destinations import Destinations, worded

PUBLIC = Destinations()
PRIVATE = Destinations(private=True)
OWN = Destinations(private=True, own=True)
EVERYTHING = Destinations(named=[ipaddress.ip_network("0.0.0.0/0"), ipaddress.ip_network("::/0")])

METADATA = "the address of a metadata service"


def refusal(destinations: Destinations, address: str, *, own: bool = False) -> str | None:
    """What an address is that is not allowed."""
    return destinations.refusal(ipaddress.ip_address(address), own=own)


@pytest.mark.parametrize("address", ["9.9.9.9", "2620:fe::fe", "::ffff:9.9.9.9", "64:ff9b::909:909", "2002:909:909::1"])
def test_public_addresses_are_allowed(address: str) -> None:
    for destinations in (PUBLIC, PRIVATE, OWN, EVERYTHING):
        assert refusal(destinations, address) is None


@pytest.mark.parametrize(
    ("address", "what"),
    [
        ("169.254.169.254", METADATA),
        ("::ffff:169.254.169.254", METADATA),
        ("::169.254.169.254", METADATA),
        ("64:ff9b::a9fe:a9fe", METADATA),
        ("2002:a9fe:a9fe::1", METADATA),
        ("100.100.100.200", METADATA),
        ("168.63.129.16", METADATA),
        ("fd00:ec2::254", METADATA),
        ("0.0.0.0", "an unspecified address"),
        ("0.1.2.3", "an unspecified address"),
        ("::", "an unspecified address"),
        ("::ffff:0.0.0.0", "an unspecified address"),
        ("224.0.0.1", "a multicast address"),
        ("ff02::1", "a multicast address"),
    ],
)
def test_some_addresses_are_never_allowed(address: str, what: str) -> None:
    for destinations in (PUBLIC, PRIVATE, OWN, EVERYTHING):
        assert refusal(destinations, address) == what


@pytest.mark.parametrize(
    ("address", "what"),
    [
        ("169.254.0.1", "a link-local address"),
        ("fe80::1", "a link-local address"),
        ("::ffff:169.254.0.1", "a link-local address"),
        ("240.0.0.1", "a reserved address"),
        ("255.255.255.255", "a reserved address"),
    ],
)
def test_other_addresses_are_allowed_only_if_their_network_is_named(address: str, what: str) -> None:
    for destinations in (PUBLIC, PRIVATE, OWN):
        assert refusal(destinations, address) == what
    assert refusal(EVERYTHING, address) is None


@pytest.mark.parametrize("address", ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", "::127.0.0.1"])
def test_loopback(address: str) -> None:
    for destinations in (PUBLIC, PRIVATE):
        assert refusal(destinations, address, own=True) == "a loopback address"
    assert refusal(OWN, address, own=True) is None
    assert refusal(EVERYTHING, address, own=True) is None


@pytest.mark.parametrize("address", ["10.0.0.7", "172.17.0.2", "192.168.1.1", "100.64.0.1", "fd12::1", "fec0::1"])
def test_private_addresses(address: str) -> None:
    assert refusal(PUBLIC, address) == "a private address"
    for destinations in (PRIVATE, OWN, EVERYTHING):
        assert refusal(destinations, address) is None


@pytest.mark.parametrize("address", ["10.0.0.7", "9.9.9.9", "2620:fe::fe"])
def test_addresses_of_the_machine(address: str) -> None:
    for destinations in (PUBLIC, PRIVATE):
        assert refusal(destinations, address, own=True) == "an address of the gateway's machine"
    for destinations in (OWN, EVERYTHING):
        assert refusal(destinations, address, own=True) is None


def test_an_address_is_worded_once() -> None:
    private = ipaddress.ip_address("10.0.0.1")
    assert worded("model.example", private, "a private address") == "model.example has 10.0.0.1, a private address"
    assert worded("10.0.0.1", private, "a private address") == "10.0.0.1 is a private address"
    assert worded("::1", ipaddress.ip_address("::1"), "a loopback address") == "::1 is a loopback address"


def test_only_named_networks_are_allowed() -> None:
    named = Destinations(named=[ipaddress.ip_network("10.1.0.0/16"), ipaddress.ip_network("127.0.0.0/8")])
    assert refusal(named, "10.1.2.3") is None
    assert refusal(named, "::ffff:10.1.2.3") is None
    assert refusal(named, "127.0.0.1", own=True) is None
    assert refusal(named, "10.2.0.1") == "a private address"
    assert refusal(named, "::1", own=True) == "a loopback address"
