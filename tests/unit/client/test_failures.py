"""What prevented a request is said in one line, with advice."""

import httpx
import pytest

from registry_gateway.client.failures import may_have_address, may_pass, words


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (httpx.ConnectTimeout(""), "G does not answer; check that it is running and reachable"),
        (httpx.ConnectError("refused"), "can't reach G: refused; is it running, and is the URL right?"),
        (httpx.ReadError(""), "can't reach G: ReadError; is it running, and is the URL right?"),
        (httpx.RemoteProtocolError("peer closed connection"), "G broke the connection: peer closed connection"),
        (httpx.RemoteProtocolError("illegal status line"), "G does not speak HTTP: illegal status line"),
        (httpx.DecodingError("incorrect header check"), "can't reach G: incorrect header check"),
    ],
)
def test_what_may_pass(error: Exception, line: str) -> None:
    assert words(error, "G") == line
    assert may_pass(error)


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (httpx.ConnectError("[SSL: WRONG_VERSION_NUMBER] wrong"), "G does not speak TLS; try http://"),
        (
            httpx.ConnectError("[SSL: CERTIFICATE_VERIFY_FAILED] no"),
            "can't reach G: [SSL: CERTIFICATE_VERIFY_FAILED] no; for a private certificate authority set SSL_CERT_FILE "
            "to the file with its certificates",
        ),
        (httpx.InvalidURL("no"), "can't reach G: no"),
        (UnicodeError("label too long"), "can't reach G: label too long"),
    ],
)
def test_what_does_not_pass(error: Exception, line: str) -> None:
    assert words(error, "G") == line
    assert not may_pass(error)


@pytest.mark.parametrize("host", ["gateway", "gateway.example.", "192.0.2.1", "[2001:db8::1]", "b\u00fccher.example"])
def test_a_host_that_may_have_an_address(host: str) -> None:
    assert may_have_address(f"https://{host}:8765/registry")


@pytest.mark.parametrize("host", ["a..b", f"{'a' * 64}.example"])
def test_a_host_that_has_no_address(host: str) -> None:
    assert not may_have_address(f"https://{host}:8765/registry")
