"""Which texts are URLs of receivers, and what of them is shown."""

import pytest

from registry_gateway.core.errors import InvalidUrl
from registry_gateway.webhooks import receiver_url


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("https://hooks.example/services/T0/B0/secret", "https://hooks.example/********"),
        ("https://hooks.example?token=secret", "https://hooks.example/********"),
        ("https://hooks.example:8443/", "https://hooks.example:8443/"),
        ("http://[::1]:9000", "http://[::1]:9000"),
    ],
)
def test_path_and_query_are_not_shown(url: str, text: str) -> None:
    assert receiver_url.shown(url) == text


@pytest.mark.parametrize(
    "url",
    [
        "http://a",
        'https://alerts.example.com:8443/registry?token=a%20b&c="d"',
        "http://[2001:db8::1]:9000/",
        "http://receiver_1.internal.",
        f"http://a/{'x' * 2_039}",
    ],
)
def test_urls_of_receivers(url: str) -> None:
    receiver_url.check(url)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "nonsense",
        "ftp://a",
        "http://",
        "http://:80/",
        "http://a:0/",
        "http://a:99999/",
        "http://[:::::]/",
        "http://[::1/",
        "http://user:pw@example.org/",
        "http://user@example.org/",
        "http://a/#b",
        "http://a/ b",
        "http://a/\n",
        "http://a\\b/",
        "http://bücher.example/",
        "http://a/ü",
        "http://-a/",
        f"http://a/{'x' * 2_040}",
    ],
)
def test_what_is_no_url_of_a_receiver_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(InvalidUrl, match="must start with http:// or https://") as refused:
        receiver_url.check(url)
    assert not url or url not in str(refused.value).replace("http:// or", "")
