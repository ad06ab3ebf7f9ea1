"""The pages have no findings of axe-core (https://github.com/dequelabs/axe-core), in either colour scheme."""

from collections.abc import Iterator
from importlib.resources import files

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.browser import running_browser
from tests.e2e.gateway import Gateway, running_gateway
from tests.e2e.test_page import LONG_LEASES, chap, runspec, scaicontrol

pytestmark = pytest.mark.slow

AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text("utf-8")
PAGES = {
    "/": "#services tbody tr",
    "/?status=gone": "#services tbody tr",
    "/?tool=rotate": "#more[open]",
    "/?q=nothing": "#nothing a",
    "/page/tools?tool=rotate": ".host-list li",
    "/page/events": "#events tbody tr",
    "/services/runspec/web/01": "#life li",
    "/services/chap/dengue": "#life li",
    "/docs": "#operations-tag-chap",
    "/nowhere": ".first",
}


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway with a service of each dialect, and one that is gone."""
    with running_gateway(tmp_path_factory.mktemp("axe"), LONG_LEASES) as gateway:
        chap(gateway)
        chap(gateway, "dengue")
        gateway.http.delete("/v2/services/dengue").raise_for_status()
        runspec(gateway, "web/01", "rotate")
        scaicontrol(gateway)
        yield gateway


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A Chromium for all tests here."""
    with running_browser() as browser:
        yield browser


def findings(page: Page) -> list[str]:
    """Return the findings of axe-core, one per line."""
    page.evaluate(AXE + ";0")
    violations = page.evaluate("async () => (await axe.run()).violations")
    return [f"{v['id']} ({v['impact']}): {node['html'][:120]}" for v in violations for node in v["nodes"]]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", PAGES)
def test_a_page_has_no_findings(gateway: Gateway, browser: Browser, path: str, scheme: str) -> None:
    context = browser.new_context(color_scheme=scheme, viewport={"width": 1280, "height": 900})  # type: ignore[arg-type] # a word of Playwright's
    page = context.new_page()
    page.goto(gateway.url + path)
    expect(page.locator(PAGES[path]).first).to_be_visible()
    page.wait_for_timeout(300)
    assert findings(page) == []
    context.close()


@pytest.mark.parametrize("width", [390, 900])
def test_narrow_pages_have_no_findings(gateway: Gateway, browser: Browser, width: int) -> None:
    context = browser.new_context(viewport={"width": width, "height": 900})
    page = context.new_page()
    for path in ("/", "/page/tools", "/page/events", "/services/runspec/web/01"):
        page.goto(gateway.url + path)
        expect(page.locator(PAGES.get(path, "tbody tr")).first).to_be_visible()
        assert findings(page) == [], path
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
    context.close()
