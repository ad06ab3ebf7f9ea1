"""Commands at a URL where something else answers, or nothing: one line that says what is wrong and what to do."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
import trustme

from tests import loopback
from tests.integration.command_line import command, complaint, output
from tests.integration.test_cli_remote import NOWHERE
from tests.integration.test_cli_serve import Serving, serving

READING = [
    ("services", "list"),
    ("services", "show", "x"),
    ("services", "show", "x", "--dialect", "chap"),
    ("services", "wait", "x", "--timeout", "1s"),
    ("events",),
    ("events", "--follow"),
    ("export",),
    ("accounts", "list"),
    ("subscriptions", "list"),
    ("webhooks", "list"),
    ("webhooks", "deliveries", "1"),
    ("webhooks", "test", "1"),
]
CHANGING = [
    ("services", "approve", "x"),
    ("services", "remove", "x"),
    ("accounts", "create", "x"),
    ("accounts", "rotate", "x"),
    ("accounts", "revoke", "x"),
    ("subscriptions", "add", "x", "y"),
    ("subscriptions", "cancel", "1"),
    ("webhooks", "add", "https://a.example/"),
    ("webhooks", "rotate", "1"),
    ("webhooks", "enable", "1"),
    ("webhooks", "remove", "1"),
]
PAGE = b"<!doctype html><title>Sign in</title>\n<p>Sign in first\n"


class Other:
    """A server that is no gateway. It answers every request alike."""

    def __init__(self) -> None:
        self.url = ""
        self.status = 200
        self.headers = {"Content-Type": "text/html"}
        self.body = PAGE
        self.silent = False
        self.onwards: str | None = None


@pytest.fixture
def other(monkeypatch: pytest.MonkeyPatch) -> Iterator[Other]:
    """The server, on loopback."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    other = Other()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.do_POST()

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if other.silent:
                return
            self.send_response(other.status)
            if other.onwards is not None:
                self.send_header("Location", other.onwards + self.path)
            for name, value in {**other.headers, "Content-Length": str(len(other.body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(other.body)

        def log_message(self, *_arguments: object) -> None:
            """Say nothing."""

    with loopback.serve(Handler) as port:
        other.url = f"http://127.0.0.1:{port}"
        yield other


@pytest.mark.parametrize("arguments", [*READING, *CHANGING], ids=" ".join)
def test_a_page_instead_of_an_answer(other: Other, arguments: tuple[str, ...]) -> None:
    for status in (200, 404, 401):
        other.status = status
        said = complaint(NOWHERE, *arguments, "--url", other.url)
        assert f"is not a registry-gateway, or a proxy answers instead of it: {status} (text/html)" in said
        assert "Sign in" not in said


@pytest.mark.parametrize("arguments", [*READING, *CHANGING], ids=" ".join)
def test_a_proxy_whose_gateway_is_down(other: Other, arguments: tuple[str, ...]) -> None:
    other.status = 502
    if "wait" in arguments:
        late = command(NOWHERE, *arguments, "--url", other.url)
        assert (late.exit_code, late.stderr) == (1, "x is not up after 1 s: the gateway is not ready\n")
    else:
        said = complaint(NOWHERE, *arguments, "--url", other.url)
        assert "is not ready: a proxy answers with 502" in said
        assert ("the change may have been made" in said) == (arguments in CHANGING)


def test_a_redirect(other: Other) -> None:
    other.status = 308
    other.onwards = "https://elsewhere.example/registry"
    for arguments in (*READING, *CHANGING):
        said = complaint(NOWHERE, *arguments, "--url", other.url)
        assert said == f"{other.url} redirects to https://elsewhere.example/registry; use the URL that it leads to"
    other.onwards = None
    for location, target in (
        ("https://user:secret@elsewhere.example/login?to=secret", "https://elsewhere.example/login"),
        ("/login?to=secret", "/login"),
        ("http://[", "an invalid URL"),
    ):
        other.headers["Location"] = location
        said = complaint(NOWHERE, "services", "list", "--url", other.url)
        assert said == f"{other.url} redirects to {target}; use the URL that it leads to"


def test_a_gateway_that_is_not_ready(other: Other) -> None:
    other.status = 503
    other.headers["Content-Type"] = "application/problem+json"
    other.body = b'{"title":"Unavailable","status":503,"detail":"The registry is unavailable"}'
    for arguments in (("webhooks", "list"), ("webhooks", "enable", "1"), ("services", "list"), ("export",)):
        said = complaint(NOWHERE, *arguments, "--url", other.url)
        assert said == f"{other.url} is not ready: The registry is unavailable"


def test_a_gateway_that_refuses_a_member(other: Other) -> None:
    other.status = 422
    other.headers["Content-Type"] = "application/problem+json"
    other.body = b'{"title":"Unprocessable body","status":422,"detail":"Invalid enum value","at":["body","kinds",0]}'
    said = complaint(NOWHERE, "webhooks", "add", "https://a.example/", "--kind", "purged", "--url", other.url)
    assert said == f"{other.url} refuses this: kinds.0: Invalid enum value"


def test_an_older_gateway_without_the_endpoint(other: Other) -> None:
    other.status = 404
    other.headers["Content-Type"] = "application/problem+json"
    other.body = b'{"title":"Not Found","status":404,"detail":"Not Found: GET /admin/v1/webhooks"}'
    for arguments in (("webhooks", "list"), ("webhooks", "enable", "1")):
        assert "or it is an older version" in complaint(NOWHERE, *arguments, "--url", other.url)
    assert "or an older one: it has no /catalog/v1/log" in complaint(NOWHERE, "events", "--url", other.url)


def test_a_user_in_the_url_and_a_token(other: Other) -> None:
    url = other.url.replace("://", "://user:secret@")
    said = complaint(NOWHERE, "webhooks", "list", "--url", url, REGISTRY_TOKEN="rgw_x")
    assert said.startswith("the URL has a user, and REGISTRY_TOKEN is set; only one of them can be sent")
    assert "secret" not in said + complaint(NOWHERE, "webhooks", "list", "--url", url)


def test_json_of_something_else(other: Other) -> None:
    other.headers["Content-Type"] = "application/json"
    for other.body in (b"{}", b"[]", b"null", b'{"data":7}', b'{"data":{}}', b"{", b"\xff"):
        for arguments in (("services", "list"), ("webhooks", "list"), ("webhooks", "test", "1")):
            assert f"unexpected answer of {other.url}" in complaint(NOWHERE, *arguments, "--url", other.url)


@pytest.mark.parametrize("arguments", CHANGING, ids=" ".join)
def test_a_change_without_an_answer_may_have_been_made(other: Other, arguments: tuple[str, ...]) -> None:
    other.silent = True
    said = complaint(NOWHERE, *arguments, "--url", other.url)
    assert said.endswith("the change may have been made; check that before you repeat it")
    other.silent = False
    other.body = b"x" * 5 * 2**20
    assert complaint(NOWHERE, *arguments, "--url", other.url).endswith("check that before you repeat it")


def test_a_test_without_an_answer_changed_nothing(other: Other) -> None:
    other.silent = True
    assert "may have been made" not in complaint(NOWHERE, "webhooks", "test", "1", "--url", other.url)


def test_nothing_was_sent_where_nothing_listens() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        said = complaint(NOWHERE, "accounts", "create", "x", "--url", f"http://127.0.0.1:{unused.getsockname()[1]}")
    assert "is it running, and is the URL right?" in said
    assert "may have been made" not in said


# --- TLS


@contextmanager
def with_tls(directory: Path) -> Iterator[Serving]:
    """A gateway with a certificate of a private authority."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(directory / "authority.pem"))
    made = authority.issue_cert("127.0.0.1")
    made.private_key_pem.write_to_path(str(directory / "key.pem"))
    made.cert_chain_pems[0].write_to_path(str(directory / "certificate.pem"))
    options = ("--ssl-keyfile", "key.pem", "--ssl-certfile", "certificate.pem")
    with serving(directory, *options) as gateway:
        yield gateway


@pytest.mark.parametrize("arguments", [("services", "list"), ("doctor",)])
def test_a_proxy_that_can_not_be_used_is_no_defect(arguments: tuple[str, ...]) -> None:
    said = complaint(NOWHERE, *arguments, "--url", "http://gateway", HTTP_PROXY="http://me:hunter2/@proxy")
    assert "a proxy of the environment can't be used" in said
    assert "hunter2" not in said


def test_the_wrong_scheme_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with with_tls(tmp_path) as gateway:
        plain = gateway.url.replace("https://", "http://")
        assert complaint(NOWHERE, "services", "list", "--url", plain).endswith("if it speaks TLS, use https://")
        assert "set SSL_CERT_FILE" in complaint(NOWHERE, "services", "list", "--url", gateway.url)
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
        assert output(NOWHERE, "services", "list", "--url", gateway.url)
