"""How queries are shared, kept, refused and given up; those of these tests need no cluster."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from cassandra import OperationTimedOut

from cassandra_client.driver_errors import advice
from cassandra_client.errors import ClusterError
from cassandra_views.model.errors import RegistryError
from cassandra_views.overview.query_runner import THREADS, QueryRunner, QuerySteps, RegistryQuery


class Reading:
    """What a query reads; it counts how often it is read, and ends when it may."""

    def __init__(self, answer: Any = "so") -> None:
        self.times = 0
        self.may_end = threading.Event()
        self.answer = answer

    def __call__(self, _database: Any, _registry: Any) -> Any:
        self.times += 1
        self.may_end.wait(10)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def make(**options: Any) -> QueryRunner:
    database: Any = None
    return QueryRunner(lambda: database, lambda: "reg", **options)


def query(reading: Reading, key: Any = "all", **options: Any) -> RegistryQuery[Any]:
    return RegistryQuery(key=key, read=reading, **options)


@pytest.fixture
def reading() -> Iterator[Reading]:
    made = Reading()
    yield made
    made.may_end.set()


def test_who_asks_the_same_at_once_shares_one_answer(reading: Reading) -> None:
    runner = make()
    with ThreadPoolExecutor(20) as people:
        found = [people.submit(runner.ask, query(reading)) for _ in range(20)]
        time.sleep(0.1)
        reading.may_end.set()
        assert [each.result() for each in found] == ["so"] * 20
    assert reading.times == 1


def test_an_answer_is_kept_for_a_moment(reading: Reading) -> None:
    reading.may_end.set()
    runner = make()
    for _ in range(5):
        assert runner.ask(query(reading, keep_seconds=0.3)) == "so"
    assert reading.times == 1
    time.sleep(0.4)
    runner.ask(query(reading, keep_seconds=0.3))
    assert reading.times == 2


@pytest.mark.parametrize(
    ("options", "next_step"),
    [({}, "Check that the nodes are up and reachable, then look again"), ({"connection_advice": "Ask Ann"}, "Ask Ann")],
)
def test_a_failure_is_kept_and_told_for_where_the_page_is(options: dict[str, str], next_step: str) -> None:
    cause = OperationTimedOut()
    error = ClusterError("no node answers", next=advice(cause))
    error.__cause__ = cause
    reading = Reading(error)
    reading.may_end.set()
    runner = make(**options)
    for _ in range(3):
        with pytest.raises(ClusterError, match="registry reg: no node answers") as raised:
            runner.ask(query(reading))
        assert raised.value.next == next_step
    assert reading.times == 1
    other = Reading(RegistryError("there is none", on="keyspace reg", next="Apply"))
    other.may_end.set()
    with pytest.raises(RegistryError, match="Apply"):
        runner.ask(query(other, "other"))


def test_nobody_waits_longer_than_people_wait(reading: Reading) -> None:
    began = time.monotonic()
    with pytest.raises(ClusterError, match="registry reg: the cluster gave no answer within"):
        make().ask(query(reading, patience_seconds=0.2))
    assert time.monotonic() - began < 2


def test_work_is_sent_the_answers_that_it_asks_for_and_an_error_where_there_is_none(reading: Reading) -> None:
    reading.may_end.set()
    failing = Reading(RegistryError("there is none", on="keyspace reg", next="Apply"))
    failing.may_end.set()

    def steps() -> QuerySteps[list[Any]]:
        (first,) = yield (query(reading),)
        others = yield (query(reading, "second"), query(failing, "third"))
        return [first, *others]

    assert make().run(steps()) == ["so", "so", failing.answer]


def test_a_cluster_that_hangs_collects_neither_queries_nor_threads(reading: Reading) -> None:
    runner = make()
    before = sum(each.name.startswith(THREADS) for each in threading.enumerate())
    for number in range(8):
        runner.begin(query(reading, number))
    for number in range(8, 50):
        with pytest.raises(ClusterError, match="too many queries"):
            runner.begin(query(reading, number))
    assert sum(each.name.startswith(THREADS) for each in threading.enumerate()) - before <= 2
    reading.may_end.set()
    deadline = time.monotonic() + 5
    while True:
        try:
            assert runner.ask(query(reading, "later")) == "so"
            break
        except ClusterError:
            assert time.monotonic() < deadline
            time.sleep(0.05)
