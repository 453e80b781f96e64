"""Each DAG carried out whole by Airflow, against a real OpenSSH server."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.integration.airflow import inside
from tests.integration.airflow.airflow_process import AirflowProcess, connection
from tests.integration.airflow.conftest import PASSWORD
from tests.integration.airflow.inside import Outcome
from tests.integration.airflow.master import Master
from tests.sshd import make_key

Run = Callable[..., Outcome]
MINUTE = "2026-03-01T10:15:00Z 2026-03-01T10:16:00Z"


@pytest.fixture
def run(airflow: AirflowProcess, master: Master) -> Run:
    """Carry out a run of a DAG for the time that ends at a moment; by key, without a second try."""

    def carry_out(dag_id: str, end: str, **arguments: object) -> Outcome:
        moment = datetime.fromisoformat(end).replace(tzinfo=UTC)
        given: dict[str, object] = {"connection": connection(master.server), **arguments}
        return airflow.call(inside.run_dag, dag_id, logical_date=moment, **given)  # type: ignore[arg-type]

    return carry_out


def by_password(master: Master, password: str) -> dict[str, object]:
    return connection(master.server, password=password, extra=json.dumps({"host_key": master.server.host_key}))


def test_the_minute_dag_runs_its_script_for_the_minute_before(run: Run, master: Master) -> None:
    outcome = run("spark_live_to_minute", "2026-03-01T10:16")

    assert outcome.state == "success"
    assert master.calls() == [f"spark_live_to_minute.sh {MINUTE}"]
    assert outcome.commands == {"live_to_minute": f"bash spark_live_to_minute.sh {MINUTE}"}


def test_the_hour_dag_runs_minute_59_and_then_the_hour(run: Run, master: Master) -> None:
    outcome = run("spark_minute_to_hour", "2026-03-01T10:00")

    assert outcome.state == "success"
    assert master.calls() == [
        "spark_live_to_minute.sh 2026-03-01T09:59:00Z 2026-03-01T10:00:00Z",
        "spark_minute_to_hour.sh 2026-03-01T09:00:00Z 2026-03-01T10:00:00Z",
    ]


def test_the_day_dag_runs_all_four_levels_for_the_day_before(run: Run, master: Master) -> None:
    outcome = run("spark_hour_to_day", "2026-01-01T00:00")

    assert outcome.state == "success"
    assert master.calls() == [
        "spark_live_to_minute.sh 2025-12-31T23:59:00Z 2026-01-01T00:00:00Z",
        "spark_minute_to_hour.sh 2025-12-31T23:00:00Z 2026-01-01T00:00:00Z",
        "spark_hour_to_day.sh 2025-12-31T00:00:00Z 2026-01-01T00:00:00Z",
        "spark_aggregations.sh 2025-12-31T00:00:00Z 2026-01-01T00:00:00Z",
    ]


def test_each_level_emits_an_event_with_its_interval(run: Run) -> None:
    outcome = run("spark_hour_to_day", "2026-03-02T00:00")

    day = {"start": "2026-03-01T00:00:00Z", "end": "2026-03-02T00:00:00Z", "rows_written": 3, "completeness": 1.0}
    asset = "x-cassandra://insight/{}".format
    assert outcome.events[:3] == [
        (asset("unified_minute"), {**day, "start": "2026-03-01T23:59:00Z"}),
        (asset("unified_hour"), {**day, "start": "2026-03-01T23:00:00Z"}),
        (asset("unified_day"), day),
    ]
    kinds = ("console", "game", "genre", "language")
    assert sorted(outcome.events[3:], key=str) == [(asset(f"{kind}_aggregation"), day) for kind in kinds]


def test_the_jobs_report_is_what_the_task_returns(run: Run) -> None:
    outcome = run("spark_live_to_minute", "2026-03-01T10:16")

    start, end = MINUTE.split()
    report = {"task": "live_to_minute", "start": start, "end": end, "rows_written": 3, "completeness": 1.0}
    assert outcome.reports == {"live_to_minute": report}


def test_a_script_that_reports_nothing_has_still_done_its_work(run: Run, master: Master) -> None:
    master.let("live_to_minute", "echo '{not json'; exit 0")

    outcome = run("spark_live_to_minute", "2026-03-01T10:16")

    assert outcome.state == "success"
    assert outcome.reports == {}
    assert [uri for uri, _ in outcome.events] == ["x-cassandra://insight/unified_minute"]


def test_a_job_that_ended_well_leaves_nothing_behind(run: Run, master: Master) -> None:
    before = master.leftovers()

    assert run("spark_live_to_minute", "2026-03-01T10:16").state == "success"
    assert master.leftovers() == before


def test_a_password_does_instead_of_a_key(run: Run, master: Master) -> None:
    outcome = run("spark_live_to_minute", "2026-03-01T10:16", connection=by_password(master, PASSWORD))

    assert outcome.state == "success"
    assert master.calls() == [f"spark_live_to_minute.sh {MINUTE}"]
    assert PASSWORD not in outcome.log


def test_a_wrong_password_fails_and_says_so(run: Run, master: Master) -> None:
    outcome = run("spark_live_to_minute", "2026-03-01T10:16", connection=by_password(master, "secret"))

    assert outcome.state == "failed"
    assert "spark_live_to_minute.sh was not started on the host of the connection 'spark_master'" in outcome.log
    assert "Correct the key or the password in the connection" in outcome.log
    assert master.calls() == []


def test_a_wrong_host_key_fails_and_says_so(run: Run, master: Master, tmp_path: Path) -> None:
    other = " ".join(make_key(tmp_path / "other").split()[:2])
    extra = json.dumps({"key_file": str(master.server.key_file), "host_key": other})

    outcome = run("spark_live_to_minute", "2026-03-01T10:16", connection=connection(master.server, extra=extra))

    assert outcome.state == "failed"
    assert "BadHostKeyException" in outcome.log
    assert "Nothing was changed. Another host answers there, or its key is new" in outcome.log
    assert master.calls() == []


def test_a_host_whose_key_nobody_told_is_not_trusted(run: Run, master: Master) -> None:
    extra = json.dumps({"key_file": str(master.server.key_file)})

    outcome = run("spark_live_to_minute", "2026-03-01T10:16", connection=connection(master.server, extra=extra))

    assert outcome.state == "failed"
    assert "put it into the connection as host_key" in outcome.log
    assert master.calls() == []


def test_a_host_that_known_hosts_tells_is_trusted(run: Run, master: Master, airflow: AirflowProcess) -> None:
    extra = json.dumps({"key_file": str(master.server.key_file)})
    known = airflow.home / ".ssh" / "known_hosts"
    known.parent.mkdir(exist_ok=True)
    known.write_text(master.server.known_hosts.read_text())
    try:
        outcome = run("spark_live_to_minute", "2026-03-01T10:16", connection=connection(master.server, extra=extra))
    finally:
        known.unlink()

    assert outcome.state == "success"


def test_the_key_itself_does_instead_of_its_file(run: Run, master: Master) -> None:
    server = master.server
    extra = json.dumps({"private_key": server.key_file.read_text(), "host_key": server.host_key})

    outcome = run("spark_live_to_minute", "2026-03-01T10:16", connection=connection(server, extra=extra))

    assert outcome.state == "success"
    assert server.key_file.read_text().splitlines()[1] not in outcome.log


def test_a_master_that_is_away_is_told(run: Run, master: Master) -> None:
    outcome = run("spark_live_to_minute", "2026-03-01T10:16", connection=connection(master.server, port=1))

    assert outcome.state == "failed"
    assert "Check host and port of the connection and that sshd runs there" in outcome.log


def test_a_failing_script_brings_its_exit_code_and_last_lines(run: Run, master: Master) -> None:
    master.let("live_to_minute", "for n in {1..40}; do echo line $n; done; echo 'no view covers it' >&2; exit 3")
    before = master.leftovers()

    outcome = run("spark_live_to_minute", "2026-03-01T10:16")

    assert outcome.state == "failed"
    assert f"bash spark_live_to_minute.sh {MINUTE} on 127.0.0.1 ended with exit code 3. Its last lines:" in outcome.log
    assert "  line 40\n  no view covers it" in outcome.log.replace("\\n", "\n"), "a line of JSON holds no line breaks"
    assert outcome.events == []
    assert len(set(master.leftovers()) - set(before)) == 1  # all of its output


def test_the_last_lines_of_a_long_output_are_the_last(run: Run, master: Master) -> None:
    """The operator reads at most 64 KiB between its last look and the end."""
    master.let("live_to_minute", "yes 'a line of a long stack trace' | head -n 9000; echo 'Caused by: it'; exit 1")

    outcome = run("spark_live_to_minute", "2026-03-01T10:16")

    assert outcome.state == "failed"
    assert "Caused by: it" in outcome.log


@pytest.mark.parametrize(
    ("code", "says"),
    [
        (2, "the interval or a setting was refused"),
        (75, "another run of this interval held its lock"),
        (127, "the script is not in the home folder"),
        (137, "ended by signal 9"),
    ],
)
def test_exit_codes_are_explained(run: Run, master: Master, code: int, says: str) -> None:
    master.let("live_to_minute", f"exit {code}")

    assert f"exit code {code} ({says}" in run("spark_live_to_minute", "2026-03-01T10:16").log


def test_a_script_that_is_not_installed_is_told(run: Run, master: Master) -> None:
    (master.home / "spark_live_to_minute.sh").unlink()

    outcome = run("spark_live_to_minute", "2026-03-01T10:16")

    assert outcome.state == "failed"
    assert "exit code 127" in outcome.log


def test_a_failed_job_is_tried_again(run: Run, master: Master) -> None:
    master.let("live_to_minute", "[ -e second ] && rm second && return; touch second; exit 1")

    outcome = run("spark_live_to_minute", "2026-03-01T10:16", retries=1)

    assert outcome.state == "success"
    assert outcome.tries == {"live_to_minute": 2}
    assert master.calls() == [f"spark_live_to_minute.sh {MINUTE}"] * 2


def test_a_minute_that_fails_does_not_cost_its_hour(run: Run, master: Master) -> None:
    master.let("live_to_minute", "exit 1")

    outcome = run("spark_minute_to_hour", "2026-03-01T10:00")

    assert outcome.tasks == {"live_to_minute": "failed", "minute_to_hour": "success"}
    assert outcome.state == "success"


def test_aggregations_wait_for_their_day(run: Run, master: Master) -> None:
    master.let("hour_to_day", "exit 1")

    outcome = run("spark_hour_to_day", "2026-03-02T00:00")

    assert outcome.tasks["hour_to_day"] == "failed"
    assert outcome.tasks["aggregations"] == "upstream_failed"
    assert outcome.state == "failed"
    assert not any("aggregations" in call for call in master.calls())


@pytest.mark.parametrize("moment", ["2026-03-01T10:42:17", "2026-03-01T10:00:00"])
def test_a_run_by_hand_gets_the_last_whole_hour(run: Run, master: Master, moment: str) -> None:
    assert run("spark_minute_to_hour", moment).state == "success"
    assert master.calls()[-1] == "spark_minute_to_hour.sh 2026-03-01T09:00:00Z 2026-03-01T10:00:00Z"


def test_a_run_for_a_time_to_come_is_refused_at_once(run: Run, master: Master) -> None:
    outcome = run("spark_minute_to_hour", "2126-03-01T10:00", retries=5)

    assert outcome.tasks["live_to_minute"] == "failed"
    assert outcome.tries["live_to_minute"] == 1
    assert "had not ended when this run was asked for" in outcome.log
    assert "Nothing was started" in outcome.log
    assert master.calls() == []
