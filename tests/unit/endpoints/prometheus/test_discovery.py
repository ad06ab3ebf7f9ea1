"""What an address is to Prometheus: a target, or nothing to connect to."""

import pytest

from registry_gateway.core.address import split_address


@pytest.mark.parametrize(
    ("address", "target"),
    [
        ("http://model:8000", "model:8000"),
        ("http://model", "model:80"),
        ("https://model.example.org/api/v1?x=1", "model.example.org:443"),
        ("http://Model:8000/", "model:8000"),
        ("grpc://model:50051", "model:50051"),
        ("grpc://model", "model"),
        ("web-01", "web-01"),
        ("web-01:9100", "web-01:9100"),
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8::7", "[2001:db8::7]"),
        ("[2001:db8::7]:9100", "[2001:db8::7]:9100"),
        ("http://[2001:db8::7]", "[2001:db8::7]:80"),
    ],
)
def test_an_address_is_a_target(address: str, target: str) -> None:
    found = split_address(address)
    assert found is not None
    assert (found.host_and_port, found.without_user) == (target, address)


@pytest.mark.parametrize(
    "address",
    [
        "",
        "/only/a/path",
        "http://",
        "two words",
        "http://line\nbreak",
        "http://model:99999",
        "http://model:0",
        "http://model:\uff180",
        "http://[::1",
        "http://[fe80::1%25eth0]:80",
        "fe80::1%eth0",
        "b\u00fccher.example",
        "-dash",
        "mailto:x",
        "a,b",
        'quo"te',
        "a{b}",
    ],
)
def test_what_cannot_be_connected_to_is_none(address: str) -> None:
    assert split_address(address) is None


def test_the_parts_of_a_url() -> None:
    found = split_address("https://model:8443/api/v1?x=1#y")
    assert found is not None
    assert (found.scheme, found.host, found.port, found.path) == ("https", "model", 8443, "/api/v1")


@pytest.mark.parametrize("credentials", ["user:secret", ":secret", "secret"])
def test_a_password_in_an_address_goes_no_further(credentials: str) -> None:
    found = split_address(f"http://{credentials}@model:8000/api")
    assert found is not None
    assert "secret" not in str(found)
    assert (found.host_and_port, found.without_user) == ("model:8000", "http://model:8000/api")
