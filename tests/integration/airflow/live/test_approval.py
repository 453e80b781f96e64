"""A view is dropped only when a person says so: the question and the answer in a real browser."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.browser import picture
from tests.integration.airflow.components import Components
from tests.integration.airflow.lifecycle.shop import Shop
from tests.integration.airflow.live.browsing import person

pytestmark = [pytest.mark.timeout(600), pytest.mark.slow]

DAG = "view_unread"


@pytest.fixture(autouse=True)
def _read_again(shop: Shop) -> Iterator[None]:
    """Leave the view to the other tests as it was."""
    yield
    manager = shop.manager()
    manager.override("unread", None, reason="somebody reads it")
    manager.apply(manager.plan(["unread"]))


def test_a_view_is_dropped_by_a_click_on_airflows_page(browser: Browser, airflow: Components, shop: Shop) -> None:
    (serving,) = shop.record("unread").read_from
    airflow.unpause(DAG)
    run_id = airflow.trigger(DAG, conf={"action": "drop", "reason": "nobody reads it"})
    airflow.await_task(DAG, run_id, "approve", "awaiting_input")
    with person(browser, airflow) as page:
        page.goto("/required_actions?response_received=false")
        question = page.get_by_role("link", name="Drop the view unread?")
        expect(question).to_be_visible()
        assert serving.name in shop.physical_views()
        question.click()
        expect(page.get_by_text("Asked for by adam: nobody reads it")).to_be_visible()
        picture(page, "views-approval", whole=False)
        page.get_by_role("button", name="Drop", exact=True).click()
        airflow.await_run(DAG, run_id)
    assert serving.name not in shop.physical_views()
    record = shop.record("unread")
    assert record.read_from == ()
    assert str(record.override).startswith("off by airflow:adam: nobody reads it")
