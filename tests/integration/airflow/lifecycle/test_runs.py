"""Each DAG of the lifecycle carried out whole by Airflow, on a real Cassandra."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from cassandra_views.model.generation import State
from tests.integration.airflow.airflow_process import AirflowProcess
from tests.integration.airflow.lifecycle import acts
from tests.integration.airflow.lifecycle.acts import Ran
from tests.integration.airflow.lifecycle.shop import BY_DAY, TABLE, Shop

Run = Callable[..., Ran]
BUILD = ("create", "await_build", "audit", "serve")


@pytest.fixture
def served(shop: Shop) -> Shop:
    """The shop with some orders and one view that serves."""
    shop.fill(20)
    shop.serve("orders_by_day")
    return shop


def test_a_run_makes_its_view_and_nothing_else(shop: Shop, run: Run) -> None:
    ran = run("view_orders_by_day")
    assert ran.state == "success", ran.log
    assert {task: ran.tasks[task] for task in BUILD} == dict.fromkeys(BUILD, "success")
    assert shop.serving("orders_by_day") == [1]
    assert shop.physical_views() == {"orders_by_day__g1"}
    assert "+ " in ran.log
    assert "create: nothing serves yet" in ran.log


def test_its_asset_says_which_generation_serves(served: Shop, run: Run) -> None:
    ran = run("view_orders_by_day", action="refresh", reason="a test")
    ((uri, extra),) = ran.events
    assert uri == f"x-cassandra://{served.keyspace}/orders_by_day"
    assert extra["generation"] == 2
    assert extra["rows"] == 20 * 6
    assert extra["audit"] == "passed"
    assert extra["window_start"].endswith("Z")


def test_a_second_run_finds_nothing_to_do_and_leaves_what_is_suspect_to_views_audit(served: Shop, run: Run) -> None:
    served.manager().suspect("orders_by_day", reason="restored")
    ran = run("view_orders_by_day")
    assert ran.state == "success"
    assert set(ran.tasks.values()) == {"success", "skipped"}
    assert [task for task, state in ran.tasks.items() if state == "success"] == ["plan"]
    assert ran.events == []
    assert served.serving("orders_by_day") == [1]


def test_what_served_is_taken_over_where_the_registry_was_lost(served: Shop, run: Run) -> None:
    served.session.execute(f"DROP KEYSPACE {served.registry}")
    ran = run("view_orders_by_day")
    assert ran.state == "success", ran.log
    assert {task: ran.tasks[task] for task in BUILD} == dict.fromkeys(BUILD, "success")
    assert "take it over without building it" in ran.log
    assert served.serving("orders_by_day") == [1]
    assert served.physical_views() == {"orders_by_day__g1"}


def test_a_rollback_sends_readers_back_once(served: Shop, run: Run) -> None:
    run("view_orders_by_day", action="refresh", reason="a test")
    assert served.serving("orders_by_day") == [2]
    ran = run("view_orders_by_day", action="rollback", reason="wrong totals", to=1)
    assert ran.state == "success", ran.log
    assert served.serving("orders_by_day") == [1]
    # The same run again, as after a kill: not forward to what it left.
    run("view_orders_by_day", action="rollback", reason="wrong totals", to=1)
    assert served.serving("orders_by_day") == [1]


def test_a_rollback_by_the_form_freezes_a_view_whose_file_asks_for_something_else(served: Shop, run: Run) -> None:
    served.write_file("views", "orders_by_day", BY_DAY.replace("SELECT *", "SELECT customer, day"))
    run("view_orders_by_day")
    assert served.serving("orders_by_day") == [2]
    asked = {"views": ["orders_by_day"], "action": "rollback", "reason": "no totals"}
    (triggered,) = run("views_by_hand", **asked).returned["act"]
    assert triggered["conf"]["to"] == 1
    for _ in range(2):  # the second as after a kill
        ran = run(triggered["trigger_dag_id"], **triggered["conf"])
        assert ran.state == "success", ran.log
        record = served.record("orders_by_day")
        assert [each.number for each in record.in_state(State.SERVING)] == [1]
        assert record.override is not None
        assert (record.override.kind, record.override.reason) == ("frozen", "no totals")


@pytest.mark.timeout(900)
@pytest.mark.slow
def test_killed_between_any_two_tasks_with_an_apply_by_hand_meanwhile(served: Shop, run: Run) -> None:
    asked = {"action": "refresh", "reason": "a test"}
    for number, last in enumerate(("plan", "create", "await_build", "audit"), start=2):
        at = datetime(2026, 3, number, tzinfo=UTC)
        killed = run("view_orders_by_day", at=at, last=last, **asked)
        assert killed.state == "success", killed.log
        assert BUILD[-1] not in killed.tasks
        if number % 2:
            manager = served.manager()
            manager.apply(manager.plan(["orders_by_day"]))
        gone_on = run("view_orders_by_day", at=at, **asked)
        assert gone_on.state == "success", (last, gone_on.log)
        assert served.serving("orders_by_day") == [number], last
        assert served.record("orders_by_day").next_number == number + 1, last
    assert served.manager().plan(["orders_by_day"]).steps == ()


def test_the_file_changes_and_the_view_follows(served: Shop, run: Run) -> None:
    served.write_file("views", "orders_by_day", BY_DAY.replace("SELECT *", "SELECT customer, day"))
    ran = run("view_orders_by_day")
    assert ran.state == "success", ran.log
    assert served.serving("orders_by_day") == [2]


@pytest.mark.timeout(900)
@pytest.mark.slow
def test_a_person_is_asked_before_readers_lose_many_rows(airflow: AirflowProcess, served: Shop, run: Run) -> None:
    served.write_file("tables", "orders_of_2027", TABLE)
    served.write_file("views", "orders_by_day", BY_DAY.replace("'orders'", "'orders_of_2027'"))
    ran = run("view_orders_by_day")
    assert (ran.state, ran.tasks["serve"]) == ("success", "skipped"), ran.log
    record = served.record("orders_by_day")
    assert (served.serving("orders_by_day"), record.failures) == ([1], 0)
    dag = "view_orders_by_day"
    (asked,) = [each for each in run("views_reconcile").returned["look"] if each["trigger_dag_id"] == dag]
    assert asked["trigger_run_id"] == "shrink__orders_by_day__g2_over_g1"
    assert dag not in {each["trigger_dag_id"] for each in run("views_reconcile").returned["look"]}, "asked once"
    for choice, serving in (("Keep", [1]), ("Serve", [2])):
        ran, question = airflow.call(acts.carry_out_answered, served.dags, dag, served.variables, "approve", -1, choice)
        assert "it holds 0 rows, and generation 1, which serves, holds 120 rows" in question
        assert "views apply" not in question
        assert ran.state == "success", ran.log
        assert served.serving("orders_by_day") == serving
    assert served.record("orders_by_day").failures == 0


def test_what_the_server_refuses_fails_at_once_and_is_counted(shop: Shop, run: Run) -> None:
    shop.write_file(
        "views", "orders_by_day", BY_DAY.replace("PRIMARY KEY (day, customer)", "PRIMARY KEY (day, nobody)")
    )
    ran = run("view_orders_by_day")
    assert ran.state == "failed"
    assert ran.tasks["plan"] == "failed"
    assert "nobody" in ran.log
    assert "Traceback" not in ran.log, "what a person must correct is told in sentences"
    assert shop.physical_views() == set()


def test_what_is_away_may_be_tried_again(shop: Shop, run: Run) -> None:
    there, shop.port = shop.port, 1
    ran = run("view_orders_by_day")
    shop.port = there
    assert ran.tasks["plan"] == "failed"
    assert "the cluster cannot be reached" in ran.log
    tried = ran.log.partition("settle")[0]
    assert "AirflowException" in tried
    assert "Task exited" not in tried


def test_a_view_that_fails_is_frozen_after_some_runs(served: Shop, run: Run) -> None:
    served.write_settings("freeze_after = 2")
    served.session.execute(f"ALTER TABLE {served.keyspace}.orders ADD note text")
    served.write_file("views", "orders_by_day", BY_DAY.replace("SELECT *", "SELECT customer, day, gone"))
    for failures in (1, 2):
        ran = run("view_orders_by_day")
        assert ran.state == "failed"
        assert f"{failures} runs of" in ran.log
    record = served.record("orders_by_day")
    assert record.failures == 2
    assert record.override is not None
    assert record.override.kind == "frozen"
    assert served.serving("orders_by_day") == [1]


def test_a_drop_that_needs_no_person_is_done(served: Shop, run: Run) -> None:
    served.write_settings("approve_drops = false")
    ran = run("view_orders_by_day", action="drop", reason="nobody reads it")
    assert ran.state == "success", ran.log
    assert served.physical_views() == set()
    override = served.record("orders_by_day").override
    assert override is not None
    assert override.kind == "off"


def test_reconcile_triggers_the_runs_of_views_with_something_to_do(shop: Shop, run: Run) -> None:
    ran = run("views_reconcile")
    triggered = {each["trigger_dag_id"] for each in ran.returned["look"]}
    assert triggered == {"view_orders_by_day", "view_orders_by_total"}
    assert shop.physical_views() == set(), "it only plans"


def test_reconcile_leaves_what_is_as_it_should_be(served: Shop, run: Run) -> None:
    served.serve("orders_by_total")
    served.manager().suspect("orders_by_day", reason="restored")
    ran = run("views_reconcile")
    assert ran.returned["look"] == []
    assert ran.state == "success"
    assert "views_audit audits it before others" in ran.log


def test_reconcile_sends_a_view_without_a_file_to_the_rest(served: Shop, run: Run) -> None:
    served.serve("orders_by_total")
    served.remove_view("orders_by_day")
    (asked,) = run("views_reconcile").returned["look"]
    assert asked["trigger_dag_id"] == "views_rest"
    ran = run("views_rest", **asked["conf"])
    assert ran.state == "success", ran.log
    assert served.serving("orders_by_day") == []
    assert served.physical_views() == {"orders_by_day__g1", "orders_by_total__g1"}, "kept for its grace"


def test_one_view_that_cannot_be_planned_does_not_hold_up_the_others(served: Shop, run: Run) -> None:
    served.write_file("views", "orders_by_day", BY_DAY.replace("SELECT *", "SELECT customer, day, gone"))
    served.write_file("views", "broken", "---\nkeyspce: x\n---\n")
    ran = run("views_reconcile")
    assert {each["trigger_dag_id"] for each in ran.returned["look"]} == {"view_orders_by_day", "view_orders_by_total"}
    assert "unknown key 'keyspce'" in ran.log


def test_the_nightly_audit_looks_at_what_serves(served: Shop, run: Run) -> None:
    served.write_file("views", "orders_by_day", BY_DAY.replace("tags:", "lag: {promise: 1 hour}\ntags:"))
    before = served.record("orders_by_day").generations[0].audited_at
    served.manager().suspect("orders_by_day", reason="restored")
    ran = run("views_audit")
    assert ran.state == "success", ran.log
    assert ran.returned["serving"] == ran.returned["promising"] == [f"{served.keyspace}.orders_by_day"]
    assert served.record("orders_by_day").lag is not None
    after = served.record("orders_by_day").generations[0].audited_at
    assert served.record("orders_by_day").generations[0].suspicion is None
    assert before is not None
    assert after is not None
    assert after > before


def test_by_hand_a_dry_run_changes_nothing(served: Shop, run: Run) -> None:
    ran = run("views_by_hand", views=["orders_by_day"], action="refresh", reason="a look", dry_run=True)
    assert ran.state == "success", ran.log
    assert ran.returned["act"] == []
    assert "recreate it" in ran.log
    assert served.serving("orders_by_day") == [1]


def test_by_hand_views_are_chosen_by_tag_and_frozen(served: Shop, run: Run) -> None:
    ran = run("views_by_hand", tags=["web"], action="freeze", reason="sale week")
    assert ran.state == "success", ran.log
    override = served.record("orders_by_day").override
    assert override is not None
    assert (override.kind, override.reason) == ("frozen", "sale week")
    run("views_by_hand", tags=["web"], action="on", reason="sale is over")
    assert served.record("orders_by_day").override is None


def test_by_hand_asks_for_runs_of_the_views_dags(served: Shop, run: Run) -> None:
    ran = run("views_by_hand", views=["orders_by_day"], action="refresh", reason="again")
    (asked,) = ran.returned["act"]
    assert asked["trigger_dag_id"] == "view_orders_by_day"
    assert asked["conf"]["action"] == "refresh"


@pytest.mark.parametrize(
    ("form", "told"),
    [
        ({"views": ["orders_by_day"], "action": "refresh"}, "no reason is given"),
        ({"views": None, "tags": None, "action": "refresh", "reason": "x"}, "no view is chosen"),
        ({"views": ["orders_by_dya"], "action": "off", "reason": "x"}, "Choose views that the form offers"),
        ({"tags": ["wbe"], "action": "off", "reason": "x"}, "Choose views that the form offers"),
        ({"views": ["orders_by_day"], "action": "rollback", "reason": "x"}, "See its state on the page Views"),
        ({"views": ["orders_by_day"], "action": "off", "reason": "x", "until": "0001-01-01T00:00:00+14:00"}, "Until"),
    ],
)
def test_by_hand_a_wrong_choice_is_told_in_words_of_the_form(
    served: Shop, run: Run, form: dict[str, object], told: str
) -> None:
    ran = run("views_by_hand", **form)
    assert (ran.state, ran.tasks["act"]) == ("failed", "failed")
    assert told in ran.log
    assert not [word for word in ("Traceback", "--tag", "--reason", "'views ") if word in ran.log], ran.log
    assert served.record("orders_by_day").override is None


def test_nobody_acts_in_the_name_of_another_one(served: Shop, run: Run) -> None:
    asked = {"views": ["orders_by_day"], "action": "refresh", "reason": "again", "by": "olga"}
    (triggered,) = run("views_by_hand", **asked).returned["act"]
    assert "by" not in triggered["conf"], "Airflow lets a run that a run triggers inherit its user"
    run("view_orders_by_day", action="refresh", reason="again", by="olga")
    assert served.serving("orders_by_day") == [2]
    assert not [each for each in served.manager().history("orders_by_day", limit=99) if "olga" in each.author]
