"""The pages of tools and events, the strip, what is gone, and time travel, in a real browser."""

import re
import time

import pytest
from playwright.sync_api import expect

from tests.e2e.gateway import SHORT_LEASES
from tests.e2e.test_page import Open, browser, chap, expect_live, expect_names, runspec, scaicontrol, started

__all__ = ["browser", "started"]


@pytest.mark.slow
def test_the_strip_has_numbers_that_link_to_what_they_count(started: Open) -> None:
    gateway, tab = started()
    chap(gateway)
    runspec(gateway)
    scaicontrol(gateway)
    page = tab.open("/")
    expect(page.locator("#now")).to_have_text("2up0degraded0down1pending")
    expect(page.locator("#hour")).to_have_text("0expired0recovered3registered0deregistered")
    expect(page.locator("#banner")).to_be_hidden()
    chart = page.locator("#day svg")
    expect(chart).to_have_attribute("aria-label", re.compile(r"^Live services over the last day: .* 0 lapses\.$"))
    page.locator("#now").get_by_role("link", name="pending").click()
    expect_names(page, "Invoices")
    page.locator("#hour").get_by_role("link", name="registered", exact=False).first.click()
    expect(page.locator("#events tbody tr")).to_have_count(3)
    assert page.url == f"{gateway.url}/page/events?kind=registered&since=1h"
    expect(page.get_by_role("link", name="Events")).to_have_attribute("aria-current", "page")


@pytest.mark.slow
def test_a_mass_lapse_is_a_banner(started: Open) -> None:
    gateway, tab = started(SHORT_LEASES)
    for number in range(6):
        runspec(gateway, f"web/{number}", name=f"node {number}")
    time.sleep(5)  # past their leases, and before the first overview
    page = tab.open("/")
    expect(page.locator("#banner")).to_contain_text("6 of 6 runspec services lapsed within 1 s, from ")
    expect(page.locator("#banner")).to_contain_text("The gateway and its database were present all the time.")
    expect(page).to_have_title("(6) Services · registry-gateway")
    page.locator("#banner").get_by_role("link", name="Show them in the log").click()
    expect(page.locator("#events tbody tr")).to_have_count(6)
    expect(page.locator("#events tbody .kind")).to_have_text(["lease expired"] * 6)


@pytest.mark.slow
def test_tools_lead_to_their_hosts_and_to_the_command_that_runs_them(started: Open) -> None:
    gateway, tab = started()
    body = {"name": "rotate", "description": "Rotate the logs", "inputSchema": {}}
    body |= {"x-command": "/opt/bin/rotate", "x-autonomy": "confirm"}
    for key in ("web-01", "web-02"):
        runspec(gateway, key, host=f"{key}.example.org")
        gateway.http.post(f"/instances/{key}/tools", json={"tools": [body]}).raise_for_status()
    runspec(gateway, "web-03", "rotate-all")
    page = tab.open("/page/tools")
    rows = page.locator("#tools tbody tr")
    expect(rows).to_have_count(2)
    expect(rows.nth(0)).to_contain_text("rotateRotate the logsconfirm/opt/bin/rotate2 services")
    page.get_by_role("button", name="rotate", exact=True).click()
    commands = page.locator(".host-list code")
    expect(commands.first).to_have_text(f"runspec jump rotate --host web-01.example.org --registry {gateway.url}")
    expect(commands).to_have_count(2)
    assert page.url == f"{gateway.url}/page/tools?tool=rotate"
    tab.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy the command").first.click()
    expect(page.get_by_role("button", name="Copy the command").first).to_have_text("Copied")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == f"runspec jump rotate --host web-01.example.org --registry {gateway.url}"
    gateway.http.delete("/instances/web-01").raise_for_status()
    expect(commands).to_have_count(1)
    rows.nth(0).get_by_role("link", name="1 service", exact=True).click()
    expect_names(page, "portal")
    assert page.url == f"{gateway.url}/?tool=rotate&match=exact"
    page.get_by_label("Whole values only").uncheck()
    expect(page.locator("#services tbody tr")).to_have_count(2)
    expect(page.locator("#services tbody .tool.hit")).to_have_text(["rotate", "rotate-all"])


