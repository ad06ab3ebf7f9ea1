"""`registry-gateway doctor URL` at a hostile server: it ends soon, with one line or a report, in little memory."""

import gzip
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from itertools import count, repeat
from typing import Any

import pytest

from registry_gateway.doctor import host_lookup, remote, remote_catalogue
from tests import loopback
from tests.integration.command_line import command, complaint

DATABASE = "sqlite:///none.db"  # nothing is read from it

Body = bytes | Iterable[bytes]


class Hostile:
    """A gateway with one service, of which each answer can be changed: a body, or pieces that may be without end."""

    def __init__(self) -> None:
        self.url = ""
        self.asked: list[str] = []
        self.sent = 0
        self.status = 200
        self.headers: dict[str, str] = {}
        self.answers: dict[str, Callable[[], Body]] = {
            "/health": lambda: b'{"status":"ok"}',
            "/health/ready": lambda: b'{"status":"ready"}',
            "/openapi.json": lambda: b'{"paths":{}}',
            "/catalog/v1/services": lambda: page([service("a", "http://192.0.2.7")]),
            "/catalog/v1/overview": lambda: b'{"findings":[]}',
        }

    def answer(self, path: str) -> Body:
        """What a path is answered with."""
        path = path.partition("?")[0]
        known = self.answers.get(path)
        return b"{}" if known is None else known()


def service(key: str, address: str | None = None, findings: Sequence[Any] = (), **members: str) -> dict[str, Any]:
    """A service on a page."""
    of_it = {"dialect": "chap", "key": key, "address": address, "status": "up", "findings": list(findings)}
    return of_it | members


def page(services: list[dict[str, Any]], after: str | None = None) -> bytes:
    """A page of the catalogue."""
    return json.dumps({"next": after, "services": services}).encode()


