"""The page as people meet it: in a real browser, within the real Airflow, behind its login."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.integration.airflow.components import RUN_SECONDS, Components, await_that
from tests.integration.airflow.live.browsing import open_from_navigation, person, picture
from tests.wire import Wire

pytestmark = [pytest.mark.timeout(600), pytest.mark.slow]


def has_no_sideways_scroll(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"))


def test_from_the_navigation_to_a_view_and_to_its_dag(browser: Browser, airflow: Components) -> None:
    await_that(lambda: airflow.request("GET", "dags/view_orders_by_day")[0] == 200, RUN_SECONDS)
    with person(browser, airflow) as page:
        frame = open_from_navigation(page)
        names = frame.get_by_role("rowheader")
        expect(names).to_have_count(5)
        expect(frame.get_by_role("row").filter(has_text="orders_by_day__g1")).to_contain_text("passed")
        expect(frame.locator("html")).to_have_attribute("data-mode", "light")
        picture(page, "list-light")
        frame.get_by_role("rowheader").filter(has_text="orders_by_day").get_by_role("link").click()
        expect(frame.get_by_role("heading", name="Generations")).to_be_visible()
        page.wait_for_url("**/plugin/cassandra-views/cassandra-views/view/*.orders_by_day")
        picture(page, "fresh-light")
        # By Airflow's own switch: what the machine prefers is asked only where that is unset.
        page.evaluate("localStorage.setItem('theme', 'dark')")
        page.reload()  # the address is that of the view
        expect(frame.get_by_role("heading", name="Generations")).to_be_visible()
        expect(frame.locator("html")).to_have_attribute("data-mode", "dark")
        picture(page, "fresh-dark")
        frame.get_by_role("link", name="Its DAG").click()
        page.wait_for_url("**/dags/view_orders_by_day**")
        expect(page.locator("iframe")).to_have_count(0)


def test_frozen_and_building(browser: Browser, airflow: Components) -> None:
    with person(browser, airflow) as page:
        frame = open_from_navigation(page)
        frame.get_by_role("searchbox").fill("frozen")
        frame.get_by_role("button", name="Filter").click()
        expect(frame.get_by_role("rowheader")).to_have_count(1)
        frame.get_by_role("rowheader").get_by_role("link").click()
        expect(frame.get_by_text("frozen by a person: the <script>alert(1)</script> audit of Monday")).to_be_visible()
        picture(page, "frozen")
        frame.get_by_role("navigation", name="Up").get_by_role("link").click()
        frame.get_by_role("rowheader").filter(has_text="totals_of_a_day").get_by_role("link").click()
        expect(frame.get_by_role("heading", name="Build of generation 1")).to_be_visible()
        picture(page, "building")


def test_on_a_telephone(browser: Browser, airflow: Components) -> None:
    with person(browser, airflow, width=400) as page:
        for path, name in (("", "list"), ("view/orders_by_day", "fresh"), ("view/totals_of_a_day", "building")):
            page.goto(f"/cassandra-views/{path}")
            expect(page.get_by_text("orders_by_day__g1" if name != "building" else "Build of").first).to_be_visible()
            assert has_no_sideways_scroll(page)
            picture(page, f"{name}-400", whole=True)
        page.goto("/cassandra-views/")
        page.keyboard.press("Tab")
        expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
        page.keyboard.press("Enter")
        page.keyboard.press("Tab")
        expect(page.get_by_role("navigation", name="Conditions").get_by_role("link").first).to_be_focused()


def test_without_scripts(browser: Browser, airflow: Components) -> None:
    with person(browser, airflow) as page:
        cookies = [dict(each) for each in page.context.cookies()]
        context = browser.new_context(base_url=airflow.url, java_script_enabled=False)
        context.add_cookies(cookies)  # type: ignore[arg-type]
        still = context.new_page()
        still.goto("/cassandra-views/")
        still.get_by_role("rowheader").filter(has_text="orders_by_day").get_by_role("link").click()
        expect(still.get_by_role("heading", name="History")).to_be_visible()
        context.close()


def test_a_cluster_that_is_away_and_comes_back(browser: Browser, airflow: Components, wire: Wire) -> None:
    with person(browser, airflow) as page:
        frame = open_from_navigation(page)
        wire.cut()
        page.wait_for_timeout(2000)  # what was seen a moment ago is still shown
        frame.get_by_role("link", name="Refresh").click()
        alert = frame.get_by_role("alert")
        expect(alert).to_be_visible()
        expect(alert).to_contain_text("See that its nodes are up and reachable")
        picture(page, "away")
        wire.mend()
        expect(frame.get_by_role("rowheader")).to_have_count(5)  # it looks again by itself