@pytest.mark.slow
def test_events_are_live_and_their_filters_are_in_the_address(started: Open) -> None:
    gateway, tab = started()
    chap(gateway)
    page = tab.open("/page/events")
    rows = page.locator("#events tbody tr")
    expect(rows).to_have_count(1)
    expect_live(page)
    runspec(gateway)
    expect(rows).to_have_count(2)
    gateway.http.delete("/v2/services/malaria").raise_for_status()
    expect(rows.first).to_contain_text("deregistered")
    page.get_by_role("group", name="Event", exact=True).get_by_text("registered", exact=True).click()
    expect(rows).to_have_count(2)
    page.get_by_role("group", name="Dialect").get_by_text("runspec").click()
    expect(rows).to_have_count(1)
    assert page.url == f"{gateway.url}/page/events?kind=registered&dialect=runspec"
    page.get_by_role("searchbox").fill("nothing like it")
    expect(page.locator("#nothing")).to_be_visible()
    expect(page.locator("#nothing")).to_have_text("No matching events.")
    page.go_back()
    expect(rows).to_have_count(1)
    page.get_by_label("Since").fill("yesterday")
    expect(page.get_by_role("alert")).to_contain_text("since: ")
    expect(page.locator("#connection")).to_have_text("Not updated: the request was refused")
    page.get_by_role("button", name="Clear filters").first.click()
    expect(rows).to_have_count(3)
    with page.expect_download() as download:
        page.get_by_role("button", name="Download as CSV").click()
    assert download.value.suggested_filename == "log.csv"
    rows.first.get_by_role("link", name="Malaria").click()
    expect(page.locator("#status")).to_have_text("gone")


@pytest.mark.slow
def test_older_events_are_shown_on_demand(started: Open) -> None:
    gateway, tab = started()
    for number in range(210):
        runspec(gateway, f"node/{number:03}")
    page = tab.open("/page/events")
    rows = page.locator("#events tbody tr")
    expect(rows).to_have_count(200)
    page.get_by_role("button", name="Show older").click()
    expect(rows).to_have_count(210)
    expect(page.get_by_role("button", name="Show older")).to_be_hidden()
    runspec(gateway, "node/new")
    expect(rows).to_have_count(211)


@pytest.mark.slow
def test_what_is_gone_is_listed_with_reason_and_time_and_shown_as_it_was(started: Open) -> None:
    gateway, tab = started()
    chap(gateway)
    chap(gateway, "dengue")
    scaicontrol(gateway)
    administrator = gateway.token("operations", "admin:registry")
    gateway.http.delete("/v2/services/dengue").raise_for_status()
    removal = {"dialect": "chap", "key": "malaria", "reason": "moved away"}
    answer = gateway.http.post(
        "/admin/v1/services/remove", json=removal, headers={"Authorization": f"Bearer {administrator}"}
    )
    answer.raise_for_status()
    page = tab.open("/")
    page.get_by_role("group", name="Status").get_by_text("gone").click()
    expect_names(page, "Malaria", "Dengue")
    expect(page.locator("#services th.seen")).to_have_attribute("aria-sort", "descending")
    expect(page.locator("#services tbody tr").first).to_contain_text(re.compile("gonederegistered [0-9]"))
    expect(page.locator("#services tbody .tools").first).to_have_text("moved away")
    page.get_by_role("link", name="Malaria", exact=True).click()
    expect(page.get_by_role("heading", name="What it last was")).to_be_visible()
    expect(page.locator("#facts")).to_contain_text("http://malaria:8000")
    expect(page.locator("#document pre")).to_contain_text('"display_name": "Malaria"')
    expect(page.locator("#ended-text")).to_contain_text("Moved away. By the account operations")
    expect(page.get_by_role("button", name="Remove…")).to_be_hidden()


