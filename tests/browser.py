"""A real browser for the tests: Debian's Chromium, driven by Playwright."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

SCREENSHOTS = Path(__file__).parents[1] / "build" / "screenshots"
WANTED = "CASSANDRA_VIEWS_SCREENSHOTS"
"""A variable: where it is set, the tests leave pictures of their pages. They take time, and no test reads them."""


def find_missing() -> str | None:
    """Say what this machine lacks for a browser, or None where everything is there."""
    return None if shutil.which("chromium") else "there is no Chromium (make install-system)"


@contextmanager
def chromium() -> Iterator[Browser]:
    """Run a browser without a window until the end of the block. Skips where there is none."""
    if missing := find_missing():
        pytest.skip(missing)
    # Chromium's own sandbox does not work for root, as whom tests in containers run; it sees pages of ours alone.
    arguments = ["--no-sandbox"] if os.getuid() == 0 else []
    expect.set_options(timeout=30_000)  # five seconds are too few where others want the cores, too
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=arguments)
        yield browser
        browser.close()


def picture(page: Page, name: str, *, whole: bool = True) -> None:
    """Leave a picture of a page, where pictures are wanted."""
    if os.environ.get(WANTED):
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=whole)
