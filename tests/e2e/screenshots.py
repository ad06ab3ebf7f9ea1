"""Screenshots of the page in all its situations, in Chromium: `python -m tests.e2e.screenshots DIRECTORY [NAME…]`.

The ones that README and docs show are in `docs/page/`; `--docs` writes these only.
"""

import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from playwright.sync_api import Browser, Page

from tests.e2e.browser import running_browser
from tests.e2e.gateway import Gateway, running_gateway

LONG = {"REGISTRY_GATEWAY_CHAP_TTL_SECONDS": "900", "REGISTRY_GATEWAY_RUNSPEC_HEARTBEAT_INTERVAL": "300"}
BRIEF = {"REGISTRY_GATEWAY_CHAP_TTL_SECONDS": "900", "REGISTRY_GATEWAY_RUNSPEC_HEARTBEAT_INTERVAL": "10"}

MODELS = ("Malaria", "Dengue", "Cholera", "EWARS dengue", "Anthrax Arima", "Chickenpox", "Measles", "Influenza")
PROGRAMS = ("portal", "mail-agent", "backup", "deploy-agent", "log-shipper")
TOOLS = (
    ("rotate", "Rotate the logs and keep the last seven", "confirm", "/opt/bin/rotate --keep 7"),
    ("restart", "Restart the portal", "confirm", "systemctl restart portal"),
    ("uptime", "How long the host is up", "autonomous", "uptime"),
    ("disk-usage", "Space that is used on each file system", "autonomous", "df -h"),
    ("tail-log", "Last lines of a log", "supervised", "tail -n 100"),
)
Shoot = Callable[[Page, str], None]


def chap(gateway: Gateway, number: int) -> None:
    """Register a CHAP model."""
    name = MODELS[number % len(MODELS)] + (f" {number}" if number >= len(MODELS) else "")
    key = name.lower().replace(" ", "-")
    body: dict[str, Any] = {
        "url": f"http://{key}.models.svc.cluster.local:8000",
        "info": {"id": key, "display_name": name},
    }
    body["info"] |= {"version": f"{1 + number % 3}.{number % 5}.1", "summary": "Forecasts cases by district and month"}
    gateway.http.post("/v2/services/$register", json=body).raise_for_status()


def runspec(gateway: Gateway, number: int) -> None:
    """Register a runspec agent with its tools."""
    name, key = PROGRAMS[number % len(PROGRAMS)], f"web-{number:04}"
    body = {"instance_id": key, "name": name, "version": f"2.{number % 4}", "host": f"{key}.dc{number % 3}.example.org"}
    gateway.http.post("/instances", json=body).raise_for_status()
    tools = [
        {"name": tool, "description": text, "inputSchema": {}, "x-autonomy": autonomy, "x-command": command}
        for tool, text, autonomy, command in [*TOOLS[number % 3 :], *TOOLS[: number % 2]]
    ]
    gateway.http.post(f"/instances/{quote(key)}/tools", json={"tools": tools}).raise_for_status()


def scaicontrol(gateway: Gateway, *slugs: str, unwell: Sequence[str] = ()) -> None:
    """Register ScaiControl services; approve all but the last."""
    token = {"Authorization": f"Bearer {gateway.token('billing', 'registry:manage')}"}
    for slug in slugs:
        body: dict[str, Any] = {
            "slug": slug,
            "name": slug.capitalize(),
            "version": "8.4.3",
            "base_url": f"https://{slug}.example.org",
        }
        body |= {"capabilities": ["export", "query"]}
        gateway.http.post("/api/v1/registry/register", json=body, headers=token).raise_for_status()
        if slug != slugs[-1]:
            gateway.command("services", "approve", slug)
        status = "unhealthy" if slug in unwell else "healthy"
        gateway.http.post("/api/v1/registry/heartbeat", json={"slug": slug, "status": status}, headers=token)


