"""A real browser for the tests: Debian's Chromium, driven by Playwright."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

SCREENSHOTS = Path(__file__).parents[1] / "build" / "screenshots"


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
