"""Counting reads: readers for threads and for coroutines count by the same code, under the same names."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from cassandra import OperationTimedOut

from cassandra_client.errors import ViewsError
from cassandra_views.web.read_metrics import MeasuredAsyncReader, MeasuredLimiter, MeasuredReader, registry_of_process
from tests.unit.read.session_double import SessionDouble
from tests.unit.web.test_other_frameworks import example, get

DAY, VIEW = "2026-11-01", "shop.orders_by_day"
Read = Callable[..., Any]


def read_in_thread(session: Any, view: str = VIEW, **conditions: Any) -> None:
    limiter = MeasuredLimiter(most=4, most_per_client=4)
    with limiter.reading("client", on=view):
        MeasuredReader(session).select(view, **conditions)


def read_in_coroutine(session: Any, view: str = VIEW, **conditions: Any) -> None:
    asyncio.run(MeasuredAsyncReader(session).select(view, **conditions))


def counted(read: Read, *args: Any, **conditions: Any) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Return what a read adds to the counters; a histogram by its count alone, since times differ."""

    def values() -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
        return {
            (each.name, tuple(sorted(each.labels.items()))): each.value
            for family in registry_of_process().collect()
            for each in family.samples
            if each.name.endswith(("_total", "_count"))
        }

    before = values()
    read(*args, **conditions)
    return {key: value - before.get(key, 0) for key, value in values().items() if value != before.get(key, 0)}


def fails(read: Read, *args: Any, **conditions: Any) -> Read:
    def act() -> None:
        with pytest.raises(ViewsError):
            read(*args, **conditions)

    return act


both = pytest.mark.parametrize("read", [read_in_thread, read_in_coroutine])


@both
def test_an_answer_is_counted_by_view_and_generation(read: Read) -> None:
    name = ("view", "orders_by_day")
    assert counted(read, SessionDouble(), day=DAY) == {
        ("cassandra_views_reads_total", (("generation", "1"), name)): 1,
        ("cassandra_views_read_seconds_count", (name,)): 1,
    }


def switch(session: SessionDouble) -> None:
    """Let the next generation serve, and drop the one that the reader still believes in."""
    session.serving = "orders_by_day__g2"
    session.existing.remove("orders_by_day__g1")


def read_twice_in_thread(session: SessionDouble) -> None:
    reader = MeasuredReader(session)
    reader.select(VIEW, day=DAY)
    switch(session)
    reader.select(VIEW, day=DAY)


def read_twice_in_coroutine(session: SessionDouble) -> None:
    async def read() -> None:
        async with MeasuredAsyncReader(session) as reader:
            await reader.select(VIEW, day=DAY)
            switch(session)
            await reader.select(VIEW, day=DAY)

    asyncio.run(read())


@pytest.mark.parametrize("read", [read_twice_in_thread, read_twice_in_coroutine])
def test_a_second_attempt_is_counted(read: Read) -> None:
    name = ("view", "orders_by_day")
    assert counted(read, SessionDouble()) == {
        ("cassandra_views_reads_total", (("generation", "1"), name)): 1,
        ("cassandra_views_reads_total", (("generation", "2"), name)): 1,
        ("cassandra_views_read_seconds_count", (name,)): 2,
        ("cassandra_views_read_retries_total", (name,)): 1,
    }


@both
def test_a_failure_is_counted_by_kind_and_a_made_up_name_is_no_label(read: Read) -> None:
    read(SessionDouble(), day=DAY)  # a view that was read once is a label
    name = ("view", "orders_by_day")
    kind = "cassandra_views_read_failures_total"
    assert counted(fails(read, SessionDouble(), DAYS=1)) == {(kind, (("kind", "BadRead"), name)): 1}
    away = SessionDouble()
    away.failure = OperationTimedOut()
    assert counted(fails(read, away, day=DAY)) == {(kind, (("kind", "ReadError"), name)): 1}
    assert counted(fails(read, SessionDouble(), "shop.made_up", day=DAY)) == {
        (kind, (("kind", "ViewNotFound"), ("view", ""))): 1
    }


def test_a_read_that_is_given_up_is_counted_nowhere() -> None:
    session = SessionDouble()
    session.begin = lambda _complete: None  # it never answers

    async def read() -> None:
        async with MeasuredAsyncReader(session) as views:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await views.select(VIEW, day=DAY)

    assert counted(lambda: asyncio.run(read())) == {}


def test_the_guides_application_shows_what_was_counted() -> None:
    read_in_coroutine(SessionDouble(), day=DAY)
    (answer,) = get(example("fastapi.md", "MeasuredAsyncReader")["app"], "/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    assert 'cassandra_views_reads_total{generation="1",view="orders_by_day"}' in answer.text