def fleet(gateway: Gateway, number: int) -> None:
    """Register `number` services of all dialects."""
    scaicontrol(gateway, "payments", "search", "acme", unwell=["payments"])
    for n in range((number - 3) // 2):
        chap(gateway, n)
        runspec(gateway, n)


def keep_alive(gateway: Gateway, number: int, seconds: float) -> None:
    """Send the heartbeats of all but the first `number` agents for a while."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        for agent in gateway.listed("/instances"):
            if int(agent["instance_id"].removeprefix("web-")) >= number:
                gateway.http.post(f"/instances/{agent['instance_id']}/heartbeat")
        time.sleep(0.5)


class Studio:
    """A browser that opens pages of gateways, and a directory for the pictures."""

    def __init__(self, browser: Browser, directory: Path, wanted: Sequence[str]) -> None:
        self.browser = browser
        self.directory = directory
        self._wanted = wanted

    def wants(self, *names: str) -> bool:
        """Return whether one of these pictures is asked for."""
        return not self._wanted or any(name in self._wanted for name in names)

    @contextmanager
    def gateway(self, settings: dict[str, str]) -> Iterator[Gateway]:
        """Run a gateway on an empty database."""
        with tempfile.TemporaryDirectory() as directory, running_gateway(Path(directory), settings) as gateway:
            yield gateway

    def shoot(
        self,
        gateway: Gateway,
        name: str,
        path: str,
        *,
        size: tuple[int, int] = (1440, 900),
        dark: bool = False,
        prepare: Callable[[Page], object] = lambda _page: None,
    ) -> None:
        """Take a picture of a path."""
        if not self.wants(name):
            return
        width, height = size
        context = self.browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme="dark" if dark else "light",
            device_scale_factor=2 if width < 500 else 1,
        )
        page = context.new_page()
        page.goto(gateway.url + path)
        page.wait_for_timeout(1500)
        prepare(page)
        page.wait_for_timeout(300)
        page.screenshot(path=self.directory / f"{name}.png")
        context.close()
        print(self.directory / f"{name}.png")


def empty_and_three(studio: Studio) -> None:
    """The empty registry, and one with three services."""
    if not studio.wants("empty", "three"):
        return
    with studio.gateway(LONG) as gateway:
        studio.shoot(gateway, "empty", "/")
        scaicontrol(gateway, "payments")
        chap(gateway, 0)
        runspec(gateway, 0)
        studio.shoot(gateway, "three", "/")


def three_hundred(studio: Studio) -> None:
    """A registry with 300 services, some of them in trouble, on screens of all widths."""
    shots = {
        "services": ("/", (1440, 900)),
        "width-1920": ("/", (1920, 1080)),
        "width-900": ("/", (900, 900)),
        "phone": ("/", (390, 844)),
        "tool": ("/?tool=disk", (1440, 900)),
        "tools": ("/page/tools", (1440, 900)),
        "events": ("/page/events", (1440, 900)),
        "service": ("/services/runspec/web-0001", (1440, 900)),
        "phone-service": ("/services/runspec/web-0001", (390, 844)),
        "filters": ("/?name=mail", (1440, 900)),
        "open-tool": ("/page/tools?tool=rotate", (1440, 900)),
        "docs": ("/docs", (1440, 900)),
    }
    dark = {
        "dark": "/",
        "dark-service": "/services/runspec/web-0001",
        "dark-tools": "/page/tools",
        "dark-docs": "/docs",
    }
    if not studio.wants(*shots, *dark):
        return
    with studio.gateway(BRIEF) as gateway:
        fleet(gateway, 303)
        keep_alive(gateway, 7, 31)
        for name, (path, size) in shots.items():
            keep_alive(gateway, 7, 0.1)
            studio.shoot(gateway, name, path, size=size)
        for name, path in dark.items():
            keep_alive(gateway, 7, 0.1)
            studio.shoot(gateway, name, path, dark=True)


def two_thousand(studio: Studio) -> None:
    """A registry with 2,000 services, of which most agents lapse at once; and what was before that."""
    if not studio.wants("two-thousand", "mass-lapse", "dark-mass-lapse", "past", "gone"):
        return
    with studio.gateway(BRIEF) as gateway:
        fleet(gateway, 2003)
        studio.shoot(gateway, "two-thousand", "/")
        moment = time.time()
        for number in range(0, 40, 2):
            gateway.http.delete(f"/v2/services/{MODELS[number % 8].lower().replace(' ', '-')}-{number}")
        chap(gateway, 5000)
        time.sleep(1)
        keep_alive(gateway, 800, 31)
        studio.shoot(gateway, "past", f"/?at={moment:.0f}")
        studio.shoot(gateway, "gone", "/?status=gone")
        time.sleep(60)  # the overview is kept for a minute
        studio.shoot(gateway, "mass-lapse", "/")
        studio.shoot(gateway, "dark-mass-lapse", "/", dark=True)


SITUATIONS = (empty_and_three, three_hundred, two_thousand)


def main(arguments: Sequence[str]) -> None:
    """Write the screenshots."""
    directory, *wanted = arguments
    Path(directory).mkdir(parents=True, exist_ok=True)
    with running_browser() as browser:
        studio = Studio(browser, Path(directory), wanted)
        for situation in SITUATIONS:
            situation(studio)


if __name__ == "__main__":
    main(sys.argv[1:])
