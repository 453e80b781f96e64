import random
import threading
import time

import pytest

from benchmarks.load import drive
from benchmarks.stats import Outcome
from cassandra_views import ViewsError


def test_each_request_is_made_once_and_keeps_the_moment_it_was_due() -> None:
    begin = time.monotonic()
    found = drive(lambda chance: Outcome.OK, per_second=1000, begin=begin, end=lambda: begin + 0.0995, threads=4)
    assert sorted(found.due) == [begin + number / 1000 for number in range(len(found.due))]
    assert len(found.due) == 100
    assert min(found.latency) >= 0


def test_a_server_that_stands_still_is_felt_by_every_request_due_meanwhile() -> None:
    """With one thread nothing is sent while the first request waits: a closed loop would show one slow request."""
    calls = iter(range(10_000))

    def stands_still_once(chance: random.Random) -> Outcome:
        if next(calls) == 0:
            time.sleep(0.2)
        return Outcome.OK

    begin = time.monotonic()
    found = drive(stands_still_once, per_second=100, begin=begin, end=lambda: begin + 0.2, threads=1)
    by_due = sorted(zip(found.due, found.latency, strict=True))
    assert len(by_due) >= 20
    for due, latency in by_due:
        assert latency >= begin + 0.2 - due - 1e-6


def test_a_request_that_fails_is_counted_with_its_reason_and_the_others_go_on() -> None:
    lock, calls = threading.Lock(), iter(range(10_000))

    def fails_first(chance: random.Random) -> Outcome:
        with lock:
            number = next(calls)
        if number == 0:
            raise ViewsError("nothing serves", on="bench.by_minute", next="wait")
        return Outcome.SHORT if number == 1 else Outcome.OK

    begin = time.monotonic()
    found = drive(fails_first, per_second=1000, begin=begin, end=lambda: begin + 0.05, threads=3)
    summary = found.all()
    assert (summary.failed, summary.short, summary.empty) == (1, 1, 0)
    assert [text for text in found.problems if "nothing serves" in text]


def test_an_error_that_no_server_gives_is_not_taken_for_a_failed_request() -> None:
    def is_wrong(chance: random.Random) -> Outcome:
        raise KeyError("timestamp")

    begin = time.monotonic()
    with pytest.raises(KeyError, match="timestamp"):
        drive(is_wrong, per_second=100, begin=begin, end=lambda: begin + 0.05, threads=2)