@pytest.mark.slow
def test_time_travel_shows_the_difference_to_now(started: Open) -> None:
    gateway, tab = started()
    chap(gateway)
    chap(gateway, "dengue")
    runspec(gateway, "web/01")
    time.sleep(1.1)
    moment = time.time()
    time.sleep(0.2)
    gateway.http.delete("/v2/services/dengue").raise_for_status()
    runspec(gateway, "web/01", version="1.1")
    page = tab.open(f"/?at={moment}")
    text = page.locator("#then-text")
    expect(text).to_contain_text("3 services were alive. Since then 1 ended, 1 changed.")
    rows = page.locator("#past tbody tr")
    expect(rows.nth(0)).to_contain_text("endedgoneDengue")
    expect(rows.nth(1)).to_contain_text("1.0 → 1.1")
    expect(rows.nth(2)).to_contain_text("sameMalaria")
    expect(page.locator("#services")).to_be_hidden()
    chap(gateway, "cholera")  # the difference follows what happens
    expect(text).to_contain_text("1 ended, 1 is new, 1 changed.")
    page.get_by_role("searchbox").fill("deng")
    expect(text).to_contain_text("1 service was alive. Since then 1 ended.")
    page.get_by_role("button", name="Back to now").click()
    expect(page.locator("#nothing")).to_be_visible()
    expect(page.locator("#nothing")).to_contain_text("No matching services")
    page.get_by_role("button", name="Clear filters").click()
    expect_names(page, "Cholera", "Malaria", "portal")
    assert page.url == f"{gateway.url}/"
    page.get_by_text("As of now").click()
    page.get_by_role("button", name="A day ago").click()
    expect(text).to_contain_text("0 services were alive")
    tab.open("/?at=2001-01-01T00:00:00Z")
    expect(page.get_by_role("alert")).to_contain_text("at: Events are kept since")


@pytest.mark.slow
def test_values_are_completed(started: Open) -> None:
    gateway, tab = started()
    chap(gateway)
    runspec(gateway, "web/01", "rotate")
    page = tab.open("/")
    page.get_by_text("More filters").click()
    expect(page.locator("#tool-values option")).to_have_count(1)
    values = "ids => ids.map(id => [...document.getElementById(id).options].map(option => option.value))"
    found = page.evaluate(values, ["tool-values", "name-values", "host-values"])
    assert found == [["rotate"], ["Malaria", "portal"], ["malaria", "web-01.example.org"]]
    page.get_by_label("Name", exact=True).fill("ALAR")
    expect_names(page, "Malaria")
    expect(page.get_by_role("group", name="Dialect").get_by_text("runspec")).to_contain_text("runspec")
    expect(page.locator("#dialects label", has_text="runspec").locator(".number")).to_have_text("0")
    expect(page.locator("#dialects label", has_text="chap").locator(".number")).to_have_text("1")


@pytest.mark.slow
def test_twenty_services_fit_on_a_screen_and_900_pixels_are_a_table(started: Open) -> None:
    gateway, tab = started()
    for number in range(30):
        runspec(
            gateway, f"node/{number:02}", "rotate", name=f"node {number:02}", host=f"{'long-' * 20}{number}.example.org"
        )
    page = tab.open("/")
    rows = page.locator("#services tbody tr")
    expect(rows).to_have_count(30)
    shown = """() => {
      const end = document.querySelector('.bottom').getBoundingClientRect().top;
      const rows = [...document.querySelectorAll('#services tbody tr')];
      return rows.filter(row => row.getBoundingClientRect().bottom <= end).length;
    }"""
    for width, height in ((1440, 900), (1920, 1080), (900, 1000)):
        page.set_viewport_size({"width": width, "height": height})
        assert page.evaluate(shown) >= 20, width
        assert rows.first.evaluate("row => getComputedStyle(row).display") == "table-row"
        assert rows.first.evaluate("row => row.offsetHeight") == 32
        assert page.evaluate("document.documentElement.scrollWidth") == width


@pytest.mark.slow
def test_the_documentation_of_the_api_begins_with_the_dialects_and_leads_back(started: Open) -> None:
    gateway, tab = started()
    page = tab.open("/docs")
    sections = page.locator(".opblock-tag")
    expect(sections.nth(2)).to_be_visible()
    tags = [sections.nth(number).get_attribute("data-tag") for number in range(4)]
    assert tags == ["chap", "runspec", "scaicontrol", "catalogue"]
    dark = "document.documentElement.classList.contains('dark-mode')"
    assert page.evaluate(dark) is False
    page.emulate_media(color_scheme="dark")
    page.wait_for_function(dark)
    page.get_by_role("link", name="Services", exact=True).click()
    expect(page.locator("#first")).to_be_visible()
    assert page.url == f"{gateway.url}/"
