"""Addresses of clients have one form each."""

import pytest

from registry_gateway.core.address import unmapped


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("::FFFF:192.0.2.1", "192.0.2.1"),
        ("::ffff:c000:201", "192.0.2.1"),
        ("0:0:0:0:0:ffff:192.0.2.1", "192.0.2.1"),
        ("0000:0000:0000:0000:0000:ffff:c000:0201", "192.0.2.1"),
        ("::1", "::1"),
        ("::192.0.2.1", "::192.0.2.1"),
        ("2001:db8::ffff:192.0.2.1", "2001:db8::ffff:192.0.2.1"),
        ("::ffff:nonsense", "::ffff:nonsense"),
        ("unknown", "unknown"),
        ("", ""),
    ],
)
def test_ipv4_addresses_have_one_form(host: str, address: str) -> None:
    assert unmapped(host) == address
