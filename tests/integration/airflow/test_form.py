"""The form of spark_aggregations: a day, a range, or nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.integration.airflow import inside
from tests.integration.airflow.airflow_process import DAGS, AirflowProcess, connection
from tests.integration.airflow.inside import Outcome
from tests.integration.airflow.master import Master


def trigger(airflow: AirflowProcess, master: Master, conf: dict[str, Any] | None, retries: int = 0) -> Outcome:
    """Carry out a run as `airflow dags trigger spark_aggregations --conf ...` makes it: without a logical date."""
    return airflow.call(
        inside.run_dag, "spark_aggregations", connection=connection(master.server), conf=conf, retries=retries
    )


def test_the_form_asks_for_two_days_and_says_what_they_mean(airflow: AirflowProcess) -> None:
    params = airflow.call(inside.parse, DAGS).dags["spark_aggregations"].params

    assert list(params) == ["first_day", "last_day"]
    for param in params.values():
        assert param["default"] is None
        assert (param["type"], param["format"]) == (["null", "string"], "date")
        assert "UTC" in param["description"]


@pytest.mark.parametrize(
    ("conf", "interval"),
    [
        ({"first_day": "2026-03-01"}, "2026-03-01T00:00:00Z 2026-03-02T00:00:00Z"),
        ({"first_day": "2025-12-30", "last_day": "2026-01-01"}, "2025-12-30T00:00:00Z 2026-01-02T00:00:00Z"),
    ],
)
def test_one_job_computes_the_days(
    airflow: AirflowProcess, master: Master, conf: dict[str, Any], interval: str
) -> None:
    outcome = trigger(airflow, master, conf)

    assert outcome.state == "success"
    assert master.calls() == [f"spark_aggregations.sh {interval}"]
    start, end = interval.split()
    assert [(extra["start"], extra["end"]) for _, extra in outcome.events] == [(start, end)] * 4


def test_an_empty_form_computes_the_last_day_that_has_ended(airflow: AirflowProcess, master: Master) -> None:
    midnight = datetime.now(tz=UTC).replace(hour=0, minute=0, second=0, microsecond=0)

    assert trigger(airflow, master, None).state == "success"

    # The day may have changed between the two looks.
    ends = [f"{each:%Y-%m-%d}T00:00:00Z" for each in (midnight, midnight + timedelta(days=1))]
    assert master.calls()[0].split()[2] in ends


@pytest.mark.parametrize(
    ("conf", "says"),
    [
        ({"first_day": "2026-03-02", "last_day": "2026-03-01"}, "The last day (2026-03-01) is before the first"),
        ({"first_day": "2126-03-02"}, "2126-03-02 had not ended when this run was asked for"),
        ({"last_day": "2026-03-02"}, "There is a last day (2026-03-02) and no first one"),
    ],
)
def test_days_that_cannot_be_fail_at_once(
    airflow: AirflowProcess, master: Master, conf: dict[str, Any], says: str
) -> None:
    outcome = trigger(airflow, master, conf, retries=5)

    assert outcome.tasks == {"aggregations": "failed"}
    assert outcome.tries == {"aggregations": 1}
    assert says in outcome.log
    assert master.calls() == []
