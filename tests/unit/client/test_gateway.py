"""Where a gateway is: URLs and tokens that can't be used are refused at once, and secrets are not shown."""

import ssl
from pathlib import Path

import pytest
import trustme

from registry_gateway.client.gateway import Gateway
from registry_gateway.client.tls import Verify

TOKEN = "rgw_id_secret"


def gateway(url: str = "https://registry.example.org", token: str | None = TOKEN, verify: Verify = None) -> Gateway:
    """A gateway, nothing of which is connected to."""
    return Gateway(url, token, verify, 0.0)


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("http://gateway:8765", "http://gateway:8765"),
        ("http://gateway:8765/", "http://gateway:8765"),
        ("https://example.org/registry//", "https://example.org/registry"),
        ("http://[::1]:8765", "http://[::1]:8765"),
    ],
)
def test_a_url(url: str, name: str) -> None:
    made = gateway(url)
    assert made.name == name
    with made.client() as client:
        assert client.build_request("GET", "services?q=a").url == f"{name}/catalog/v1/services?q=a"


@pytest.mark.parametrize("url", ["", "gateway:8765", "ftp://gateway", "http://", "http://gateway:x", "http://a b"])
def test_what_is_no_url_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="the gateway's URL must be a URL that starts with http"):
        gateway(url)


def test_a_password_in_a_url_is_refused_and_not_shown() -> None:
    with pytest.raises(ValueError, match="give a key or a token instead") as found:
        gateway("http://me:hunter2@gateway")
    assert "hunter2" not in str(found.value)


@pytest.mark.parametrize("token", ["", " ", "two\nlines", "grün", "a\x00b"])
def test_a_token_that_cannot_be_sent_is_refused_and_not_shown(token: str) -> None:
    with pytest.raises(ValueError, match="one line of ASCII") as found:
        gateway(token=token)
    assert not token.strip() or token not in str(found.value)


def test_a_token_is_sent_without_white_space_around_it() -> None:
    with gateway(token=f" {TOKEN}\n").client() as client:
        assert client.build_request("GET", "services").headers["Authorization"] == f"Bearer {TOKEN}"
        assert TOKEN not in repr(client.headers)


def test_certificates_are_read_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "authority.pem"
    trustme.CA().cert_pem.write_to_path(str(file))
    for verify in (str(file), file, ssl.create_default_context()):
        gateway(verify=verify).client().close()


def test_a_file_without_certificates_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty.pem").touch()
    for name in ("empty.pem", "missing.pem"):
        with pytest.raises(ValueError, match=f"can't read certificates from .*{name}: "):
            gateway(verify=str(tmp_path / name))


@pytest.mark.parametrize(
    ("variable", "value"),
    [("ALL_PROXY", "gopher://proxy:70"), ("HTTP_PROXY", "http://me:hunter2/@proxy"), ("NO_PROXY", "[::1]:80")],
)
def test_a_proxy_that_cannot_be_used_is_refused_and_not_shown(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(
        ValueError, match=r"a proxy of the environment can't be used \(HTTP_PROXY, .* NO_PROXY\)"
    ) as found:
        gateway().client()
    assert "hunter2" not in str(found.value)
