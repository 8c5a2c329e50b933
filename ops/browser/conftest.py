"""One dashboard over a made-up history and one browser, for all tests."""
import os

import pytest
from playwright.sync_api import expect, sync_playwright

from served import CHROMIUM, ROOT, Served

# Milliseconds: a machine that builds and tests beside the browser may be ten times as slow as an idle one.
PATIENCE = 120_000
expect.set_options(timeout=PATIENCE)
PROGRAMS = os.environ.get("PRA_PROGRAMS", str(ROOT / ".build/debug"))


@pytest.fixture(scope="session")
def site():
    with Served(PROGRAMS, "--actions") as served:
        yield served


@pytest.fixture(scope="session")
def browser():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox"] if os.getuid() == 0 else [])
        yield browser
        browser.close()


@pytest.fixture
def open_page(site, browser):
    """A function that opens a page; when the test ends, no console message and no foreign request may have been seen."""
    contexts, faults = [], []

    def opened(path, width=1280, theme="light", **options):
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=theme, **options)
        context.set_default_timeout(PATIENCE)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: faults.append(f"{path}: {message.text}"))
        page.on("pageerror", lambda error: faults.append(f"{path}: {error}"))
        page.on("request", lambda asked: asked.url.startswith(site.root) or faults.append(asked.url))
        page.goto(site.address)
        page.goto(site.root + path)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert faults == []
