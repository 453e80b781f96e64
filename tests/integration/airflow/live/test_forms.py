"""Each form of our DAGs as a person fills it in: optional fields empty, wrong choices, and who it was."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser import picture
from tests.integration.airflow.components import RUN_SECONDS, Components, await_that
from tests.integration.airflow.lifecycle.shop import Shop
from tests.integration.airflow.live.browsing import person
from tests.integration.airflow.master import Master

pytestmark = [pytest.mark.timeout(900), pytest.mark.slow]

BY_HAND = "views_by_hand"
VIEW = "view_orders_by_day"
REST = "views_rest"
ROLLUP = "spark_aggregations"
"""The DAG of rollups that has a form."""

_SHELL = ("--tag", "--reason", "'views ", "Traceback", ".py")
"""What a person at a page cannot use."""


@pytest.fixture(scope="module")
def page(browser: Browser, airflow: Components) -> Iterator[Page]:
    """Somebody who logs in once and fills in all the forms."""
    for dag in (BY_HAND, VIEW, REST, ROLLUP):
        airflow.unpause(dag)
    with person(browser, airflow) as adam:
        yield adam


def send(
    page: Page, airflow: Components, dag: str, *, chosen: Mapping[str, str] | None = None, **typed: str
) -> tuple[str, str]:
    """Open a form, choose and type values by the names of the fields, send it; return the DAG and the run."""
    page.goto(f"/dags/{dag}")
    page.get_by_role("button", name="Trigger Dag", exact=True).click()
    form = page.get_by_role("dialog")
    expect(form.get_by_role("button", name="Advanced Options")).to_be_visible()
    for name, value in (chosen or {}).items():
        field = form.get_by_role("group").filter(has=page.locator(f"input[name=element_{name}]"))
        field.get_by_role("combobox").fill(value)
        page.get_by_role("option", name=value, exact=True).click()
    for name, value in typed.items():
        form.locator(f"input[name=element_{name}]").fill(value)
    picture(page, f"views-form-{dag}", whole=False)
    known = runs(airflow, dag)
    form.get_by_role("button", name="Trigger", exact=True).click()
    return dag, await_that(lambda: runs(airflow, dag) - known, RUN_SECONDS).pop()


def runs(airflow: Components, dag: str) -> set[str]:
    """Return the runs that people asked for, also by a run that triggers others."""
    found = airflow.get(f"dags/{dag}/dagRuns")["dag_runs"]
    return {each["dag_run_id"] for each in found if each["run_type"] != "scheduled"}


def sentences(airflow: Components, dag: str, run_id: str, task: str) -> str:
    """Return what the log of a failed task says, which holds nothing for a shell and no traceback."""
    assert airflow.await_end(dag, run_id)["state"] == "failed"
    lines = [json.loads(line) for line in airflow.log(dag, run_id, task).splitlines()]
    assert not [line for line in lines if "error_detail" in line], "a traceback"
    errors = "\n".join(line["event"] for line in lines if line.get("level") == "error")
    assert not [word for word in _SHELL if word in errors], errors
    return errors


def test_a_run_of_a_view_and_of_a_rollup_needs_no_field(page: Page, airflow: Components, master: Master) -> None:
    sent = [send(page, airflow, dag) for dag in (VIEW, REST, ROLLUP)]
    for dag, run_id in sent:
        airflow.await_run(dag, run_id)
    assert len(master.calls()) == 1


def test_a_wrong_choice_is_told_in_words_of_the_form(page: Page, airflow: Components) -> None:
    """The others are in lifecycle/test_runs.py and test_form.py."""
    frozen = {"views": "orders_by_total", "action": "rollback"}
    sent = send(page, airflow, BY_HAND, chosen=frozen, reason="a look")
    assert "choose the action 'on' in views_by_hand first" in sentences(airflow, *sent, "act")


def test_views_chosen_by_hand_and_who_it_was(page: Page, airflow: Components, shop: Shop) -> None:
    freeze = {"views": "unread", "action": "freeze"}
    airflow.await_run(*send(page, airflow, BY_HAND, chosen=freeze, reason="a look"))
    override = shop.record("unread").override
    assert override is not None
    assert (override.kind, override.by, override.reason) == ("frozen", "airflow:adam", "a look")
    shop.manager().override("unread", None, reason="seen")


def test_a_run_that_another_one_triggers_is_of_the_same_person(page: Page, airflow: Components, shop: Shop) -> None:
    """Nobody acts in another one's name: what a run is told of who it was is nothing."""
    dag = "view_unread"
    airflow.unpause(dag)
    known = runs(airflow, dag)
    asked = {"views": ["unread"], "action": "refresh", "reason": "a look", "by": "olga"}
    airflow.await_run(BY_HAND, airflow.trigger(BY_HAND, conf=asked))
    airflow.await_run(dag, await_that(lambda: runs(airflow, dag) - known, RUN_SECONDS).pop())
    newest = max(shop.record("unread").generations, key=lambda each: each.number)
    assert newest.number > 1
    events = [each for each in shop.manager().history("unread", limit=50) if each.number == newest.number]
    assert {each.author for each in events} == {"airflow:adam"}
