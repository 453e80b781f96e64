"""The command line where no server is needed: usage, exit codes, what is said."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from spark_jobs.__main__ import app, main
from spark_jobs.job import JobReport
from spark_jobs.ledger import TABLE
from spark_jobs.levels import Interval
from spark_jobs.tasks import TASKS

ROOT = Path(__file__).parents[3]


def called(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[object, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    out, err = capsys.readouterr()
    assert "Traceback" not in err
    return ended.value.code, out, err


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["live_to_minute", "2026-03-01T10:15:01", "2026-03-01T10:16"], "is not at the border of a minute"),
        (["minute_to_hour", "2026-03-01T10:15", "2026-03-01T11:15"], "is not at the border of an hour"),
        (["hour_to_day", "2026-03-01", "2026-02-28"], "the end is before the start"),
        (["aggregations", "2026-03-01T01:00", "2026-03-02T01:00"], "is not at the border of a day"),
        (["hour_to_day", "2026-03-01", "2026-03-02", "--now", "2026-03-01T23:59"], "the interval is not over"),
        (["hour_to_day", "2026-03-01", "2026-03-02", "--now", "noon"], "'noon' is no time"),
        (["live_to_minute", "2026-03-01T10:15"], "missing argument"),
        (["live_to_day", "2026-03-01", "2026-03-02"], "no such command 'live_to_day'"),
        (["hour_to_day", "2026-03-01", "2026-03-02", "--kespace", "x"], "no such option: --kespace"),
    ],
)
def test_wrong_input_ends_with_two(arguments: list[str], text: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = called(capsys, *arguments)
    assert (code, out) == (2, "")
    assert text in err
    assert all(f"  {part}: " in err for part in ("On", "State", "Next"))


def test_no_contact_point_ends_with_one(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CASSANDRA_CONTACT_POINTS", raising=False)
    code, out, err = called(capsys, "hour_to_day", "2026-03-01", "2026-03-02")
    assert (code, out) == (1, "")
    assert "no contact point is given" in err


def test_a_cassandra_that_does_not_answer_ends_with_one() -> None:
    """In a process of its own: nothing but the error may be said, on standard error alone."""
    environ = {"CASSANDRA_CONTACT_POINTS": "127.0.0.1", "CASSANDRA_PORT": "1", "PATH": "/usr/bin:/bin"}
    line = [sys.executable, "-m", "spark_jobs", "hour_to_day", "2026-03-01", "2026-03-02"]
    done = subprocess.run(line, env=environ, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("Error: the cluster cannot be reached")
    assert "Traceback" not in done.stderr


def test_every_task_has_its_command_and_its_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert tuple(each.name for each in app.registered_commands) == (*TASKS, "audit")
    for task in TASKS:
        code, out, _ = called(capsys, task, "--help")
        assert code == 0
        assert "START" in out
        assert "--now" in out


def test_a_run_that_needs_no_spark_does_not_import_it() -> None:
    """Pandas and Spark are two seconds of importing: only a job that has something to compute pays them."""
    heavy = "[name for name in ('pyspark', 'pandas', 'grpc') if name in sys.modules]"
    code = f"import sys, spark_jobs.tasks, spark_jobs.session; print({heavy})"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "[]"


def test_an_error_that_nobody_thought_of_has_four_parts_too() -> None:
    broken = "import spark_jobs.levels as i; i.parse_interval = None"
    code = f"import spark_jobs.__main__ as m; {broken}; m.main(['hour_to_day', 'a', 'b'])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("Error: the job failed in a way it does not know (TypeError: ")
    assert "Traceback" not in done.stderr


def test_the_page_describes_every_column_of_the_ledger_and_every_key_of_the_line() -> None:
    page = (ROOT / "docs" / "reference" / "rollups.md").read_text()
    ledger, line = page.partition("\n## The ledger")[2], page.partition("\n## The JSON line")[2].partition("\n## ")[0]
    columns = re.findall(r"^    (\w+) (?:text|timestamp|bigint),", TABLE.columns, re.MULTILINE)
    assert len(columns) == 12
    assert [name for name in columns if f"`{name}`" not in ledger] == []
    moment = datetime(2026, 3, 1, tzinfo=UTC)
    report = JobReport(task="a_task", interval=Interval(start=moment, end=moment), unknown={})
    assert [name for name in json.loads(report.line()) if f"`{name}`" not in line] == []


def test_the_ledger_is_what_its_file_says() -> None:
    file = (ROOT / "cql_templates" / "tables" / "rollups.cql.j2").read_text()
    assert file.partition("CREATE TABLE {{ table }} (\n")[2].partition("\n)")[0] == TABLE.columns.strip("\n")