@pytest.fixture
def hostile(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hostile]:
    """The server, on loopback."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(host_lookup, "SECONDS", 1.0)
    hostile = Hostile()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            hostile.asked.append(self.path)
            body = hostile.answer(self.path)
            self.send_response(hostile.status)
            for name, value in hostile.headers.items():
                self.send_header(name, value)
            if isinstance(body, bytes):
                self.send_header("Content-Length", str(len(body)))
                body = [body]
            self.end_headers()
            with suppress(OSError):  # the doctor has left
                for piece in body:
                    self.wfile.write(piece)
                    hostile.sent += len(piece)

        def log_message(self, *_arguments: object) -> None:
            """Say nothing."""

    with loopback.serve(Handler) as port:
        hostile.url = f"http://127.0.0.1:{port}"
        yield hostile


def refusal(hostile: Hostile) -> str:
    """The one line it ends with."""
    said = complaint(DATABASE, "doctor", hostile.url)
    assert len(said) < 2500
    return said


def test_it_is_a_gateway_until_it_is_changed(hostile: Hostile) -> None:
    result = command(DATABASE, "doctor", hostile.url)
    assert (result.exit_code, result.stdout) == (0, f"Nothing found in {hostile.url} with 1 live service\n")


PLACES = ["/health", "/health/ready", "/openapi.json", "/catalog/v1/services", "/catalog/v1/overview"]

NO_JSON = {
    "a nested member": b'{"status":"ok","paths":' + b"[" * 200_000 + b"]" * 200_000 + b"}",
    "nested objects": b'{"status":' * 100_000,
    "not UTF-8": b'{"status":"\xff","paths":{"\xff":1},"next":"\xff","services":[],"findings":"\xff"}',
    "null": b"null",
    "numbers": b'{"status":1e999,"next":' + b"9" * 5000 + b',"paths":1e999,"findings":1e999}',
    "other types": b'{"status":["ok"],"reason":{},"next":[],"services":{},"paths":7,"findings":{}}',
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("body", NO_JSON.values(), ids=NO_JSON.keys())
def test_what_is_no_such_json(hostile: Hostile, place: str, body: bytes) -> None:
    hostile.answers[place] = lambda: body
    result = command(DATABASE, "doctor", hostile.url)
    assert result.exit_code in (0, 1, 2)
    if result.exit_code == 2:
        assert result.stderr.count("\n") == 1
        assert result.stderr.startswith("registry-gateway: error: ")


@pytest.mark.parametrize("place", PLACES)
def test_a_body_without_end(hostile: Hostile, place: str) -> None:
    hostile.answers[place] = lambda: repeat(b" " * 65_536)
    assert "answers with more than " in refusal(hostile)
    assert hostile.sent < 80 * 2**20


def test_a_body_that_would_be_large_if_it_were_inflated(hostile: Hostile) -> None:
    bomb = gzip.compress(b'{"next":null,"services":[' + b" " * (16 * 2**20) + b"]}")
    assert len(bomb) < 2**16
    hostile.headers = {"Content-Encoding": "gzip"}
    hostile.answers["/catalog/v1/services"] = lambda: bomb
    assert ": JSON is not UTF-8" in refusal(hostile)  # taken as it came


def test_pages_without_end(hostile: Hostile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote_catalogue, "MOST_SERVICES", 5000)
    numbers = count()
    services = [service(f"k{n}") for n in range(1000)]
    hostile.answers["/catalog/v1/services"] = lambda: page(services, f"next{next(numbers)}")
    said = refusal(hostile)
    assert said == f"the catalogue at {hostile.url} lists more than 5000 services"
    assert len(hostile.asked) < 20


def test_empty_pages_without_end(hostile: Hostile) -> None:
    hostile.answers["/catalog/v1/services"] = lambda: page([], "more")
    assert "an empty page that is not the last" in refusal(hostile)
    assert len(hostile.asked) < 10


def test_pages_of_long_keys(hostile: Hostile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote_catalogue, "MOST_KEPT", 8 * 2**20)
    services = [service("k" * 2**20)]
    hostile.answers["/catalog/v1/services"] = lambda: page(services, "more")
    assert refusal(hostile).endswith(" has more than 8 MiB of services and findings")


def test_a_cursor_without_end(hostile: Hostile) -> None:
    hostile.answers["/catalog/v1/services"] = lambda: page([], "c" * 20_000)
    assert "Expected `str` of length <= 16384" in refusal(hostile)


@pytest.mark.parametrize(
    ("findings", "expected"),
    [
        ([{"severity": "error", "code": "c", "summary": "s" * 10_000, "advice": "a"}], "of length <= 8192"),
        ([{"severity": "error", "code": "c", "summary": "s", "advice": "a"}] * 101, "of length <= 100"),
        ([{"severity": "fatal", "code": "c", "summary": "s", "advice": "a"}], "Invalid enum value"),
    ],
)
def test_findings_beyond_bounds(hostile: Hostile, findings: list[Any], expected: str) -> None:
    hostile.answers["/catalog/v1/services"] = lambda: page([service("a", findings=findings)])
    assert expected in refusal(hostile)
    hostile.answers["/catalog/v1/services"] = lambda: page([])
    hostile.answers["/catalog/v1/overview"] = lambda: json.dumps({"findings": findings}).encode()
    assert expected in refusal(hostile)


def test_findings_that_add_up(hostile: Hostile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote_catalogue, "MOST_KEPT", 2**20)
    found = [{"severity": "error", "code": "c", "summary": "s" * 8000, "advice": "a"}] * 100
    services = [service(f"k{n}", findings=found) for n in range(10)]
    hostile.answers["/catalog/v1/services"] = lambda: page(services)
    assert refusal(hostile).endswith(" has more than 1 MiB of services and findings")


def test_hostile_text(hostile: Hostile) -> None:
    evil = "\x1b[2J\x9b\u2028\u202e"
    found = [{"severity": "error", "code": f"c{evil}", "summary": f"s{evil}", "advice": f"a{evil}"}]
    services = [service(f"a{evil}", f"http://x{evil}.invalid", found, dialect=f"chap{evil}", status=evil)]
    hostile.answers["/catalog/v1/services"] = lambda: page(services)
    hostile.answers["/catalog/v1/overview"] = lambda: json.dumps({"findings": found}).encode()
    hostile.answers["/health/ready"] = lambda: json.dumps({"status": "unavailable", "reason": evil}).encode()
    result = command(DATABASE, "doctor", hostile.url)
    assert result.exit_code == 1
    assert all(line.isprintable() for line in result.output.split("\n"))
    result = command(DATABASE, "doctor", hostile.url, "--json")
    assert all(line.isprintable() for line in result.output.split("\n"))
    assert any(finding["code"] == f"c{evil}" for finding in json.loads(result.stdout)["findings"])


def test_a_long_reason_is_cut_short(hostile: Hostile) -> None:
    hostile.status = 503
    hostile.answers["/health"] = lambda: b"{}"
    assert len(refusal(hostile)) < 300
    hostile.status = 200
    hostile.answers["/health"] = lambda: b'{"status":"ok"}'
    hostile.answers["/health/ready"] = lambda: json.dumps({"status": "unavailable", "reason": "r" * 10**6}).encode()
    hostile.answers["/catalog/v1/services"] = lambda: b"{"
    assert "unexpected answer" in refusal(hostile)


def test_redirects_in_a_circle(hostile: Hostile) -> None:
    hostile.status, hostile.headers = 302, {"Location": "/health/health/health"}
    refusal(hostile)
    assert len(hostile.asked) < 10


@pytest.mark.parametrize("target", ["/" + "a/" * 900, "/" + "a/" * 30_000, "http://[", "x" * 10_000])
def test_a_redirect_to_a_long_path(hostile: Hostile, target: str) -> None:
    hostile.status, hostile.headers = 302, {"Location": target}
    refusal(hostile)
    assert len(hostile.asked) < 30


def test_headers_without_end(hostile: Hostile) -> None:
    hostile.headers = {f"X-{n}": "x" * 10_000 for n in range(20)}
    assert "does not speak HTTP" in refusal(hostile)


@pytest.mark.parametrize(
    "date", ["Thu, 01 Jan 99999999999999999999 00:00:00 GMT", "1 Jan 2026 00:00:00 +99999999999999"]
)
def test_a_date_beyond_all_calendars(hostile: Hostile, date: str) -> None:
    hostile.headers = {"Date": date}
    assert command(DATABASE, "doctor", hostile.url).exit_code in (0, 1)


def test_answers_that_take_for_ever(hostile: Hostile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "SECONDS", 1.0)
    numbers = count()

    def slowly() -> Iterator[bytes]:
        yield page([service(f"k{next(numbers)}")], "more")

    hostile.answers["/catalog/v1/services"] = lambda: b"".join(slowly())
    assert refusal(hostile) == f"{hostile.url} did not answer all requests within 1 s"


def test_a_gateway_that_is_busy_is_asked_again(hostile: Hostile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote_catalogue, "PAUSE", 0.01)
    found = [{"severity": "error", "code": "mass_lapse", "summary": "s", "advice": "a"}]
    busy = {"status": 503, "code": "overloaded", "detail": "Too many expensive reads are running"}
    asked = count()

    def overview() -> bytes:
        hostile.status = 503 if next(asked) < 2 else 200
        return json.dumps({"findings": found} if hostile.status == 200 else busy).encode()

    hostile.answers["/catalog/v1/overview"] = overview
    result = command(DATABASE, "doctor", hostile.url, "--json")
    assert [finding["code"] for finding in json.loads(result.stdout)["findings"]] == ["mass_lapse"]

    def never() -> bytes:
        hostile.status = 503
        return json.dumps(busy).encode()

    hostile.answers["/catalog/v1/overview"] = never
    result = command(DATABASE, "doctor", hostile.url, "--json")
    assert [finding["code"] for finding in json.loads(result.stdout)["findings"]] == ["overview_unavailable"]
