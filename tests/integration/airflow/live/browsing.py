"""Somebody with a browser, logged in to Airflow."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, FrameLocator, Page, expect

from tests.integration.airflow.components import Components, password_of

PATIENCE_MS = 180_000  # a page of Airflow takes two seconds on two cores, half a minute where eight others want them


@contextmanager
def person(browser: Browser, airflow: Components, *, width: int = 1280) -> Iterator[Page]:
    """Log in with a name and a password, by Airflow's own form; see that no page breaks its own policy."""
    context = browser.new_context(
        base_url=airflow.url,
        color_scheme="light",
        viewport={"width": width, "height": 800},
    )
    context.set_default_timeout(PATIENCE_MS)
    complaints: list[str] = []
    page = context.new_page()
    page.on("console", lambda message: complaints.append(message.text) if is_ours(message.text) else None)
    page.goto("/")
    page.fill("input[name=username]", "adam")
    page.fill("input[name=password]", password_of(airflow.home, "adam"))
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="Views", exact=True)).to_be_visible(timeout=PATIENCE_MS)
    yield page
    assert complaints == []
    context.close()


def is_ours(message: str) -> bool:
    return "Content Security Policy" in message or "cassandra-views" in message


def open_from_navigation(page: Page) -> FrameLocator:
    page.get_by_role("link", name="Views", exact=True).click()
    frame = page.frame_locator("iframe[title=Views]")
    expect(frame.get_by_role("heading", name="Views")).to_be_visible()
    return frame
