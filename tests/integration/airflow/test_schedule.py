"""The seed's four DAGs: they load, and their timetables give each interval of a day to exactly one task."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from tests.integration.airflow import inside
from tests.integration.airflow.airflow_process import DAGS, AirflowProcess, settings
from tests.integration.airflow.inside import Parsed, PlannedRun

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
# Runs from midnight on, up to and with the next midnight's: those that compute the day.
MIDNIGHT = datetime(2026, 3, 1, tzinfo=UTC)
CHAINS = {
    "spark_live_to_minute": ("live_to_minute",),
    "spark_minute_to_hour": ("live_to_minute", "minute_to_hour"),
    "spark_hour_to_day": ("live_to_minute", "minute_to_hour", "hour_to_day", "aggregations"),
    "spark_aggregations": ("aggregations",),
}


@pytest.fixture(scope="module")
def parsed(airflow: AirflowProcess) -> Parsed:
    airflow.call(inside.parse, DAGS)  # the first scan also imports the SSH provider
    return airflow.call(inside.parse, DAGS)


@pytest.fixture(scope="module")
def day(airflow: AirflowProcess) -> dict[str, list[PlannedRun]]:
    first, last = MIDNIGHT + timedelta(seconds=1), MIDNIGHT + DAY
    return {name: airflow.call(inside.planned_runs, name, first, last) for name in list(CHAINS)[:3]}


def span(start: datetime, unit: timedelta) -> str:
    return f"{start:%Y-%m-%dT%H:%M:%SZ} {start + unit:%Y-%m-%dT%H:%M:%SZ}"


def test_the_folder_loads_without_errors_and_warnings(parsed: Parsed) -> None:
    assert parsed.errors == {}
    assert parsed.warnings == {}
    assert set(parsed.dags) == set(CHAINS)


def test_a_scan_is_quick(parsed: Parsed) -> None:
    assert parsed.seconds < 1  # 0.1 s here; Airflow scans every 30 s


def test_a_scan_does_not_import_the_ssh_provider_anew(airflow: AirflowProcess) -> None:
    """It takes most of a scan's time. The DAG processor imports beforehand what the file itself names of Airflow."""
    for name in CHAINS:
        named = airflow.call(inside.imported_beforehand, str(DAGS / f"{name}.py"))
        assert "airflow.providers.ssh.operators.ssh_remote_job" in named


def test_airflow_stays_in_its_own_process(airflow: AirflowProcess, parsed: Parsed) -> None:
    assert parsed.dags
    assert os.environ.get("AIRFLOW_HOME") != str(airflow.home)


