"""A keyspace, a table or a Spark that is not there: four parts, an exit code, nothing written."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator

import pytest

from spark_jobs.__main__ import main
from spark_jobs.connector import SparkTables
from spark_jobs.levels import MINUTE
from tests.integration.cassandra.test_followers import create
from tests.integration.spark.pipeline import Pipeline
from tests.integration.spark.test_jobs import a_few_readings

Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run(
    plain: Pipeline, variables: dict[str, str], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Iterator[Run]:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    def call(task: str = "live_to_minute", keyspace: str = "", **environ: str) -> tuple[int, str]:
        for name, value in environ.items():
            monkeypatch.setenv(name, value)
        day = f"{plain.start:%Y-%m-%d}"
        with pytest.raises(SystemExit) as ended:
            main([task, f"{day}T08:10", f"{day}T08:11", "--keyspace", keyspace or plain.keyspace, "--registry", "no"])
        out, err = capfd.readouterr()
        assert out == ""
        assert "Traceback" not in err
        assert all(part in err for part in ("Error: ", "  On: ", "  State: ", "  Next: ")), err
        assert isinstance(ended.value.code, int)
        return ended.value.code, err

    yield call
    sys.stdout.flush()


def test_a_keyspace_that_is_not_there(run: Run) -> None:
    code, text = run(keyspace="spark_plane")
    assert code == 1
    assert "the keyspace 'spark_plane' does not exist; did you mean 'spark_plain'?" in text


def test_a_keyspace_of_others(run: Run) -> None:
    code, text = run(keyspace="system_traces")
    assert code == 1
    assert "there is no table" in text
    assert "views apply" in text


def test_no_view_and_no_base(run: Run, plain: Pipeline) -> None:
    plain.session.execute(f"DROP TABLE {plain.keyspace}.youtube_live")
    try:
        code, text = run()
    finally:
        create(plain.session, plain.keyspace, "youtube_live")
    assert code == 1
    assert "there is no table youtube_live" in text
    assert plain.ledger(MINUTE) == {}


def test_a_spark_master_that_does_not_answer(run: Run, plain: Pipeline) -> None:
    a_few_readings(plain)
    code, text = run(SPARK_MASTER="spark://127.0.0.1:1")
    assert code == 1
    assert "the Spark master does not answer" in text
    assert plain.ledger(MINUTE) == {}
    assert plain.rows("minute") == {}


def test_spark_that_fails_in_the_middle_leaves_a_line_that_the_next_run_closes(
    plain: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The frame names a table that is gone when Spark reads it, after the line was opened."""
    a_few_readings(plain)
    from spark_jobs.errors import JobError

    whole = SparkTables.read

    def broken(self: SparkTables, piece: object) -> object:
        return whole(self, piece).selectExpr("*", "1 / 0 as a").where("raise_error('lost') is null")  # type: ignore[arg-type]

    monkeypatch.setattr(SparkTables, "read", broken)
    with pytest.raises(JobError, match=r"Spark could not do the work: .*lost.* Rows may be written in part"):
        plain.run("live_to_minute", plain.at("08:10"))
    assert plain.ledger(MINUTE)["08-10"].finished is None
    assert plain.rows("minute") == {}
    monkeypatch.undo()
    assert plain.run("live_to_minute", plain.at("08:10")).rows_written == 2
    assert plain.ledger(MINUTE)["08-10"].finished is not None


def test_the_ledger_is_made_where_it_is_missing(plain: Pipeline) -> None:
    plain.session.execute(f"DROP TABLE {plain.keyspace}.rollups")
    a_few_readings(plain)
    assert plain.run("live_to_minute", plain.at("08:10")).rows_written == 2
    assert list(plain.ledger(MINUTE)) == ["08-10"]
