"""Reads are let in up to the bounds; a cluster that does not answer is probed, not crowded."""

from __future__ import annotations

import threading

import pytest
from cassandra import OperationTimedOut
from hypothesis import given
from hypothesis import strategies as st

from cassandra_views.model.errors import BadRead, ReadError
from cassandra_views.web.read_limiter import ReadLimiter, Refused, TooMany


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def silence() -> ReadError:
    error = ReadError("the server did not answer", next="Read again")
    error.__cause__ = OperationTimedOut()
    return error


def fail(limiter: ReadLimiter, error: Exception) -> None:
    with pytest.raises(type(error)), limiter.reading("a", on="v"):
        raise error


def test_no_more_than_so_many_at_once() -> None:
    limiter = ReadLimiter(most=2, most_per_client=2)
    with limiter.reading("a", on="v"), limiter.reading("b", on="v"):
        with pytest.raises(Refused, match="2 reads are under way"), limiter.reading("c", on="v"):
            pass
    with limiter.reading("c", on="v"):
        assert limiter.under_way == 1
    assert limiter.under_way == 0


def test_one_client_leaves_places_for_others() -> None:
    limiter = ReadLimiter(most=3, most_per_client=1)
    with limiter.reading("a", on="v"):
        with pytest.raises(TooMany), limiter.reading("a", on="v"):
            pass
        with limiter.reading("b", on="v"):
            pass


def test_a_silent_cluster_is_probed_once_a_second() -> None:
    clock = Clock()
    limiter = ReadLimiter(most=9, most_per_client=9, clock=clock)
    for _ in range(5):
        fail(limiter, silence())
    with pytest.raises(Refused, match="does not answer"), limiter.reading("a", on="v"):
        pass
    clock.now = 1.0

    def probe_for_two_seconds() -> None:
        with limiter.reading("a", on="v"):
            clock.now = 3.0
            with pytest.raises(Refused), limiter.reading("a", on="v"):
                pass
            raise silence()

    with pytest.raises(ReadError):
        probe_for_two_seconds()
    clock.now = 3.9
    with pytest.raises(Refused), limiter.reading("a", on="v"):
        pass  # a probe has just failed, and took longer than the pause
    clock.now = 4.0
    with limiter.reading("a", on="v"):
        pass
    with limiter.reading("a", on="v"), limiter.reading("a", on="v"):
        pass  # the probe was answered


@given(st.lists(st.sampled_from(["ok", "bad", "silent"]), max_size=40))
def test_only_silence_in_a_row_closes_it(course: list[str]) -> None:
    clock = Clock()
    limiter = ReadLimiter(most=1, most_per_client=1, clock=clock)
    in_a_row = 0
    for each in course:
        clock.now += 1.0  # a probe is always due
        if each == "ok":
            with limiter.reading("a", on="v"):
                pass
        else:
            fail(limiter, silence() if each == "silent" else BadRead("no", next="Ask for another"))
        in_a_row = in_a_row + 1 if each == "silent" else 0
        assert limiter.under_way == 0
    refused = False
    try:
        with limiter.reading("a", on="v"):
            pass
    except Refused:
        refused = True
    assert refused == (in_a_row >= 5)


def test_threads_never_exceed_the_bound() -> None:
    limiter = ReadLimiter(most=3, most_per_client=3)
    seen: list[int] = []

    def read() -> None:
        for _ in range(200):
            try:
                with limiter.reading("a", on="v"):
                    seen.append(limiter.under_way)
            except Refused:
                pass

    threads = [threading.Thread(target=read) for _ in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert seen
    assert max(seen) <= 3
    assert limiter.under_way == 0
