"""Pages in a real browser: Chromium of the system, driven by Playwright, and what pages must not do there."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
OWN = ("blob:", "data:", "about:")  # addresses of what a page makes itself


class Opener:
    """Opens pages, and notes as `faults` what none may do: errors, and requests of anything but itself."""

    def __init__(self, browser, folder):
        self.browser, self.folder = browser, folder
        self.faults, self.contexts = [], []

    def __call__(self, page, *, size=(1200, 700), fragment="", allowed=(), **options):
        """Open a `Page`, the text of one, or a file, in a tab of its own.

        ``allowed`` are beginnings of further addresses that it may ask for; ``options`` are those of
        Playwright's ``new_context``, e.g. ``color_scheme="dark"``, ``reduced_motion="reduce"``.
        """
        address = self._file(page).resolve().as_uri()
        width, height = size
        context = self.browser.new_context(viewport={"width": width, "height": height}, **options)
        self.contexts.append(context)
        context.on("request", lambda request: self._check(request.url, (address, *OWN, *allowed)))
        context.on("console", self._note_message)
        context.on("weberror", lambda fault: self.faults.append(f"error: {fault.error}"))
        tab = context.new_page()
        tab.set_default_timeout(20_000)
        tab.goto(address + (fragment and f"#{fragment.removeprefix('#')}"))
        return tab

    def close(self):
        for context in self.contexts:
            context.close()
        self.contexts.clear()

    def _file(self, page):
        if isinstance(page, Path):
            return page
        path = self.folder / f"page{len(self.contexts)}.html"
        path.write_text(page if isinstance(page, str) else page.html(), encoding="utf-8")
        return path

    def _check(self, url, allowed):
        if not url.startswith(allowed):
            self.faults.append(f"request: {url}")

    def _note_message(self, message):
        if message.type in {"error", "warning"}:
            self.faults.append(f"{message.type}: {message.text}")


@pytest.fixture(scope="module")
def browser():
    """Chromium. It ends with the file: the event loop of its driver runs in this thread until then."""
    if CHROMIUM is None:
        pytest.skip("no Chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        yield chromium
        chromium.close()


@pytest.fixture
def open_page(browser, tmp_path):
    """Open pages; the test fails if one of them had an error or asked for anything but itself."""
    opener = Opener(browser, tmp_path)
    yield opener
    opener.close()
    assert opener.faults == []
