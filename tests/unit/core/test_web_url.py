"""Origins as browsers send them."""

import pytest

from registry_gateway.core.web_url import origin

GOOD = [
    "https://dashboard.example.com",
    "http://localhost:3000",
    "http://127.0.0.1:8080",
    "http://[::1]:3000",
    "https://dash_board:8443",
]


@pytest.mark.parametrize("text", GOOD)
def test_an_origin_is_taken(text: str) -> None:
    assert origin(text) == text


@pytest.mark.parametrize(
    ("text", "sent"),
    [
        ("https://dashboard.example.com/", "https://dashboard.example.com"),
        ("https://dashboard.example.com/app?x#y", "https://dashboard.example.com"),
        ("https://Dashboard.example.com", "https://dashboard.example.com"),
        ("HTTPS://dashboard.example.com", "https://dashboard.example.com"),
        ("https://dashboard.example.com:443", "https://dashboard.example.com"),
        ("http://localhost:80", "http://localhost"),
        ("http://me:secret@localhost", "http://localhost"),
    ],
)
def test_what_is_more_than_an_origin_is_corrected(text: str, sent: str) -> None:
    with pytest.raises(ValueError, match="as browsers send it") as refused:
        origin(text)
    assert str(refused.value).endswith(f"write {sent}")


@pytest.mark.parametrize(
    "text",
    [
        "*",
        "null",
        "dashboard.example.com",
        "ftp://example.com",
        "https://",
        "https://*.example.com",
        "https://bücher.example",
    ],
)
def test_what_is_no_origin_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not an origin such as"):
        origin(text)
