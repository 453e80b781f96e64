"""Sessions of Spark's that do not answer, or know no such table: stand-ins, as a real one hangs only by chance."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pyspark.errors import AnalysisException

from spark_jobs.connector import TableLoader
from spark_jobs.errors import JobError

UNKNOWN = AnalysisException("Couldn't find shop.orders or any similarly named keyspace and table pairs")
SESSION = "spark.cassandra.connection.timeoutMS"


@pytest.fixture
def hang() -> Iterator[Callable[[], Any]]:
    """A call that does not come back before the end of the test."""
    end = threading.Event()
    yield end.wait
    end.set()


class Spark:
    """Answers by what the outcomes say, one for each session; the last goes on."""

    def __init__(self, *outcomes: object) -> None:
        self.outcomes = outcomes
        self.asked: list[dict[str, str]] = []
        self.read = self

    def format(self, _name: str) -> Spark:
        return self

    def options(self, **options: str) -> Spark:
        self.asked.append(options)
        return self

    def load(self) -> Frame:
        sessions = list(dict.fromkeys(each[SESSION] for each in self.asked))
        return Frame(self.outcomes[min(len(sessions), len(self.outcomes)) - 1])


class Frame:
    def __init__(self, outcome: object) -> None:
        self.outcome = outcome

    @property
    def columns(self) -> list[str]:
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return ["id"]

    def inputFiles(self) -> list[str]:  # Spark's own name
        if callable(self.outcome):
            self.outcome()
        return []

    def collect(self) -> list[int]:
        return [7]


def loader(spark: Spark) -> TableLoader:
    return TableLoader(spark, "shop", answer_seconds=0.2, pause=lambda _: None)  # type: ignore[arg-type]


def test_another_session_is_opened_where_one_is_silent_or_ignorant(hang: Callable[[], Any]) -> None:
    spark = Spark(hang, UNKNOWN, "well")
    frame = loader(spark).load("orders")
    assert frame.columns == ["id"]
    assert len({each[SESSION] for each in spark.asked}) == 3
    assert {(each["keyspace"], each["table"]) for each in spark.asked} == {("shop", "orders")}


def test_the_session_that_works_is_kept_to(hang: Callable[[], Any]) -> None:
    spark = Spark(UNKNOWN, "well")
    own = loader(spark)
    assert own.load("orders") is own.load("orders")
    own.load("items")
    assert len(spark.asked) == 3
    assert spark.asked[1][SESSION] == spark.asked[2][SESSION]


def test_a_table_that_no_session_knows_is_missing(hang: Callable[[], Any]) -> None:
    spark = Spark(UNKNOWN)
    with pytest.raises(AnalysisException, match="Couldn't find"):
        loader(spark).load("orders")
    assert len({each[SESSION] for each in spark.asked}) == 5


def test_another_error_is_told_at_once(hang: Callable[[], Any]) -> None:
    spark = Spark(AnalysisException("no viable alternative"))
    with pytest.raises(AnalysisException, match="no viable"):
        loader(spark).load("orders")
    assert len(spark.asked) == 1


def test_where_no_session_answers_the_job_ends_and_says_so(hang: Callable[[], Any]) -> None:
    with pytest.raises(JobError, match=r"shop\.orders: none of 5 sessions .* answered") as caught:
        loader(Spark(hang)).load("orders")
    assert caught.value.next.startswith("Check that Cassandra is up")


def test_work_is_waited_for_as_long_as_its_session_answers(hang: Callable[[], Any]) -> None:
    own = loader(Spark("well"))
    frame = own.load("orders")
    go = threading.Event()

    def slow() -> list[int]:
        go.wait()
        return [1]

    frame.collect = slow  # type: ignore[method-assign,assignment]
    threading.Timer(1.0, go.set).start()  # some limits later
    found: list[Any] = own.collect(frame)
    assert found == [1]


def test_work_whose_session_is_silent_ends_and_says_so(hang: Callable[[], Any]) -> None:
    spark = Spark("well")
    own = loader(spark)
    frame = own.load("orders")
    frame.collect = hang  # type: ignore[method-assign]
    spark.outcomes = (hang,)
    with pytest.raises(JobError, match="answers no longer"):
        own.collect(frame)


def test_an_error_of_the_work_is_raised(hang: Callable[[], Any]) -> None:
    own = loader(Spark("well"))
    frame = own.load("orders")

    def fail() -> list[int]:
        raise AnalysisException("it could not")

    frame.collect = fail  # type: ignore[method-assign,assignment]
    with pytest.raises(AnalysisException, match="it could not"):
        own.collect(frame)
