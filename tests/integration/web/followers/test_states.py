"""Each page in its four states, as a screen reader tells it: fresh, building, out of date, cluster away."""

from __future__ import annotations

import json
import os
import re
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Page

from cassandra_views.model.generation import OverrideKind
from tests.integration.web.conftest import Serving, by_wire
from tests.integration.web.followers.conftest import MakePages
from tests.integration.web.followers.place import Clock, Seed, close
from tests.serving import serve
from tests.wire import Wire

PAGES = {
    "ranking": "/?language=English",
    "streamer": "/streamer/72hrs?level=day",
    "compare": "/compare?streamer=72hrs&streamer=2mgovercsquared",
    "categories": "/categories",
    "trends": "/trends",
}
EXPECTED = Path(__file__).parent / "expected"
each_page = pytest.mark.parametrize("name", PAGES)


def told(page: Page, url: str) -> str:
    """Return a page as a screen reader tells it, and before it how it was answered."""
    answer = page.goto(url)
    assert answer is not None
    heads = [f"{name}: {answer.headers[name]}" for name in ("retry-after", "refresh") if name in answer.headers]
    text = textwrap.indent(page.locator("main").aria_snapshot(), "  ")
    return "\n".join(
        [
            f"status: {answer.status}",
            f"title: {json.dumps(page.title(), ensure_ascii=False)}",
            *heads,
            "main:",
            text,
            "",
        ]
    )


@pytest.fixture
def expect(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Compare with the committed expectation; ``EXPECTED=write`` writes it anew."""

    def compare(name: str, text: str) -> None:
        file = EXPECTED / f"{name}.yaml"
        if os.environ.get("EXPECTED") == "write":
            EXPECTED.mkdir(exist_ok=True)
            file.write_text(text, encoding="utf-8")
        assert text == file.read_text(encoding="utf-8")

    return compare


@contextmanager
def served(seed: Seed, **passed: float) -> Iterator[str]:
    """Serve an app of a seed, at the time of the tests or so long after it."""
    clock = Clock()
    clock.move(**passed)
    app = seed.app(clock)
    with serve(app) as url:
        yield url
    close(app)


@pytest.fixture(scope="module")
def fresh_url(seed: Seed) -> Iterator[str]:
    with served(seed) as url:
        yield url


@pytest.fixture(scope="module")
def old_url(seed: Seed) -> Iterator[str]:
    with served(seed, days=2) as url:
        yield url


@pytest.fixture(scope="module")
def early_url(early_seed: Seed) -> Iterator[str]:
    with served(early_seed) as url:
        yield url


@each_page
def test_fresh(name: str, fresh_url: str, page: Page, expect: Callable[[str, str], None]) -> None:
    expect(f"{name}-fresh", told(page, fresh_url + PAGES[name]))


@each_page
def test_out_of_date(name: str, old_url: str, page: Page, expect: Callable[[str, str], None]) -> None:
    text = told(page, old_url + PAGES[name])
    assert "Out of date." in text
    assert "2 days older than promised" in text
    expect(f"{name}-stale", text)


@each_page
def test_building(name: str, early_url: str, page: Page, expect: Callable[[str, str], None]) -> None:
    text = told(page, early_url + PAGES[name])
    # Of the list of games no view is begun; what is not being built is not called so.
    title = "This page is not there yet" if name == "categories" else "This page is being prepared"
    assert text.startswith(f'status: 503\ntitle: "{title}')
    expect(f"{name}-building", text)


@each_page
def test_cluster_away(
    name: str,
    seed: Seed,
    wire: Wire,
    make_pages: MakePages,
    serving: Serving,
    page: Page,
    expect: Callable[[str, str], None],
) -> None:
    wire.cut()
    with serving(make_pages(seed, **by_wire(wire))) as url:
        text = told(page, url + PAGES[name])
    expect(f"{name}-away", text)


def test_a_page_says_why_nothing_serves_its_view(early_seed: Seed, make_pages: MakePages, clock: Clock) -> None:
    client = make_pages(early_seed).test_client()

    never = client.get("/?level=hour")
    assert (never.status_code, never.headers["Refresh"]) == (503, "30")
    assert "was never made" in never.text
    assert "opens by itself" not in never.text

    manager = early_seed.manager()
    manager.override("unified_day_view", OverrideKind.OFF, reason="it costs <too> much")
    try:
        off = client.get("/streamer/72hrs?level=day")
    finally:
        manager.override("unified_day_view", None, reason="enough")
    assert off.status_code == 503
    assert "This page is switched off" in off.text
    assert "<b>a keeper</b>" in off.text
    assert "it costs &lt;too&gt; much" in off.text
    assert "being built" not in off.text


def test_a_page_opens_by_itself_when_the_cluster_is_back(
    seed: Seed, wire: Wire, make_pages: MakePages, serving: Serving, page: Page
) -> None:
    wire.cut()
    with serving(make_pages(seed, **by_wire(wire))) as url:
        page.goto(url + "/")
        assert page.locator("h1").inner_text() == "The data cannot be reached"
        page.locator("summary").click()
        told = page.locator("dl.error").inner_text()
        assert re.search("the cluster cannot be reached|no connection to the cluster", told)
        wire.mend()
        page.get_by_role("heading", name="Most followed streamers").wait_for(timeout=20_000)
    assert re.search(r"\d\sM", page.locator("table").inner_text())


def test_a_page_opens_by_itself_when_its_view_is_built(
    early_seed: Seed, make_pages: MakePages, serving: Serving, page: Page
) -> None:
    """Stands at the end of its file: it builds what the others want unbuilt."""
    with serving(make_pages(early_seed)) as url:
        page.goto(url + "/")
        assert page.locator("h1").inner_text() == "This page is being prepared"
        manager = early_seed.manager()
        manager.apply(manager.plan(["top_streamers_by_day"]))
        page.get_by_role("heading", name="Most followed streamers").wait_for(timeout=20_000)
        # The filters' views are still missing, and the page says so.
        assert "Some filters are missing" in page.locator("main").inner_text()
        assert page.get_by_label("Language").is_disabled()
