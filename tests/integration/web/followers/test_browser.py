"""The pages as people meet them in a browser: by pointer, by keyboard, on a phone, in the dark, without script."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.browser import picture
from tests.integration.web.conftest import Serving
from tests.integration.web.followers.conftest import MakePages
from tests.integration.web.followers.place import NOW, Clock, Seed, close
from tests.serving import serve

ALL_PAGES = {
    "ranking": "/",
    "ranking-minute": "/?level=minute&show=50",
    "ranking-filtered": "/?language=English&console=PC",
    "ranking-empty": "/?language=English&game=Nothing",
    "streamer": "/streamer/72hrs",
    "streamer-days": "/streamer/72hrs?level=day",
    "streamer-unheard-of": "/streamer/nobody",
    "search": "/streamer?name=an",
    "compare": "/compare?streamer=72hrs&streamer=2mgovercsquared&streamer=alanzoka&as=followers",
    "compare-empty": "/compare",
    "categories": "/categories",
    "categories-language": "/categories?of=language&as=followers",
    "trends": "/trends",
    "trends-hours": "/trends?level=hour&by=followers",
    "nowhere": "/nowhere",
}


@pytest.fixture(scope="module")
def url(seed: Seed, browser: Browser) -> Iterator[str]:
    """One app for all of this file, at one time: nothing here changes what it reads."""
    app = seed.app(Clock())
    with serve(app) as address:
        yield address
    close(app)


def complaints(page: Page, *rules: str) -> list[str]:
    """Return what axe finds wrong with a page, by all its rules or some."""
    options = {"resultTypes": ["violations"]} | ({"runOnly": list(rules)} if rules else {})
    found = Axe().run(page, options=options).response["violations"]
    return [f"{each['id']}: {each['nodes'][0]['html'][:200]}" for each in found]


def test_axe_finds_nothing_wrong(url: str, browser: Browser) -> None:
    context = browser.new_context(viewport={"width": 1280, "height": 900}, color_scheme="light")
    page = context.new_page()
    found = {}
    for name, path in ALL_PAGES.items():
        page.goto(url + path)
        picture(page, f"followers-{name}-light")
        found[name] = complaints(page)
        page.emulate_media(color_scheme="dark")  # other colours, and nothing else
        picture(page, f"followers-{name}-dark")
        found[name] += complaints(page, "color-contrast")
        page.emulate_media(color_scheme="light")
    context.close()
    assert found == {name: [] for name in ALL_PAGES}


def test_nothing_is_wider_than_a_phone(url: str, browser: Browser) -> None:
    context = browser.new_context(viewport={"width": 400, "height": 800}, color_scheme="dark")
    page = context.new_page()
    wider = {}
    for name, path in ALL_PAGES.items():
        page.goto(url + path)
        picture(page, f"followers-{name}-phone")
        wider[name] = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    context.close()
    assert wider == dict.fromkeys(ALL_PAGES, 0)


def test_all_comes_from_here_and_the_policy_allows_all_of_it(url: str, page: Page) -> None:
    asked: set[str] = set()
    troubles: list[str] = []
    page.on("request", lambda request: asked.add(request.url))
    page.on("console", lambda message: troubles.append(message.text) if message.type != "log" else None)
    page.on("pageerror", lambda error: troubles.append(str(error)))
    for name, path in ALL_PAGES.items():
        if name not in ("nowhere", "streamer-unheard-of"):  # the browser tells of a 404 by itself
            page.goto(url + path)
    assert {each for each in asked if not each.startswith(url)} == set()
    assert troubles == []


def test_filters_are_in_the_address_and_the_way_back_works(url: str, page: Page) -> None:
    page.goto(url + "/")
    everybody = page.locator("tbody tr").count()
    page.get_by_label("Language").select_option("English")
    page.get_by_label("Console").select_option("PC")
    page.get_by_role("button", name="Show").click()
    assert page.url == f"{url}/?language=English&console=PC"
    some = page.locator("tbody tr").count()
    assert 0 < some < everybody
    for row in page.locator("tbody tr").all():
        assert "English" in row.inner_text()
    page.get_by_role("link", name=re.compile("Console: PC")).click()
    assert page.url == f"{url}/?language=English"
    assert page.locator("tbody tr").count() >= some
    page.go_back()
    assert page.url == f"{url}/?language=English&console=PC"
    expect(page.get_by_label("Console")).to_have_value("PC")


def test_the_day_of_the_heading_is_in_its_field_and_another_one_can_be_chosen(url: str, page: Page) -> None:
    page.goto(url + "/?language=English")
    field = page.get_by_label("Day", exact=True)
    expect(field).to_have_value("2026-11-04")
    page.get_by_role("button", name="Show").click()
    assert page.url == f"{url}/?language=English"  # the newest day moves on, and is not pinned
    field.fill("2026-11-02")
    page.get_by_role("button", name="Show").click()
    assert page.url == f"{url}/?at=2026-11-02&language=English"
    expect(field).to_have_value("2026-11-02")


def test_a_comparison_is_whole_at_400_pixels(url: str, browser: Browser) -> None:
    with closing(browser.new_context(viewport={"width": 400, "height": 800})) as context:
        page = context.new_page()
        page.goto(url + "/compare?streamer=72hrs&streamer=2mgovercsquared")
        region = page.get_by_role("region", name="The streamers compared")
        assert region.evaluate("each => each.scrollWidth <= each.clientWidth")
        assert all(each.is_visible() for each in region.locator("td").all())


def test_labels_of_a_chart_lie_over_no_line(url: str, page: Page) -> None:
    page.goto(url + "/streamer/72hrs?level=day")
    for plot in page.locator(".plot").all():
        axis, chart = (plot.locator(f"svg.{name}").first.bounding_box() for name in ("axis", "chart"))
        assert axis is not None
        assert chart is not None
        assert axis["x"] + axis["width"] <= chart["x"] + 1
        for label in plot.locator(".axis text").all():
            box = label.bounding_box()
            assert box is not None
            assert axis["x"] - 1 <= box["x"] < box["x"] + box["width"] <= chart["x"]


def test_search_offers_those_with_counts_and_a_page_without_says_why(url: str, page: Page) -> None:
    page.goto(url + "/streamer?name=s")
    offered = page.locator("main > ul.matches").all_inner_texts()
    assert "shroud" not in " ".join(offered)
    page.locator("#without summary").click()
    page.get_by_role("link", name="shroud", exact=True).click()
    assert "No counts of shroud are stored" in page.locator("main").inner_text()
    assert "are stored for 40 streamers" in page.locator("main").inner_text()


def test_a_day_is_gone_back_to_and_the_next_is_offered(url: str, page: Page) -> None:
    page.goto(url + "/")
    page.get_by_role("link", name=re.compile("Earlier")).click()
    assert page.url == f"{url}/?at=2026-11-03"
    assert "Tuesday 3 November 2026" in page.locator("main").inner_text()
    page.get_by_role("link", name=re.compile("Later")).click()
    assert "Wednesday 4 November 2026" in page.locator("main").inner_text()


def test_from_the_ranking_to_a_streamer_to_a_comparison(url: str, page: Page) -> None:
    page.goto(url + "/")
    first, second = (page.locator("tbody th a").nth(index).inner_text() for index in (0, 1))
    page.get_by_role("link", name=first, exact=True).last.click()
    expect(page.get_by_role("heading", level=1)).to_have_text(first)
    page.get_by_role("link", name="Compare with others").click()
    page.get_by_label("Add a streamer").fill(second)
    page.get_by_role("button", name="Add").click()
    assert page.locator(".chart .line").count() == 2
    page.get_by_role("link", name="Hours").click()
    assert "level=hour" in page.url
    assert page.locator(".chart .line").count() == 2
    page.get_by_role("link", name=f"Remove {first}").click()
    assert page.locator(".chart .line").count() == 1


def test_a_part_of_a_name_finds_streamers(url: str, page: Page) -> None:
    page.goto(url + "/")
    page.get_by_label("Find a streamer").fill("72H")
    page.get_by_label("Find a streamer").press("Enter")
    assert page.url == f"{url}/streamer/72hrs"


def test_pointing_at_a_chart_tells_the_value(url: str, page: Page) -> None:
    page.goto(url + "/streamer/72hrs?level=day")
    chart = page.locator(".chart").first
    box = chart.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + box["height"] / 2)
    told = chart.locator(".at text >> visible=true")
    assert re.fullmatch(r"\w+ \d+ \w+ 2026: [\d,]+", told.text_content() or "")


def test_the_keyboard_alone_is_enough(url: str, page: Page) -> None:
    page.goto(url + "/")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Day", exact=True)).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_url("**/?level=hour")


def test_without_script_all_is_there_but_what_moves(url: str, browser: Browser) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(url + "/streamer/72hrs")
    assert page.locator(".chart .line").count() == 4
    page.get_by_role("link", name="Look again").click()
    assert page.locator(".chart .line").count() == 4
    context.close()


def test_live_counts_move_and_can_be_paused(
    seed: Seed, clock: Clock, make_pages: MakePages, serving: Serving, page: Page
) -> None:
    def seconds_pass(count: int) -> None:
        clock.move(seconds=1)
        # The newest second that the page shows is the one before the last.
        at = clock.now - timedelta(seconds=2)
        seed.read_second(at, {each: ("72hrs", count) for each in ("twitch", "twitter", "youtube")})

    figure = page.locator(".figure b").first
    with serving(make_pages(seed)) as url:
        page.goto(url + "/streamer/72hrs")
        page.get_by_text("All values as a table").click()
        seconds_pass(1_000_000)
        expect(figure).to_have_text("3,000,000", timeout=8_000)
        # What was opened stays open.
        assert page.locator("#values").get_attribute("open") is not None
        page.get_by_role("button", name="Pause").click()
        seconds_pass(2_000_000)
        page.wait_for_timeout(3_000)
        assert figure.inner_text() == "3,000,000"
        page.get_by_role("button", name="Go on").click()
        expect(figure).to_have_text("6,000,000", timeout=8_000)
        expect(page.get_by_role("status")).to_have_text("Moves every 2 seconds.")
    expect(page.get_by_role("status")).to_contain_text("No answer", timeout=10_000)


def test_who_wants_little_motion_gets_little(seed: Seed, url: str, browser: Browser) -> None:
    context = browser.new_context(reduced_motion="reduce")
    page = context.new_page()
    page.goto(url + "/streamer/72hrs")
    expect(page.get_by_role("status")).to_have_text("Moves every 10 seconds.")
    context.close()


def test_a_name_that_is_markup_is_text(
    seed: Seed, clock: Clock, make_pages: MakePages, serving: Serving, page: Page
) -> None:
    name = "<img src=x onerror=alert(1)>&'\"/b🦊"
    seed.read_second(NOW - timedelta(seconds=3), {each: (name, 5) for each in ("twitch", "twitter", "youtube")})
    page.on("dialog", lambda dialog: pytest.fail(dialog.message))
    with serving(make_pages(seed)) as url:
        page.goto(f"{url}/compare?level=second")
        page.get_by_label("Add a streamer").fill(name)
        page.get_by_role("button", name="Add").click()
        assert page.locator(".names").inner_text() == name
        page.locator("table").first.get_by_role("link", name=name).first.click()
        expect(page.get_by_role("heading", level=1)).to_have_text(name)
        assert page.locator(".figure b").first.inner_text() == "15"
