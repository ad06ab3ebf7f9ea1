"""`registry-gateway import` from sources that are not what they should be: one clear line, and nothing changed."""

import gzip
import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from registry_gateway.bulk import importing
from registry_gateway.cli import imports
from tests import loopback
from tests.integration.command_line import command, complaint, output

KEY = "s3cret-of-the-source"


class Source:
    """A server that answers every GET with what it was told to, and keeps the headers it was asked with."""

    def __init__(self) -> None:
        self.status = 200
        self.body = b"[]"
        self.location: str | None = None
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.url = ""


@pytest.fixture
def source(monkeypatch: pytest.MonkeyPatch) -> Iterator[Source]:
    """A source on loopback."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    source = Source()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            source.asked.append((self.path, dict(self.headers)))
            self.send_response(source.status)
            if source.location is not None:
                self.send_header("Location", source.location)
            self.send_header("Content-Length", str(len(source.body)))
            self.end_headers()
            self.wfile.write(source.body)

        def log_message(self, *_arguments: object) -> None:
            """Say nothing."""

    with loopback.serve(Handler) as port:
        source.url = f"http://127.0.0.1:{port}"
        yield source


def registered(url: str) -> list[str]:
    """The keys of all that is registered."""
    return [service["key"] for service in json.loads(output(url, "services", "list", "--json"))]


def refusal(url: str, source: Source, kind: str, *options: str) -> str:
    """What an import says that fails; it has changed nothing."""
    said = complaint(url, "import", "--from", kind, source.url, *options)
    assert registered(url) == []
    assert output(url, "events") == ""
    return said


@pytest.mark.parametrize(
    ("kind", "body", "expected"),
    [
        ("runspec", b"<html>", "it is not JSON"),
        ("runspec", b"", "it is not JSON"),
        ("runspec", b"[" * 100_000, "it is not JSON"),
        ("runspec", b'[{"instance_id":"\xff"}]', "it is not JSON"),
        ("runspec", b'[{"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}]", "it is not JSON"),
        ("runspec", gzip.compress(b"[" + b" " * 10**7 + b"]"), "it is not JSON"),
        ("chap", b'{"services":[],"more":"\xff"}', "it is not JSON"),
        ("runspec", b'{"count":0,"services":[]}', "it has another shape: expected `array`, got `object`"),
        ("runspec", b"null", "it has another shape: expected `array`, got `null`"),
        ("chap", b"[]", "it has another shape: expected `object`, got `array`"),
        ("chap", b'{"services":{}}', "it has another shape: expected `array`, got `object`"),
        ("chap", b'{"data":[]}', "it has another shape: object missing required field `services`"),
    ],
)
def test_a_list_of_something_else(sqlite_url: str, source: Source, kind: str, body: bytes, expected: str) -> None:
    source.body = body
    said = refusal(sqlite_url, source, kind)
    assert said.startswith(f"{source.url}/")
    assert f"does not answer as a {kind} registry does: {expected}" in said
    path = "/instances" if kind == "runspec" else "/v2/services"
    assert said.endswith(f"; try the URL that comes before its {path}")


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (
            404,
            "it is answered 404; is that a runspec registry? If so, try the URL that comes before its /instances",
        ),
        (500, "it is answered 500; is that a runspec registry?"),
        (401, "it is answered 401; give --key"),
        (403, "it is answered 403; give --key"),
        (301, "it redirects to http://elsewhere.example/instances; give the URL it is at"),
    ],
)
def test_a_source_that_does_not_list(sqlite_url: str, source: Source, status: int, expected: str) -> None:
    source.status = status
    source.location = "http://user:pw@elsewhere.example/instances?x=1" if status == 301 else None
    assert refusal(sqlite_url, source, "runspec") == f"{source.url}/instances can't be read: {expected}"


def test_a_redirect_to_nowhere(sqlite_url: str, source: Source) -> None:
    source.status, source.location = 302, "http://["
    assert refusal(sqlite_url, source, "chap").endswith("it redirects to an invalid URL; give the URL it is at")


def test_a_list_without_end(sqlite_url: str, source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imports, "LIST_BYTES", 2**20)
    source.body = b" " * (2**20 + 1)
    assert refusal(sqlite_url, source, "runspec") == f"{source.url}/instances answers with more than 1 MiB"


def test_a_list_of_too_many(sqlite_url: str, source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "MOST_SERVICES", 3)
    source.body = b"[7,7,7,7]"
    assert "does not answer as a runspec registry does: it lists more than 3 services" in refusal(
        sqlite_url, source, "runspec"
    )
    source.body = b'{"services":[7,7,7,7]}'
    assert "it lists more than 3 services" in refusal(sqlite_url, source, "chap")
    monkeypatch.setattr(importing, "MOST_COMMAS", 2)
    assert "it has more than 2 commas" in refusal(sqlite_url, source, "chap")


def test_what_is_shown_of_a_bad_entry(sqlite_url: str, source: Source) -> None:
    evil = "k\x1b[2J\x9b\u2028\u202e"
    source.body = json.dumps([{"instance_id": evil}, {"instance_id": "k" * 10**6}]).encode()
    result = command(sqlite_url, "import", "--from", "runspec", source.url)
    assert result.exit_code == 1
    assert all(line.isprintable() and len(line) < 1000 for line in result.output.split("\n"))


def test_nobody_there(sqlite_url: str, source: Source) -> None:
    source.url = "http://127.0.0.1:1"
    said = refusal(sqlite_url, source, "runspec")
    assert said.startswith("can't reach http://127.0.0.1:1/instances: ")
    assert said.endswith("; is it running, and is the URL right?")


def test_https_where_http_is_spoken(sqlite_url: str, source: Source) -> None:
    source.url = source.url.replace("http://", "https://")
    assert refusal(sqlite_url, source, "runspec") == f"{source.url}/instances does not speak TLS; try http://"


def test_what_is_invalid(sqlite_url: str, source: Source) -> None:
    assert "cannot import from 'scaicontrol' (supported: chap, runspec, chap-redis)" in refusal(
        sqlite_url, source, "scaicontrol"
    )
    source.url = "ftp://127.0.0.1/x"
    assert "must be a URL" in refusal(sqlite_url, source, "runspec")


def test_the_key_is_sent_and_never_shown(sqlite_url: str, source: Source) -> None:
    source.status = 403
    for options, environment in ((("--key", KEY), {}), ((), {"REGISTRY_IMPORT_KEY": f" {KEY}\r\n"})):
        result = command(sqlite_url, "import", "--from", "runspec", source.url, *options, **environment)
        assert result.exit_code == 2
        assert "the key is not one of its own" in result.stderr
        assert KEY not in result.output
        assert source.asked.pop()[1]["X-API-Key"] == KEY
    assert KEY not in refusal(sqlite_url, source, "chap", "--key", f"{KEY}\nX")
    assert source.asked == []


def test_bad_entries_cost_no_other(database_url: str, source: Source) -> None:
    good: dict[str, Any] = {"instance_id": "good", "name": "n", "version": "1", "host": "h", "tools": [], "x": {"y": 1}}
    entries: list[Any] = [
        {**good, "instance_id": "numbered", "version": 7},
        {**good, "instance_id": "nameless", "tools": [{"x-command": "c"}]},
        {**good, "instance_id": "slash/"},
        {**good, "name": "n\x00", "instance_id": "nul"},
        "no object",
        good,
        {**good, "host": "twice"},
    ]
    source.body = json.dumps(entries).encode()
    result = command(database_url, "import", "--from", "runspec", f"{source.url}/instances", "--json")
    assert result.exit_code == 1
    found = json.loads(result.stdout)
    assert {s["key"]: s["outcome"] for s in found["services"][2:]} == dict.fromkeys(
        ["numbered", "nameless", "slash/", "nul", "entry 5"], "refused"
    )
    assert [(s["key"], s["outcome"]) for s in found["services"][:2]] == [("good", "imported"), ("good", "skipped")]
    assert found["services"][2]["reason"] == "version: Expected `str`, got `int`"
    shown = json.loads(output(database_url, "services", "show", "good", "--json"))
    assert shown["document"] == {"instance_id": "good", "name": "n", "version": "1", "host": "h", "x": {"y": 1}}
    assert shown["tools_document"] is None
    assert [(e["kind"], e["actor"]) for e in shown["events"]] == [("registered", f"import from {source.url[7:]}")]
    assert [path for path, _ in source.asked] == ["/instances?active=true"]
