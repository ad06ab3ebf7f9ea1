"""A real browser for the page, if this machine has one."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.e2e.gateway import Gateway
from tests.e2e.polling import PATIENCE

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

expect.set_options(timeout=PATIENCE * 1000)


@contextmanager
def running_browser() -> Iterator[Browser]:
    """A Chromium for as long as the block runs. Nothing is installed: without one the test is skipped."""
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        pytest.skip("no Chromium here to open the page with; install one: apt-get install chromium")
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []  # as root Chromium starts only without it
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        try:
            yield browser
        finally:
            browser.close()


class Tab:
    """A tab on a gateway, which notes whatever goes wrong in it."""

    def __init__(self, browser: Browser, gateway: Gateway, *, width: int = 1280) -> None:
        """Open it in a context of its own: no cookies, storage or cache of another tab."""
        self.context = browser.new_context(viewport={"width": width, "height": 800}, reduced_motion="reduce")
        self.page = self.context.new_page()
        self.gateway = gateway
        self.defects: list[str] = []
        self.page.on("pageerror", lambda error: self.defects.append(str(error)))
        self.page.on("dialog", lambda dialog: self.defects.append(f"a dialog: {dialog.message}"))
        self.page.on("console", lambda message: self._note(message.text))

    def _note(self, text: str) -> None:
        if "Content Security Policy" in text or "TrustedHTML" in text:
            self.defects.append(text)

    def open(self, path: str) -> Page:
        """Open a path of the gateway."""
        self.page.goto(self.gateway.url + path)
        return self.page

    def close(self) -> None:
        """Close it; nothing went wrong in it."""
        self.context.close()
        assert self.defects == []
