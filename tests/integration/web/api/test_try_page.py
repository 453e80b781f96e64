"""The page to try the API, in a real browser."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, expect

from tests.browser import picture
from tests.integration.web.clock import today
from tests.integration.web.conftest import MakeApp, Serving, by_wire
from tests.integration.web.test_pages_browser import complaints_of_axe, looking
from tests.wire import Wire

pytestmark = [pytest.mark.cassandra, pytest.mark.slow]


def test_a_read_and_its_next_page(make_app: MakeApp, serving: Serving, browser: Browser) -> None:
    with serving(make_app()) as url, looking(browser, width=400) as page:
        page.goto(f"{url}/api/")
        section = page.get_by_role("region", name="parks.top_parks_by_day")
        section.get_by_label("day").fill(today())
        section.get_by_label("total to").fill("385")
        section.get_by_label("limit").fill("2")
        section.get_by_label("limit").press("Enter")
        answer = section.locator(".answer")
        expect(answer).to_contain_text("200")
        expect(answer).to_contain_text('"park": "park38"')
        section.get_by_role("button", name="Next page").click()
        expect(answer).to_contain_text('"park": "park36"')
        section.get_by_label("total to").fill("many")
        section.get_by_role("button", name="Read").click()
        expect(answer).to_contain_text("400")
        expect(answer).to_contain_text("Give a whole number")
        picture(page, "api")
        assert complaints_of_axe(page) == []
        page.emulate_media(color_scheme="dark")
        assert complaints_of_axe(page, "color-contrast") == []
        assert page.evaluate("document.documentElement.scrollWidth") <= 400


def test_without_a_script_the_form_leads_to_the_answer(make_app: MakeApp, serving: Serving, browser: Browser) -> None:
    with serving(make_app()) as url, looking(browser, scripts=False) as page:
        page.goto(f"{url}/api/")
        section = page.get_by_role("region", name="parks.parks_by_city")
        section.get_by_label("city", exact=True).fill("city1")
        with page.expect_response(lambda answer: "/rows?" in answer.url) as asked:
            section.get_by_role("button", name="Read").click()
        assert asked.value.status == 200
        assert asked.value.json()["rows"][0]["city"] == "city1"


def test_a_cluster_that_is_away(make_app: MakeApp, serving: Serving, browser: Browser, wire: Wire) -> None:
    wire.cut()
    with serving(make_app(VIEWS_TIMEOUT_SECONDS=1.0, **by_wire(wire))) as url, looking(browser) as page:
        answer = page.goto(f"{url}/api/")
        assert answer is not None
        assert (answer.status, answer.headers["retry-after"]) == (503, "1")
        expect(page.get_by_role("alert")).to_contain_text("cannot be reached")
        assert complaints_of_axe(page) == []
