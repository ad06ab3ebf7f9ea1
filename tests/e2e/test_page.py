"""The page in a real browser, on a real gateway."""

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.e2e.browser import Tab, running_browser
from tests.e2e.gateway import SHORT_LEASES, Gateway, running_gateway
from tests.e2e.polling import wait_until

LONG_LEASES = {"REGISTRY_GATEWAY_CHAP_TTL_SECONDS": "600", "REGISTRY_GATEWAY_RUNSPEC_HEARTBEAT_INTERVAL": "200"}
HOSTILE = "<img src=x onerror=\"document.title='owned'\">"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A Chromium for all tests here."""
    with running_browser() as browser:
        yield browser


Open = Callable[..., tuple[Gateway, Tab]]


@pytest.fixture
def started(browser: Browser, tmp_path: Path) -> Iterator[Open]:
    """Start a gateway, with more settings, and open a tab on it."""
    tabs: list[Tab] = []
    with ExitStack() as stack:

        def start(settings: dict[str, str] | None = None, *, width: int = 1280) -> tuple[Gateway, Tab]:
            gateway = stack.enter_context(running_gateway(tmp_path, {**LONG_LEASES, **(settings or {})}))
            tabs.append(Tab(browser, gateway, width=width))
            return gateway, tabs[-1]

        yield start
        for tab in tabs:
            tab.close()


def chap(gateway: Gateway, name: str = "malaria", **info: str) -> None:
    """Register one."""
    body = {"url": f"http://{name}:8000", "info": {"id": name, "display_name": name.capitalize(), **info}}
    gateway.http.post("/v2/services/$register", json=body).raise_for_status()


def runspec(gateway: Gateway, key: str = "web/01", *tools: str, **members: str) -> None:
    """Register one."""
    body = {"instance_id": key, "name": "portal", "version": "1.0", "host": "web-01.example.org", **members}
    gateway.http.post("/instances", json=body).raise_for_status()
    if tools:
        posted = {"tools": [{"name": tool, "description": "", "inputSchema": {}} for tool in tools]}
        gateway.http.post(f"/instances/{quote(key)}/tools", json=posted).raise_for_status()


def scaicontrol(gateway: Gateway, slug: str = "invoices") -> None:
    """Register one."""
    token = gateway.token("billing", "registry:manage")
    gateway.http.post(
        "/api/v1/registry/register",
        json={"slug": slug, "name": slug.capitalize(), "version": "2.1.0"},
        headers={"Authorization": f"Bearer {token}"},
    ).raise_for_status()


def expect_names(page: Page, *expected: str) -> None:
    """These services are listed, in this order, sooner or later."""
    expect(page.locator("#services tbody th.name > :first-child")).to_have_text(expected)


def give(page: Page, token: str) -> None:
    """Type a token into the dialog that asks for one."""
    page.locator("#token-field").fill(token)
    page.get_by_role("button", name="Use token").click()


def expect_live(page: Page) -> None:
    expect(page.locator("#connection")).to_have_text("Live")


def test_an_empty_registry_shows_how_to_begin_and_then_what_came(started: Open) -> None:
    gateway, tab = started()
    page = tab.open("/")
    expect(page.get_by_role("heading", name="Nothing is registered yet")).to_be_visible()
    for place in ("/v2/services/$register", "/instances", "/api/v1/registry/register"):
        expect(page.locator("#first pre", has_text=gateway.url + place).first).to_be_visible()
    expect(page.locator("#services")).to_be_hidden()
    expect_live(page)
    chap(gateway)
    expect_names(page, "Malaria")
    expect(page.locator("#first")).to_be_hidden()


@pytest.mark.slow
def test_the_list_says_what_each_service_is(started: Open) -> None:
    gateway, tab = started()
    chap(gateway, version="2.0.0")
    runspec(gateway, "web/01", "restart", "rotate", "uptime")
    scaicontrol(gateway)
    page = tab.open("/")
    expect_names(page, "Invoices", "Malaria", "portal")
    rows = page.locator("#services tbody tr")
    expect(rows.nth(0)).to_contain_text("pending")
    expect(rows.nth(1)).to_contain_text("up")
    expect(rows.nth(1)).to_contain_text("2.0.0")
    expect(rows.nth(1).get_by_role("link", name="http://malaria:8000")).to_have_attribute(
        "rel", "noopener noreferrer nofollow"
    )
    expect(rows.nth(1).locator("time")).to_have_text(re.compile(r"^[0-9]s ago$"))
    expect(rows.nth(2).locator(".tools")).to_have_text("restartrotate+1")
    assert [rows.nth(n).evaluate("row => row.offsetHeight") for n in range(3)] == [32, 32, 32]
    expect(page.locator("#count")).to_have_text("3 services")


def test_filters_are_in_the_address_and_back_goes_back(started: Open) -> None:
    gateway, tab = started()
    chap(gateway, "malaria")
    chap(gateway, "dengue")
    runspec(gateway, "web/01", "rotate")
    page = tab.open("/")
    expect_names(page, "Dengue", "Malaria", "portal")
    page.get_by_role("searchbox").press_sequentially("mal")
    expect_names(page, "Malaria")
    assert page.url == f"{gateway.url}/?q=mal"
    page.get_by_role("searchbox").fill("")
    expect_names(page, "Dengue", "Malaria", "portal")
    page.get_by_role("group", name="Dialect").get_by_text("runspec").click()
    expect_names(page, "portal")
    page.get_by_text("More filters").click()
    page.get_by_label("Tool", exact=True).fill("none")
    expect(page.locator("#nothing")).to_be_visible()
    expect(page.locator("#nothing")).to_contain_text("No matching services")
    assert page.url == f"{gateway.url}/?tool=none&dialect=runspec"
    page.go_back()
    expect_names(page, "portal")
    expect(page.get_by_label("Tool", exact=True)).to_have_value("")
    page.get_by_role("button", name="Clear filters").click()
    expect_names(page, "Dengue", "Malaria", "portal")
    page.get_by_role("button", name="Service").click()
    expect_names(page, "Dengue", "Malaria", "portal")
    page.get_by_role("button", name="Service").click()
    expect_names(page, "portal", "Malaria", "Dengue")
    expect(page.locator("th.name").first).to_have_attribute("aria-sort", "descending")
    assert page.url == f"{gateway.url}/?sort=-name"

    # A colleague who is sent the address sees the same.
    tab.open("/?dialect=chap,runspec&status=up&tool=rotate")
    expect_names(page, "portal")
    expect(page.get_by_label("Tool", exact=True)).to_have_value("rotate")
    expect(page.get_by_role("checkbox", name="up")).to_be_checked()
    page.get_by_role("link", name="portal").click()
    expect(page.get_by_role("heading", name="portal")).to_be_visible()
    page.go_back()
    expect_names(page, "portal")


@pytest.mark.slow
def test_what_is_typed_is_one_step_and_nothing_typed_is_lost(started: Open) -> None:
    gateway, tab = started()
    chap(gateway, "malaria")
    runspec(gateway, "malaria/01", name="mal agent")
    page = tab.open("/")
    expect_names(page, "Malaria", "mal agent")
    page.get_by_role("searchbox").press_sequentially("malaria", delay=200)
    page.get_by_role("searchbox").press_sequentially("/")
    page.get_by_role("checkbox", name="runspec").press("Space")
    expect_names(page, "mal agent")
    assert page.url == f"{gateway.url}/?q=malaria%2F&dialect=runspec"
    page.go_back()
    assert page.url in (f"{gateway.url}/?q=malaria", f"{gateway.url}/?q=malaria%2F")  # was the / in time for this step?
    page.go_back()
    expect(page.get_by_role("searchbox")).to_have_value("")
    assert page.url == f"{gateway.url}/"


@pytest.mark.slow
def test_a_wrong_filter_says_so(started: Open) -> None:
    gateway, tab = started()
    chap(gateway)
    page = tab.open("/?status=splendid")
    expect(page.get_by_role("alert").first).to_contain_text("status: Invalid enum value")
    page.get_by_role("button", name="Clear filters").first.click()
    expect_names(page, "Malaria")


@pytest.mark.slow
def test_what_a_service_says_of_itself_stays_text(started: Open) -> None:
    gateway, tab = started()
    script = "javascript:document.title='owned'"
    runspec(gateway, "<b>key</b>", HOSTILE, name=HOSTILE, host=script, version=HOSTILE[:40])
    page = tab.open("/")
    expect_names(page, HOSTILE)
    for shown in ("list", "service"):
        if shown == "service":
            page.get_by_role("link", name=HOSTILE).click()
            expect(page.locator("h1")).to_have_text(HOSTILE)
            expect(page.locator("#facts")).to_contain_text(script)
            expect(page.locator("#life li")).to_have_count(2)
        assert page.locator("main img").count() == 0
        assert page.locator("main b").count() == 0
        schemes = page.evaluate("[...document.links].map((link) => link.protocol)")
        assert set(schemes) == {"http:"}
        assert page.title() != "owned"


@pytest.mark.slow
def test_a_lapse_appears_without_a_reload(started: Open) -> None:
    gateway, tab = started(SHORT_LEASES)
    page = tab.open("/")
    expect_live(page)
    page.evaluate("window.untouched = true")
    chap(gateway)
    runspec(gateway)
    expect_names(page, "Malaria", "portal")
    rows = {name: page.locator("#services tbody tr", has_text=name) for name in ("Malaria", "portal")}
    for row in rows.values():
        expect(row).to_contain_text("up")
    for row in rows.values():
        expect(row).to_contain_text("down")
    expect(page.locator("#latest")).to_contain_text("lease expired: no heartbeat for")
    expect(page).to_have_title("(2) Services · registry-gateway")
    expect(page.locator("#icon")).to_have_attribute("href", re.compile("^data:image/svg"))
    assert page.evaluate("window.untouched")

    page.get_by_role("link", name="Malaria", exact=True).click()
    expect(page.get_by_role("heading", name="Lease expired")).to_be_visible()
    expect(page.locator("#ended-text")).to_contain_text("(lease: 3 s). Recorded")
    expect(page.locator("#life strong")).to_have_text(["lease expired", "registered"])
    chap(gateway)
    expect(page.locator("#status")).to_have_text("up")
    expect(page.locator("#ended")).to_be_hidden()


@pytest.mark.slow
def test_ages_follow_heartbeats(started: Open) -> None:
    gateway, tab = started()
    chap(gateway)
    page = tab.open("/services/chap/malaria")
    expect_live(page)
    age = page.locator("#facts time").first
    expect(age).to_have_text("3s ago")
    gateway.http.put("/v2/services/malaria/$ping").raise_for_status()
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(age).to_have_text("0s ago")


@pytest.mark.slow
def test_what_is_gone_is_found_through_the_search(started: Open) -> None:
    gateway, tab = started()
    chap(gateway)
    chap(gateway, "dengue")
    gateway.http.delete("/v2/services/malaria").raise_for_status()
    page = tab.open("/")
    expect_names(page, "Dengue")
    page.get_by_role("searchbox").fill("malaria")
    page.locator("#nothing").get_by_role("link", name="Search in services that are gone").click()
    assert page.url == f"{gateway.url}/?q=malaria&status=gone"
    tab.open("/services/chap/malaria")
    expect(page.locator("#status")).to_have_text("gone")
    expect(page.locator("#ended")).to_be_visible()


@pytest.mark.slow
def test_a_service_has_a_page_with_all_there_is(started: Open) -> None:
    gateway, tab = started()
    runspec(gateway, "web/01", "restart")
    runspec(gateway, "web/01", "restart", version="1.1")
    page = tab.open("/services/runspec/web/01")
    expect(page.get_by_role("heading", name="portal")).to_be_visible()
    expect(page).to_have_title("portal · registry-gateway")
    expect(page.locator("#document pre")).to_contain_text('"instance_id": "web/01"')
    expect(page.locator("#tools-document pre")).to_contain_text('"name": "restart"')
    expect(page.locator("#versions tbody td:first-child")).to_have_text(["1.1", "1.0"])
    expect(page.locator("#facts")).to_contain_text("10m 0s, ends in 9m 5")
    expect(page.locator("#facts")).not_to_contain_text("Approved")
    expect(page.locator("#life")).to_contain_text("new version from 1.0 to 1.1")
    expect(page.locator("#findings")).to_be_hidden()
    expect(page.locator("#tools li")).to_have_text(["restart"])
    expect(page.locator("#commands code").first).to_have_text(
        f"curl '{gateway.url}/catalog/v1/services/runspec/web/01'", use_inner_text=False
    )
    tab.open("/services/runspec/%FF")
    expect(page.get_by_role("alert").first).to_contain_text("No service %FF is registered in the dialect runspec")
    tab.open("/services/runspec/nobody")
    expect(page.get_by_role("alert").first).to_contain_text("No service nobody is registered in the dialect runspec")
    expect(page.get_by_role("heading", name="Service not found")).to_be_visible()
    runspec(gateway, "nobody", name="somebody")
    expect(page.get_by_role("heading", level=1)).to_have_text("somebody")


@pytest.mark.slow
def test_any_key_has_a_page(started: Open) -> None:
    keys = ["a/../b", "/x", "a//b?c#d%41", "line\nbreak", "web/events", "ключ \U0001f511", "...", "<b>", "50%"]
    gateway, tab = started()
    for number, key in enumerate(keys):
        runspec(gateway, key, name=f"node {number}")
    for number, key in enumerate(keys):
        page = tab.open("/")
        page.get_by_role("link", name=f"node {number}").click()
        expect(page.locator("#key")).to_have_text(key)
        expect(page.locator("#status")).to_have_text("up")


@pytest.mark.slow
def test_a_key_no_address_can_hold_is_listed_without_a_page(started: Open) -> None:
    gateway, tab = started()
    runspec(gateway, "..")
    page = tab.open("/")
    expect(page.locator("#services tbody th.name")).to_contain_text("portal..")
    expect(page.locator("#services tbody").get_by_role("link")).to_have_count(0)


@pytest.mark.slow
def test_an_administrator_approves_and_removes(started: Open) -> None:
    gateway, tab = started()
    scaicontrol(gateway)
    page = tab.open("/services/scaicontrol/invoices")
    expect(page.locator("#status")).to_have_text("pending")
    expect(page.locator("#facts")).to_contain_text("Approvednot yet")
    page.get_by_role("button", name="Approve").click()
    give(page, "rgw_none_at_all")
    expect(page.locator("#token-problem")).to_contain_text("Administration is off")
    reader = gateway.token("reader", "read:catalog")
    administrator = gateway.token("operations", "admin:registry")

    def administration_is_on() -> bool:
        return gateway.http.post("/admin/v1/services/approve", json={}).status_code == 401

    wait_until(administration_is_on, "administration is on")
    for token, problem in (("rgw_wrong", "is invalid or has expired"), (reader, "lacks the scope admin:registry")):
        give(page, token)
        expect(page.locator("#token-problem")).to_contain_text(problem)
        expect(page.locator("#status")).to_have_text("pending")
    give(page, administrator)
    expect(page.locator("#done")).to_have_text("Approved.")
    expect(page.locator("#status")).to_have_text("up")
    expect(page.get_by_role("button", name="Approve")).to_be_hidden()
    expect(page.locator("#facts")).to_contain_text("Approved")

    page.reload()
    page.get_by_role("button", name="Remove…").click()
    expect(page.get_by_role("button", name="Cancel")).to_be_focused()
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator("#status")).to_have_text("up")
    page.get_by_role("button", name="Remove…").click()
    page.get_by_label("Reason").fill("moved away")
    page.get_by_role("button", name="Remove", exact=True).click()
    expect(page.locator("#done")).to_have_text("Removed.")
    expect(page.locator("#status")).to_have_text("gone")
    expect(page.locator("#ended-text")).to_contain_text("Moved away. By the account operations,")
    expect(page.get_by_role("button", name="Remove…")).to_be_hidden()

    kept = page.evaluate("[Object.values(sessionStorage), Object.values(localStorage), document.cookie]")
    assert kept == [[administrator], [], ""]
    page.get_by_role("button", name="Token kept in this tab").click()
    page.get_by_role("button", name="Remove token").click()
    assert page.evaluate("sessionStorage.length") == 0


@pytest.mark.slow
def test_what_somebody_depends_on_is_not_removed(started: Open) -> None:
    gateway, tab = started()
    scaicontrol(gateway)
    administrator = gateway.token("operations", "admin:registry")
    gateway.command("subscriptions", "add", "invoices", "ledger")
    page = tab.open("/services/scaicontrol/invoices")
    expect(page.locator("#subscriptions tbody")).to_contain_text("ledger")
    page.get_by_role("button", name="Remove…").click()
    page.get_by_role("button", name="Remove", exact=True).click()
    give(page, administrator)
    expect(page.locator("#remove-problem")).to_contain_text("Not removed: invoices has 1 active subscription")
    expect(page.locator("#status")).to_have_text("pending")


def test_a_protected_catalogue_asks_for_a_token(started: Open) -> None:
    gateway, tab = started({"REGISTRY_GATEWAY_PROTECT_CATALOG": "true"})
    chap(gateway)
    token = gateway.token("dashboard", "read:catalog")
    page = tab.open("/")
    expect(page.get_by_role("dialog")).to_contain_text("read:catalog")
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator("#notice")).to_contain_text("The catalogue is protected.")
    expect(page.locator("#connection")).to_have_text("Not updated: a token is needed")
    expect(page.locator("#services")).to_be_hidden()
    page.get_by_role("button", name="Enter token").click()
    give(page, "rgw_not_one")
    expect(page.get_by_role("dialog")).to_contain_text("The token is invalid or has expired.")
    expect(page.locator("#token")).to_have_text("Token…")  # a refused one is not kept
    give(page, token)
    expect_names(page, "Malaria")
    expect_live(page)
    chap(gateway, "dengue")
    expect_names(page, "Dengue", "Malaria")
    page.get_by_role("link", name="Dengue", exact=True).click()
    expect(page.locator("#status")).to_have_text("up")
    expect_live(page)


@pytest.mark.slow
def test_it_works_below_a_prefix(started: Open) -> None:
    gateway, tab = started({"REGISTRY_GATEWAY_ROOT_PATH": "/registry"})
    runspec(gateway)
    page = tab.open("/registry")
    page.get_by_role("link", name="portal").click()
    expect(page.locator("#status")).to_have_text("up")
    assert page.url == f"{gateway.url}/registry/services/runspec/web/01"
    expect_live(page)
    page.get_by_role("link", name="registry-gateway").click()
    expect_names(page, "portal")
    page.get_by_role("searchbox").fill("none")
    expect(page.locator("#nothing")).to_be_visible()
    expect(page.locator("#nothing")).to_contain_text("No matching services")
    assert page.url == f"{gateway.url}/registry/?q=none"


@pytest.mark.slow
def test_the_keyboard_is_enough(started: Open) -> None:
    gateway, tab = started()
    chap(gateway, "dengue")
    chap(gateway, "malaria")
    page = tab.open("/")
    expect_names(page, "Dengue", "Malaria")
    focused = page.locator(":focus")
    page.keyboard.press("Tab")
    expect(focused).to_have_text("Skip to the content")
    expect(focused).to_be_in_viewport()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(focused).to_have_text("2up")
    chap(gateway, "cholera")
    expect(focused).to_have_text("3up")  # the focus stays where it is while numbers change
    gateway.http.delete("/v2/services/cholera").raise_for_status()
    expect(focused).to_have_text("2up")
    page.locator("h1").evaluate("() => document.activeElement.blur()")
    page.keyboard.press("/")
    expect(focused).to_have_attribute("type", "search")
    expect(focused).to_have_value("")
    page.keyboard.type("mal")
    expect_names(page, "Malaria")
    page.keyboard.press("Tab")
    assert focused.get_attribute("value") == "down"
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    assert focused.get_attribute("value") == "up"
    outline = "() => getComputedStyle(document.activeElement.closest('label')).outlineStyle"
    assert page.evaluate(outline) == "solid"
    page.keyboard.press("Space")
    expect(focused).to_be_checked()
    for _ in range(30):
        page.keyboard.press("Tab")
        if focused.inner_text() == "Malaria":
            break
    assert page.evaluate("() => getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Malaria")).to_be_visible()
    page.get_by_role("button", name="Remove…").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(focused).to_have_text("Remove…")


@pytest.mark.slow
def test_the_focus_stays_on_its_row(started: Open) -> None:
    gateway, tab = started()
    chap(gateway, "dengue")
    chap(gateway, "malaria")
    page = tab.open("/")
    expect_names(page, "Dengue", "Malaria")
    expect_live(page)
    page.get_by_role("link", name="Malaria", exact=True).focus()
    chap(gateway, "cholera")
    expect_names(page, "Cholera", "Dengue", "Malaria")
    gateway.http.delete("/v2/services/dengue").raise_for_status()
    expect_names(page, "Cholera", "Malaria")
    chap(gateway, "malaria", version="9.9.9")
    expect(page.locator("#services tbody")).to_contain_text("9.9.9")
    expect(page.get_by_role("link", name="Malaria", exact=True)).to_be_focused()


@pytest.mark.slow
def test_a_narrow_screen_has_no_sideways_scrolling(started: Open) -> None:
    gateway, tab = started(width=360)
    long = "a-name-without-any-blank-in-it-" * 8
    runspec(gateway, long, long, name=long, host=f"http://{long}.example.org", version=long[:64])
    chap(gateway)
    page = tab.open("/")
    expect_names(page, "Malaria", long)
    width = "document.documentElement.scrollWidth"
    assert page.evaluate(width) == 360
    assert page.locator("#services tbody tr").first.aria_snapshot().startswith('- row "')
    page.get_by_role("link", name=long).first.click()
    expect(page.locator("#life li")).to_have_count(2)
    assert page.evaluate(width) == 360
    key, remove = page.locator("#key").bounding_box(), page.get_by_role("button", name="Remove…").bounding_box()
    assert key is not None
    assert remove is not None
    assert remove["y"] >= key["y"] + key["height"]
    page.get_by_role("button", name="Remove…").click()
    assert page.evaluate(width) == 360


@pytest.mark.slow
def test_an_address_has_room_on_any_screen(started: Open) -> None:
    gateway, tab = started()
    chap(gateway)
    page = tab.open("/")
    expect_names(page, "Malaria")
    boxes = {}
    for width in range(700, 1940, 40):
        page.set_viewport_size({"width": width, "height": 800})
        address = page.locator("#services tbody .address")
        boxes[width] = address.bounding_box()
    assert boxes[740] is None, "on a narrow screen it stands below the name instead"
    assert boxes[900] is not None
    assert {width: box for width, box in boxes.items() if box is not None and box["width"] <= 170} == {}


@pytest.mark.slow
def test_it_says_when_the_gateway_is_away_and_comes_back_with_it(started: Open) -> None:
    gateway, tab = started()
    chap(gateway)
    page = tab.open("/")
    expect_live(page)
    assert gateway.process.terminate() == 0
    expect(page.locator("#connection")).to_contain_text("Disconnected since")
    expect(page.get_by_role("alert").first).to_contain_text("The gateway can't be reached")
    expect_names(page, "Malaria")
    gateway.start()
    chap(gateway, "dengue")
    expect_names(page, "Dengue", "Malaria")
    expect_live(page)
    expect(page.locator("#notice")).to_be_hidden()


@pytest.mark.slow
def test_without_a_stream_it_looks_every_few_seconds(started: Open) -> None:
    gateway, tab = started()
    chap(gateway)
    tab.page.route("**/catalog/v1/events*", lambda route: route.fulfill(status=503, body="{}"))
    page = tab.open("/")
    expect(page.locator("#connection")).to_have_text("Updated every 10 s")
    expect_names(page, "Malaria")
    chap(gateway, "dengue")
    expect_names(page, "Dengue", "Malaria")


@pytest.mark.slow
def test_many_services_come_in_parts(started: Open) -> None:
    gateway, tab = started()
    for number in range(510):
        runspec(gateway, f"node/{number:03}", name=f"node {number:03}")
    page = tab.open("/")
    expect(page.locator("#count")).to_have_text("510 services, the first 500 shown")
    assert page.locator("#services tbody tr").count() == 500
    page.get_by_role("button", name="Show 10 more").click()
    expect(page.locator("#services tbody tr")).to_have_count(510)
    expect(page.get_by_role("link", name="node 500")).to_be_focused()
    page.get_by_role("searchbox").fill("node 509")
    expect_names(page, "node 509")
    expect(page.locator("#count")).to_have_text("1 of 510 services")


@pytest.mark.slow
def test_findings_are_above_everything_else(started: Open) -> None:
    gateway, tab = started()
    chap(gateway)
    finding = {"code": "odd", "severity": "warning", "summary": "Odd <b>address</b>", "advice": "Change it."}

    def with_findings(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, json={**answer.json(), "findings": [finding]})

    tab.page.route("**/catalog/v1/services/chap/malaria", with_findings)
    page = tab.open("/services/chap/malaria")
    expect(page.locator("#findings li")).to_have_text("Warning Odd <b>address</b>Change it.")
