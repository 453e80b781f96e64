"""The DAGs under a real scheduler and a real triggerer."""

from __future__ import annotations

from datetime import datetime, timedelta

import psutil
import pytest

from tests.integration.airflow.components import RUN_SECONDS, Components, await_that
from tests.integration.airflow.master import Master

pytestmark = pytest.mark.timeout(1200)  # the first test may start four processes

# As a job of Spark takes.
SOME_SECONDS = "sleep 4"


def is_gone(pid: int) -> bool:
    """Say whether a process has ended; one whose parent has not asked for its exit code still has its number."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def a_minute(start: str) -> dict[str, str]:
    """Return what a run for the minute from ``start`` on is asked for with."""
    begin = datetime.fromisoformat(start)
    return {
        "logical_date": begin.isoformat(),
        "data_interval_start": begin.isoformat(),
        "data_interval_end": (begin + timedelta(minutes=1)).isoformat(),
    }


def test_a_minute_run_comes_by_itself_and_takes_no_worker_while_it_waits(airflow: Components, master: Master) -> None:
    master.let("live_to_minute", "until [ -e go ]; do sleep 0.2; done")
    (master.home / "go").unlink(missing_ok=True)
    airflow.unpause("report")
    airflow.unpause("spark_live_to_minute")
    found = await_that(lambda: airflow.get("dags/spark_live_to_minute/dagRuns")["dag_runs"], RUN_SECONDS)
    run = found[0]

    waiting = airflow.await_task("spark_live_to_minute", run["dag_run_id"], "live_to_minute", "deferred")
    (master.home / "go").touch()
    ended = airflow.await_run("spark_live_to_minute", run["dag_run_id"])
    # Only now: of two events in the same moment, Airflow may keep the second for the run that a third one wakes.
    airflow.await_run(
        "spark_live_to_minute", airflow.trigger("spark_live_to_minute", logical_date="2026-03-01T10:16:42Z")
    )
    airflow.unpause("spark_live_to_minute", paused=True)

    assert ended["run_type"] == "scheduled"
    assert waiting["trigger"]["classpath"].endswith("SSHRemoteJobTrigger")
    start, end = (f"{datetime.fromisoformat(run[f'data_interval_{each}']):%FT%TZ}" for each in ("start", "end"))
    assert end.endswith(":00Z")
    assert f"spark_live_to_minute.sh {start} {end}" in master.calls()
    assert "spark_live_to_minute.sh 2026-03-01T10:15:00Z 2026-03-01T10:16:00Z" in master.calls()
    events = airflow.get("assets/events?order_by=-timestamp")["asset_events"]
    event = next(each for each in events if each["source_run_id"] == run["dag_run_id"])
    assert event["uri"] == "x-cassandra://insight/unified_minute"
    assert (event["extra"]["start"], event["extra"]["end"]) == (start, end)
    assert "asyncssh" not in airflow.log("spark_live_to_minute", run["dag_run_id"])

    def is_woken() -> bool:
        """Tell whether a run has got this event: both may come in one, or each in its own."""
        found = [each["dag_run_id"] for each in airflow.get("dags/report/dagRuns")["dag_runs"]]
        for each in found:
            airflow.await_run("report", each)
        return any(f"{start} {end}" in airflow.log("report", each) for each in found)

    await_that(is_woken, RUN_SECONDS)


def test_a_failing_script_is_told_in_the_log_and_tried_again_later(airflow: Components, master: Master) -> None:
    master.let("live_to_minute", f"{SOME_SECONDS}; echo 'no view covers that time' >&2; exit 3")
    airflow.unpause("spark_minute_to_hour")
    found = await_that(lambda: airflow.get("dags/spark_minute_to_hour/dagRuns")["dag_runs"], RUN_SECONDS)
    run = found[0]["dag_run_id"]

    waiting = airflow.await_task("spark_minute_to_hour", run, "live_to_minute", "up_for_retry")
    airflow.unpause("spark_minute_to_hour", paused=True)

    assert waiting["max_tries"] == 5
    log = airflow.log("spark_minute_to_hour", run, "live_to_minute")
    assert "ended with exit code 3. Its last lines:" in log
    assert "no view covers that time" in log
    hour = airflow.get(f"dags/spark_minute_to_hour/dagRuns/{run}/taskInstances/minute_to_hour")
    assert hour["state"] is None  # it comes after the last try
    assert not any("minute_to_hour" in call for call in master.calls())


def test_the_form_is_checked_before_a_run_is_made(airflow: Components) -> None:
    for day in ("2026-02-30", "yesterday", "1 March", 20260301):
        status, answer = airflow.request(
            "POST", "dags/spark_aggregations/dagRuns", {"logical_date": None, "conf": {"first_day": day}}
        )
        assert status == 400, (day, answer)
        assert "first_day" in str(answer)


def test_a_lost_connection_does_not_lose_the_result(airflow: Components, master: Master) -> None:
    master.let("live_to_minute", "until [ -e go ]; do sleep 0.2; done")
    (master.home / "go").unlink(missing_ok=True)
    airflow.unpause("minute")

    def is_lost() -> bool:
        return master.server.drop_connections() > 0 and "Lost SSH connection" in airflow.log("minute", run)

    run = airflow.trigger("minute", **a_minute("2026-03-01T10:14:00Z"))
    airflow.await_task("minute", run, "live_to_minute", "deferred")
    await_that(is_lost, RUN_SECONDS)
    (master.home / "go").touch()

    airflow.await_run("minute", run)
    assert master.calls() == ["spark_live_to_minute.sh 2026-03-01T10:14:00Z 2026-03-01T10:15:00Z"]


def test_a_job_that_is_lost_or_too_long_ends_at_its_limit(airflow: Components, master: Master) -> None:
    master.let(
        "live_to_minute",
        # The whole process group, so that nothing is left to note an exit code; or a job that hangs.
        "case $1 in *10:15*) kill -9 0;; esac\necho $$ >pid; sleep 1000",
    )
    airflow.unpause("short_limit")

    lost = airflow.trigger("short_limit", **a_minute("2026-03-01T10:15:00Z"))
    hanging = airflow.trigger("short_limit", **a_minute("2026-03-01T10:16:00Z"))
    master.await_call("10:16:00Z 2026-03-01T10:17:00Z")
    pid = int(await_that(lambda: (master.home / "pid").exists() and (master.home / "pid").read_text(), 60))

    for run in (lost, hanging):
        airflow.await_run("short_limit", run, "failed")
        log = airflow.log("short_limit", run)
        assert "took longer than 0:00:15 on the Spark master, or was killed there with its wrapper" in log
    assert is_gone(pid)
