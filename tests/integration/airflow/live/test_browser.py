"""The page as people meet it: in a real browser, within the real Airflow, behind its login.

What is on it is the same as on the operations pages, which tests/integration/web/test_pages_browser.py looks at.
"""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, expect

from tests.browser import picture
from tests.integration.airflow.components import RUN_SECONDS, Components, await_that
from tests.integration.airflow.live.browsing import open_from_navigation, person

pytestmark = [pytest.mark.timeout(600), pytest.mark.slow]


def test_from_the_navigation_to_a_view_and_to_its_dag(browser: Browser, airflow: Components) -> None:
    await_that(lambda: airflow.request("GET", "dags/view_orders_by_day")[0] == 200, RUN_SECONDS)
    with person(browser, airflow) as page:
        frame = open_from_navigation(page)
        names = frame.get_by_role("rowheader")
        expect(names).to_have_count(5)
        expect(frame.get_by_role("row").filter(has_text="orders_by_day__g1")).to_contain_text("passed")
        expect(frame.locator("html")).to_have_attribute("data-mode", "light")
        picture(page, "views-list-light", whole=False)
        frame.get_by_role("rowheader").filter(has_text="orders_by_day").get_by_role("link").click()
        expect(frame.get_by_role("heading", name="Generations")).to_be_visible()
        page.wait_for_url("**/plugin/cassandra-views/cassandra-views/view/*.orders_by_day")
        picture(page, "views-fresh-light", whole=False)
        # By Airflow's own switch: what the machine prefers is asked only where that is unset.
        page.evaluate("localStorage.setItem('theme', 'dark')")
        page.reload()  # the address is that of the view
        expect(frame.get_by_role("heading", name="Generations")).to_be_visible()
        expect(frame.locator("html")).to_have_attribute("data-mode", "dark")
        picture(page, "views-fresh-dark", whole=False)
        frame.get_by_role("link", name="Its DAG").click()
        page.wait_for_url("**/dags/view_orders_by_day**")
        expect(page.locator("iframe")).to_have_count(0)


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
