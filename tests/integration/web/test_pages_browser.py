"""The operations pages as people meet them: in a real browser, by clicks and keys, on a telephone and in the dark."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.browser import picture
from tests.integration.web.conftest import MakeApp, Serving, by_wire
from tests.wire import Wire

pytestmark = [pytest.mark.cassandra, pytest.mark.slow]

PATHS = {
    "list": "",
    "view": "view/top_parks_by_day",
    "building": "view/days_of_all_parks",
    "frozen": "view/parks_by_city",
    "timeline": "timeline",
    "plan": "plan",
    "cluster": "cluster",
    "missing": "view/nothing",
}


@contextmanager
def looking(browser: Browser, *, width: int = 1280, scripts: bool = True) -> Iterator[Page]:
    """Open a page; see that none breaks its own policy and nothing comes from elsewhere."""
    context = browser.new_context(
        color_scheme="light",
        viewport={"width": width, "height": 800},
        java_script_enabled=scripts,
    )
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if "Policy" in message.text else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda asked: complaints.append(asked.url) if "127.0.0.1" not in asked.url else None)
    yield page
    assert complaints == []
    assert context.cookies() == []
    context.close()


def complaints_of_axe(page: Page, *rules: str) -> list[str]:
    """Return what axe finds wrong with a page, by all its rules or some."""
    found = Axe().run(page, options={"resultTypes": ["violations"]} | ({"runOnly": list(rules)} if rules else {}))
    return [
        f"{each['id']}: {node['html'][:200]} {node['failureSummary']}"
        for each in found.response["violations"]
        for node in each["nodes"]
    ]


def test_every_page_is_accessible(browser: Browser, make_app: MakeApp, serving: Serving) -> None:
    app = make_app(VIEWS_AIRFLOW_URL="https://airflow.example")
    with serving(app) as url, looking(browser) as page:
        for name, path in PATHS.items():
            page.goto(f"{url}/views/{path}")
            picture(page, f"operations-{name}-light")
            assert complaints_of_axe(page) == [], name
            page.emulate_media(color_scheme="dark")  # other colours, and nothing else
            picture(page, f"operations-{name}-dark")
            assert complaints_of_axe(page, "color-contrast") == [], name
            page.emulate_media(color_scheme="light")


def test_on_a_telephone(browser: Browser, make_app: MakeApp, serving: Serving) -> None:
    with serving(make_app()) as url, looking(browser, width=400) as page:
        for name, path in PATHS.items():
            page.goto(f"{url}/views/{path}")
            picture(page, f"operations-{name}-400")
            assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), name
            assert complaints_of_axe(page) == [], name


def test_by_clicks(browser: Browser, make_app: MakeApp, serving: Serving) -> None:
    app = make_app(VIEWS_AIRFLOW_URL="https://airflow.example")
    with serving(app) as url, looking(browser) as page:
        page.goto(f"{url}/views/")
        expect(page.get_by_role("rowheader")).to_have_count(6)
        page.get_by_role("searchbox").fill("frozen")
        page.get_by_role("button", name="Filter").click()
        expect(page.get_by_role("rowheader")).to_have_count(1)
        page.get_by_role("rowheader").get_by_role("link").click()
        expect(page.get_by_text("frozen by a keeper: the <script>alert(1)</script> audit of Monday")).to_be_visible()
        page.get_by_role("link", name="Time line").click()
        expect(page.get_by_role("img", name="parks.top_parks_by_day: generation 2")).to_be_visible()
        bars = page.locator(".keys .bar").evaluate_all("all => all.map(each => getComputedStyle(each).fill)")
        assert len(set(bars)) == 5, bars  # building and built are told apart, too
        page.get_by_text("The same in words").click()
        expect(page.get_by_role("listitem").filter(has_text="generation 1 (retired)").first).to_be_visible()
        page.get_by_role("link", name="parks.top_parks_by_day").click()
        expect(page.get_by_role("heading", name="Generations")).to_be_visible()
        page.get_by_role("navigation", name="Pages").get_by_role("link", name="Plan").click()
        expect(page.get_by_text("parks.never_made generation 1").first).to_be_visible()
        expect(page.get_by_role("link", name="Act on views")).to_have_attribute(
            "href", "https://airflow.example/dags/views_by_hand"
        )
        page.get_by_role("link", name="Cluster", exact=True).click()
        expect(page.get_by_role("row").filter(has_text="datacenter1")).to_contain_text("up")


def test_by_keys(browser: Browser, make_app: MakeApp, serving: Serving) -> None:
    with serving(make_app()) as url, looking(browser) as page:
        page.goto(f"{url}/views/")
        page.keyboard.press("Tab")
        expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
        page.keyboard.press("Enter")
        page.keyboard.press("Tab")
        expect(page.get_by_role("navigation", name="Conditions").get_by_role("link").first).to_be_focused()
        while not page.evaluate("document.activeElement.textContent").endswith("top_parks_by_day"):
            page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="top_parks_by_day")).to_be_visible()


def test_without_scripts(browser: Browser, make_app: MakeApp, serving: Serving) -> None:
    with serving(make_app()) as url, looking(browser, scripts=False) as page:
        page.goto(f"{url}/views/")
        page.get_by_role("link", name="parks.days_of_all_parks").click()
        expect(page.get_by_role("heading", name="Build of generation 1")).to_be_visible()
        expect(page.get_by_role("progressbar")).to_have_count(1)


def test_the_build_moves_by_itself(browser: Browser, make_app: MakeApp, serving: Serving) -> None:
    with serving(make_app()) as url, looking(browser) as page:
        page.goto(f"{url}/views/view/days_of_all_parks")
        with page.expect_response("**/build") as got:
            pass
        assert got.value.ok
        page.evaluate("document.querySelector('[data-live] h2').textContent = 'of a while ago'")
        expect(page.get_by_role("heading", name="Build of generation 1")).to_be_visible(timeout=10_000)


def test_a_cluster_that_is_away_is_shown_again_by_itself(
    browser: Browser, make_app: MakeApp, serving: Serving, wire: Wire
) -> None:
    app = make_app(**by_wire(wire))
    with serving(app) as url, looking(browser) as page:
        page.goto(f"{url}/views/")
        wire.cut()
        page.wait_for_timeout(2000)  # what was seen a moment ago is still shown
        page.get_by_role("link", name="Refresh").click()
        expect(page.get_by_role("alert")).to_be_visible(timeout=15_000)
        assert complaints_of_axe(page) == []
        picture(page, "operations-away")
        wire.mend()
        expect(page.get_by_role("rowheader")).to_have_count(6, timeout=40_000)
