"""How questions are shared, kept, refused and given up; what is asked here needs no cluster."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from cassandra_client.errors import ClusterError
from cassandra_views.model.errors import RegistryError
from cassandra_views.overview.lookout import THREADS, Lookout


class Asked:
    """A question that counts how often it is asked, and is answered when it may be."""

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


def make(database: Any = None) -> Lookout:
    return Lookout(lambda: database, lambda: "reg", lambda error: ClusterError(error.what, on=error.on, next="Look"))


@pytest.fixture
def question() -> Iterator[Asked]:
    made = Asked()
    yield made
    made.may_end.set()


def test_who_asks_the_same_at_once_shares_one_look(question: Asked) -> None:
    lookout = make()
    with ThreadPoolExecutor(20) as people:
        found = [people.submit(lookout.ask, "all", question) for _ in range(20)]
        time.sleep(0.1)
        question.may_end.set()
        assert [each.result() for each in found] == ["so"] * 20
    assert question.times == 1


def test_an_answer_is_kept_for_a_moment(question: Asked) -> None:
    question.may_end.set()
    lookout = make()
    for _ in range(5):
        assert lookout.ask("all", question, keep_seconds=0.3) == "so"
    assert question.times == 1
    time.sleep(0.4)
    lookout.ask("all", question, keep_seconds=0.3)
    assert question.times == 2


def test_a_failure_is_kept_and_told_for_where_the_page_is() -> None:
    question = Asked(ClusterError("no node answers", next="Run the command again"))
    question.may_end.set()
    lookout = make()
    for _ in range(3):
        with pytest.raises(ClusterError, match=r"^registry reg: no node answers\. .* Look\.$"):
            lookout.ask("all", question)
    assert question.times == 1
    other = Asked(RegistryError("there is none", on="keyspace reg", next="Apply"))
    other.may_end.set()
    with pytest.raises(RegistryError, match="Apply"):
        lookout.ask("other", other)


def test_nobody_waits_longer_than_people_wait(question: Asked) -> None:
    began = time.monotonic()
    with pytest.raises(ClusterError, match="registry reg: the cluster gave no answer within"):
        make().ask("all", question, patience_seconds=0.2)
    assert time.monotonic() - began < 2


def test_a_cluster_that_hangs_collects_neither_questions_nor_threads(question: Asked) -> None:
    lookout = make()
    before = sum(each.name.startswith(THREADS) for each in threading.enumerate())
    for number in range(8):
        lookout.begin(number, question)
    for number in range(8, 50):
        with pytest.raises(ClusterError, match="too many questions"):
            lookout.begin(number, question)
    assert sum(each.name.startswith(THREADS) for each in threading.enumerate()) - before <= 2
    question.may_end.set()
    deadline = time.monotonic() + 5
    while True:
        try:
            assert lookout.ask("later", question) == "so"
            break
        except ClusterError:
            assert time.monotonic() < deadline
            time.sleep(0.05)