def test_the_dags_load_without_this_project_and_without_a_database(airflow: AirflowProcess) -> None:
    """Airflow's host has nothing of this project; and what a file asks the database for is asked at each scan."""
    load = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "for name in sys.argv[2:]: __import__(name)\n"  # Airflow itself loads what is installed as a provider
        "for name in [each for each in sys.modules if each in sys.argv or each.startswith('rollup_dags')]:\n"
        "    del sys.modules[name]\n"
        "for name in ('cassandra', 'cassandra_views', 'cassandra_embedded', 'pyspark', 'spark_jobs'):\n"
        "    sys.modules[name] = None  # as if it was not installed\n"
        "print(all(__import__(name).dag.dag_id == name for name in sys.argv[2:]))"
    )
    answer = subprocess.run(
        [sys.executable, "-c", load, str(DAGS), *CHAINS],
        env={**settings(airflow.home), "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": "sqlite:////no/such.db"},
        cwd=airflow.home,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (answer.stdout.strip().splitlines()[-1:], answer.returncode) == (["True"], 0), answer.stderr


@pytest.mark.parametrize("name", CHAINS)
def test_tasks_come_one_after_another(parsed: Parsed, name: str) -> None:
    tasks = CHAINS[name]
    assert parsed.dags[name].tasks == tasks
    assert parsed.dags[name].edges == set(itertools.pairwise(tasks))


@pytest.mark.parametrize("name", CHAINS)
def test_failures_are_tried_again_five_times_and_late_runs_do_not_pile_up(parsed: Parsed, name: str) -> None:
    dag = parsed.dags[name]

    assert dag.retries == {5}
    assert dag.retry_delays == {timedelta(minutes=5)}
    assert dag.catchup is False
    assert 1 <= dag.max_active_runs <= 5
    # Longer than a script waits for another run of its interval; and counted while the task is deferred too.
    assert all(limit > timedelta(minutes=10) for limit in dag.limits.values())
    assert dag.deferral_limits == {task: limit.total_seconds() for task, limit in dag.limits.items()}


@pytest.mark.parametrize("name", CHAINS)
def test_each_dag_says_what_it_is_and_whose(parsed: Parsed, name: str) -> None:
    dag = parsed.dags[name]

    assert dag.owner == "rollups"
    assert {"rollups", "spark"} <= dag.tags
    assert all(f"spark_{task}.sh" in dag.doc for task in dag.tasks)
    assert dag.is_scheduled == (name != "spark_aggregations")


def test_each_command_is_one_simple_command(parsed: Parsed) -> None:
    """The operator runs it inside a shell of its own: a quote or a second command would break that."""
    commands = {command for dag in parsed.dags.values() for command in dag.commands.values()}

    assert commands == {
        f"bash spark_{task}.sh {{{{ task.interval(dag_run, params) }}}}" for task in CHAINS["spark_hour_to_day"]
    }


def test_a_failed_task_holds_up_no_level_that_fills_what_is_below_it(parsed: Parsed) -> None:
    rules = parsed.dags["spark_hour_to_day"].trigger_rules

    assert rules == {
        "live_to_minute": "all_success",
        "minute_to_hour": "all_done",
        "hour_to_day": "all_done",
        "aggregations": "all_success",
    }


def test_each_level_has_its_asset(parsed: Parsed) -> None:
    assert parsed.dags["spark_hour_to_day"].outlets == {
        "live_to_minute": ["x-cassandra://insight/unified_minute"],
        "minute_to_hour": ["x-cassandra://insight/unified_hour"],
        "hour_to_day": ["x-cassandra://insight/unified_day"],
        "aggregations": [
            f"x-cassandra://insight/{kind}_aggregation" for kind in ("game", "genre", "console", "language")
        ],
    }


def test_a_day_has_1416_minute_runs_23_hour_runs_and_one_day_run(day: dict[str, list[PlannedRun]]) -> None:
    assert [len(day[name]) for name in list(CHAINS)[:3]] == [1416, 23, 1]


def test_minute_runs_come_each_minute_but_at_the_full_hour(day: dict[str, list[PlannedRun]]) -> None:
    minutes = [MIDNIGHT + number * MINUTE for number in range(1, 1440)]

    assert [run.run_after for run in day["spark_live_to_minute"]] == [each for each in minutes if each.minute != 0]


def test_hour_runs_come_each_hour_but_at_midnight(day: dict[str, list[PlannedRun]]) -> None:
    assert [run.run_after for run in day["spark_minute_to_hour"]] == [MIDNIGHT + n * HOUR for n in range(1, 24)]


def test_the_day_run_comes_at_midnight(day: dict[str, list[PlannedRun]]) -> None:
    assert [run.run_after for run in day["spark_hour_to_day"]] == [MIDNIGHT + DAY]


def test_each_run_is_for_the_closed_time_before_it(day: dict[str, list[PlannedRun]]) -> None:
    for name, unit in zip(CHAINS, (MINUTE, HOUR, DAY), strict=False):
        assert all((run.start, run.end) == (run.run_after - unit, run.run_after) for run in day[name])


def test_the_hour_run_begins_with_minute_59(day: dict[str, list[PlannedRun]]) -> None:
    ten = day["spark_minute_to_hour"][9]

    assert ten.run_after == MIDNIGHT + 10 * HOUR
    assert ten.tasks == {
        "live_to_minute": "2026-03-01T09:59:00Z 2026-03-01T10:00:00Z",
        "minute_to_hour": "2026-03-01T09:00:00Z 2026-03-01T10:00:00Z",
    }


def test_the_day_run_begins_with_the_last_minute_and_the_last_hour(day: dict[str, list[PlannedRun]]) -> None:
    assert day["spark_hour_to_day"][0].tasks == {
        "live_to_minute": "2026-03-01T23:59:00Z 2026-03-02T00:00:00Z",
        "minute_to_hour": "2026-03-01T23:00:00Z 2026-03-02T00:00:00Z",
        "hour_to_day": "2026-03-01T00:00:00Z 2026-03-02T00:00:00Z",
        "aggregations": "2026-03-01T00:00:00Z 2026-03-02T00:00:00Z",
    }


@pytest.mark.parametrize(
    ("task", "unit", "count"),
    [("live_to_minute", MINUTE, 1440), ("minute_to_hour", HOUR, 24), ("hour_to_day", DAY, 1), ("aggregations", DAY, 1)],
)
def test_every_interval_of_the_day_is_computed_exactly_once(
    day: dict[str, list[PlannedRun]], task: str, unit: timedelta, count: int
) -> None:
    computed = [run.tasks[task] for runs in day.values() for run in runs if task in run.tasks]

    assert sorted(computed) == [span(MIDNIGHT + number * unit, unit) for number in range(count)]


def test_a_backfill_of_a_year_border_gives_each_day_once(airflow: AirflowProcess) -> None:
    runs = airflow.call(
        inside.planned_runs,
        "spark_hour_to_day",
        datetime(2025, 12, 31, tzinfo=UTC),
        datetime(2026, 1, 2, tzinfo=UTC),
    )

    days = [datetime(2025, 12, 30, tzinfo=UTC) + number * DAY for number in range(3)]
    assert [run.tasks["hour_to_day"] for run in runs] == [span(each, DAY) for each in days]
