"""Each form of our DAGs as a person fills it in: optional fields empty, wrong choices, and who it was."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.on_airflow.components import RUN_SECONDS, Components, await_that
from tests.on_airflow.lifecycle.shop import Shop
from tests.on_airflow.page.people import person, picture

pytestmark = [pytest.mark.timeout(900), pytest.mark.slow]

_SHELL = ("--tag", "--reason", "'views ", "Traceback", ".py")
"""What a person at a page cannot use."""


def open_form(page: Page, dag: str) -> None:
    page.goto(f"/dags/{dag}")
    page.get_by_role("button", name="Trigger", exact=True).first.click()
    expect(page.get_by_role("dialog")).to_be_visible()


def send(page: Page, airflow: Components, dag: str) -> str:
    """Send the form as it is, and return the run that it made."""
    known = runs(airflow, dag)
    button = page.get_by_role("dialog").get_by_role("button", name="Trigger", exact=True)
    expect(button).to_be_enabled()
    button.click()
    return str(await_that(lambda: runs(airflow, dag) - known, RUN_SECONDS).pop())


def runs(airflow: Components, dag: str) -> set[str]:
    return {each["dag_run_id"] for each in airflow.get(f"dags/{dag}/dagRuns")["dag_runs"]}


def fill(page: Page, title: str, value: str) -> None:
    page.get_by_role("dialog").get_by_label(title, exact=True).first.fill(value)


def sentences(airflow: Components, dag: str, run_id: str, task: str) -> str:
    """Return what the log of a failed task says, which holds nothing for a shell and no traceback."""
    assert airflow.await_end(dag, run_id)["state"] == "failed"
    text = airflow.log(dag, run_id, task)
    errors = "\n".join(line for line in text.splitlines() if '"error"' in line)
    assert not [word for word in _SHELL if word in errors], errors
    assert "error_detail" not in text
    return errors


@pytest.mark.parametrize("dag", ["view_orders_by_day", "views_rest"])
def test_a_run_of_a_view_needs_no_field(browser: Browser, airflow: Components, dag: str) -> None:
    airflow.unpause(dag)
    with person(browser, airflow) as page:
        open_form(page, dag)
        picture(page, f"form-{dag}")
        airflow.await_run(dag, send(page, airflow, dag))


def test_views_chosen_by_hand_and_who_it_was(browser: Browser, airflow: Components, shop: Shop) -> None:
    dag = "views_by_hand"
    airflow.unpause(dag)
    with person(browser, airflow) as page:
        open_form(page, dag)
        picture(page, "form-by-hand")
        run_id = send(page, airflow, dag)
        assert "no reason is given" in sentences(airflow, dag, run_id, "act")
        open_form(page, dag)
        fill(page, "Reason", "a look")
        run_id = send(page, airflow, dag)
        assert "no view is chosen" in sentences(airflow, dag, run_id, "act")
    wrong = {"views": ["unraed"], "action": "freeze", "reason": "a look"}
    said = sentences(airflow, dag, airflow.trigger(dag, conf=wrong), "act")
    assert "unraed" in said
    assert "Choose views that the form offers" in said
    frozen = {"views": ["orders_by_total"], "action": "rollback", "reason": "a look"}
    said = sentences(airflow, dag, airflow.trigger(dag, conf=frozen), "act")
    assert "choose the action 'on' in views_by_hand first" in said
    # Nobody acts in another one's name: the form's own word of who it was is none.
    run_id = airflow.trigger(dag, conf={"views": ["unread"], "action": "freeze", "reason": "a look", "by": "olga"})
    airflow.await_run(dag, run_id)
    override = shop.record("unread").override
    assert override is not None
    assert override.by == "airflow:adam"
    airflow.await_run(dag, airflow.trigger(dag, conf={"views": ["unread"], "action": "on", "reason": "seen"}))


def test_a_run_that_another_one_triggers_is_of_the_same_person(airflow: Components, shop: Shop) -> None:
    dag = "view_unread"
    airflow.unpause(dag)
    known = runs(airflow, dag)
    airflow.unpause("views_by_hand")
    asked = {"views": ["unread"], "action": "refresh", "reason": "a look", "by": "olga"}
    airflow.await_run("views_by_hand", airflow.trigger("views_by_hand", conf=asked))
    run_id = await_that(lambda: runs(airflow, dag) - known, RUN_SECONDS).pop()
    airflow.await_run(dag, run_id)
    newest = max(shop.record("unread").generations, key=lambda each: each.number)
    assert newest.number > 1
    events = [each for each in shop.manager().history("unread", limit=50) if each.number == newest.number]
    assert {each.author for each in events} == {"airflow:adam"}
