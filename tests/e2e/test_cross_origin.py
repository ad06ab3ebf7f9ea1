"""A page of another origin in a real browser: docs/consuming/page.html, and what such a page can and can't do."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests import loopback
from tests.e2e.browser import running_browser
from tests.e2e.documented import DOCS
from tests.e2e.gateway import Gateway, running_gateway

pytestmark = pytest.mark.slow

AGENT = {"instance_id": "a1", "name": "portal", "version": "1.0", "host": "web-01"}
SETTINGS = {"REGISTRY_GATEWAY_RUNSPEC_HEARTBEAT_INTERVAL": "200"}
READ = """async ([url, options]) => {
    try {
        const answer = await fetch(url, options);
        return [answer.status, (await answer.json()).title ?? "list", answer.headers.get("ETag") !== null];
    } catch (error) {
        return [error.name];
    }
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A Chromium for all tests here."""
    with running_browser() as browser:
        yield browser


class Dashboard(BaseHTTPRequestHandler):
    """The server of the documented page, for the gateway at `gateway_url`."""

    gateway_url = ""

    def do_GET(self) -> None:
        """Answer with the page."""
        html = (DOCS / "consuming" / "page.html").read_text().replace("http://localhost:8765", self.gateway_url)
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(html.encode())))
        self.end_headers()
        self.wfile.write(html.encode())

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""


@contextmanager
def opened(
    browser: Browser, directory: Path, settings: Mapping[str, str] | None = None, origin: str | None = None
) -> Iterator[tuple[Gateway, Page]]:
    """A gateway with an agent, and the page in a browser. The gateway names `origin`, by default the page's."""
    with loopback.serve(Dashboard) as port, browser.new_context() as context:
        own = f"http://127.0.0.1:{port}"
        named = {"REGISTRY_GATEWAY_CORS_ORIGINS": origin or own}
        with running_gateway(directory, {**SETTINGS, **named, **(settings or {})}) as gateway:
            gateway.http.post("/instances", json=AGENT).raise_for_status()
            Dashboard.gateway_url = gateway.url
            page = context.new_page()
            page.goto(own)
            yield gateway, page


def read(page: Page, url: str, **options: object) -> object:
    """What a script of the page gets: status, title of the problem, whether it sees the ETag; or the error's name."""
    return page.evaluate(READ, [url, options])


def test_the_documented_page_shows_each_change(browser: Browser, tmp_path: Path) -> None:
    with opened(browser, tmp_path) as (gateway, page):
        lines = page.locator("#services li")
        expect(lines).to_have_text(["runspec a1: up"])
        gateway.http.post("/instances", json={**AGENT, "instance_id": "a2"}).raise_for_status()
        expect(lines).to_have_text(["runspec a1: up", "runspec a2: up"])
        gateway.command("services", "remove", "a1", "--dialect", "runspec")
        expect(lines).to_have_text(["runspec a2: up"])
        gateway.kill()
        gateway.start()
        gateway.http.post("/instances", json={**AGENT, "instance_id": "a3"}).raise_for_status()
        expect(lines).to_have_text(["runspec a2: up", "runspec a3: up"])


def test_a_page_of_a_named_origin_reads_answers_and_errors(browser: Browser, tmp_path: Path) -> None:
    with opened(browser, tmp_path, {"REGISTRY_GATEWAY_PROTECT_CATALOG": "true"}) as (gateway, page):
        services = f"{gateway.url}/catalog/v1/services"
        headers = {"Authorization": f"Bearer {gateway.token('reader', 'read:catalog')}"}
        assert read(page, services) == [401, "Unauthorized", False]
        assert read(page, services, headers=headers) == [200, "list", True]
        assert read(page, f"{services}/chap/none", headers=headers) == [404, "Not Found", False]
        assert read(page, f"{services}?nmae=x", headers=headers) == [400, "Bad parameter", False]
        assert read(page, services, headers=headers, credentials="include") == ["TypeError"]
        assert read(page, services, headers={**headers, "X-API-Key": "x"}) == ["TypeError"]


@pytest.mark.parametrize("path", ["/instances", "/v2/services", "/admin/v1/accounts", "/openapi.json"])
def test_nothing_but_the_catalogue_is_read(browser: Browser, tmp_path: Path, path: str) -> None:
    with opened(browser, tmp_path) as (gateway, page):
        assert read(page, gateway.url + path) == ["TypeError"]


def test_a_page_of_another_origin_reads_nothing(browser: Browser, tmp_path: Path) -> None:
    with opened(browser, tmp_path, origin="https://dashboard.example.com") as (gateway, page):
        assert read(page, f"{gateway.url}/catalog/v1/services") == ["TypeError"]
        assert page.locator("#services li").count() == 0
