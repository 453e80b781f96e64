"""A day of looks and of the runs that they trigger, replayed on a real Cassandra with the clock passed in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from cassandra_views.model.steps import ServeGeneration
from tests.integration.airflow.airflow_process import AirflowProcess
from tests.integration.airflow.lifecycle import acts
from tests.integration.airflow.lifecycle.shop import BY_DAY, Shop

pytestmark = [pytest.mark.timeout(900), pytest.mark.slow]

MIDNIGHT = datetime(2026, 3, 1, tzinfo=UTC)
HALF_HOUR = timedelta(minutes=30)
MINUTE = timedelta(minutes=1)
DAILY, WAITING, TOTAL = "view_orders_by_day", "view_orders_by_event", "view_orders_by_total"


def test_a_day_of_looks_triggers_each_run_once_and_at_its_time(airflow: AirflowProcess, shop: Shop) -> None:
    shop.write_file("views", "orders_by_event", BY_DAY.replace('at: "00:10"', "slide_on: base"))
    shop.fill(1)
    first, last = MIDNIGHT - HALF_HOUR, MIDNIGHT + timedelta(hours=23, minutes=30)
    triggered = airflow.call(acts.replay, shop.dags, shop.variables, first, last, HALF_HOUR)
    assert sorted(triggered) == [
        (first, DAILY),
        (first, WAITING),
        (first, TOTAL),
        (MIDNIGHT + HALF_HOUR, DAILY),  # its slide was at 00:10
        (MIDNIGHT + 2 * HALF_HOUR, DAILY),  # the grace of what it replaced is over
        (MIDNIGHT + 2 * HALF_HOUR, WAITING),  # no event of its base came for an hour
        (MIDNIGHT + 3 * HALF_HOUR, WAITING),
    ]
    assert shop.physical_views() == {"orders_by_day__g2", "orders_by_event__g2", "orders_by_total__g1"}


def test_a_view_that_fails_is_tried_less_and_less_often_and_then_frozen(airflow: AirflowProcess, shop: Shop) -> None:
    shop.fill(1)
    airflow.call(acts.replay, shop.dags, shop.variables, MIDNIGHT, MIDNIGHT, MINUTE)
    shop.write_file("views", "orders_by_day", BY_DAY.replace("SELECT *", "SELECT customer, day, gone"))
    first = MIDNIGHT + timedelta(hours=12)
    triggered = airflow.call(acts.replay, shop.dags, shop.variables, first, first + 40 * MINUTE, MINUTE)
    minutes = [(moment - first) // MINUTE for moment, dag_id in triggered if dag_id == DAILY]
    assert minutes == [0, 1, 3, 7, 15]
    override = shop.record("orders_by_day").override
    assert override is not None
    assert override.kind == "frozen"
    assert TOTAL not in {dag_id for _moment, dag_id in triggered}, "it had nothing to do"


def test_what_was_interrupted_or_changed_by_hand_is_found(airflow: AirflowProcess, shop: Shop) -> None:
    shop.fill(1)
    manager = shop.manager(now=MIDNIGHT)
    plan = manager.plan(["orders_by_total"])
    manager.carry_out(plan.part([step for step in plan.steps if not isinstance(step, ServeGeneration)]))
    assert shop.serving("orders_by_total") == []
    look = partial(airflow.call, acts.replay, shop.dags, shop.variables, every=MINUTE)
    assert sorted(look(first=MIDNIGHT, last=MIDNIGHT + MINUTE)) == [(MIDNIGHT, DAILY), (MIDNIGHT, TOTAL)]
    assert shop.serving("orders_by_total") == [1]
    shop.session.execute(f"DROP MATERIALIZED VIEW {shop.keyspace}.orders_by_total__g1")
    later = MIDNIGHT + 2 * MINUTE
    assert look(first=later, last=later) == [(later, TOTAL)]
    assert shop.serving("orders_by_total") == [2]
