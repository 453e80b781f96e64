"""Reads from coroutines: the answers of the reader for threads, while the event loop is never blocked."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from cassandra import OperationTimedOut

from cassandra_views import AsyncViewReader, ViewReader
from cassandra_views.model.errors import BadRead, ReadError, ViewNotFound
from cassandra_views.read.result import Result
from tests.unit.read.session_double import SessionDouble

DAY = "2026-11-01"
DAYS = [f"2026-11-{number:02d}" for number in range(1, 21)]


def run(read: Callable[[AsyncViewReader], Coroutine[Any, Any, Any]], session: Any, **options: Any) -> Any:
    return asyncio.run(read(AsyncViewReader(session, **options)))


@pytest.mark.parametrize(
    "asked",
    [
        {"day": DAY, "limit": 2},
        {"day": DAY},
        {"day": DAYS},
        {"day": DAYS, "limit": 7},
        {},
        {"where": {"total >=": 1}, "day": DAY, "reverse": True},
    ],
)
def test_it_answers_as_the_reader_for_threads_does(asked: dict[str, Any]) -> None:
    session, other = SessionDouble(rows=5, page_size=2), SessionDouble(rows=5, page_size=2)

    async def read(reader: AsyncViewReader) -> tuple[Result, Any]:
        return await reader.select("orders_by_day", **asked), await reader.describe("orders_by_day")

    result, description = run(read, session)
    reader = ViewReader(other)
    expected = reader.select("orders_by_day", **asked)
    assert result.rows == expected.rows
    assert len(result) >= 2
    assert (result.generations, result.next_page) == (expected.generations, expected.next_page)
    assert (session.sent, session.asked) == (other.sent, other.asked)
    assert description == reader.describe("orders_by_day")


def test_nothing_blocks_the_event_loop() -> None:
    session = SessionDouble(rows=5, page_size=2)
    session.begin = lambda complete: threading.Timer(0.005, complete).start()

    async def read(reader: AsyncViewReader) -> None:
        for _ in range(2):
            await asyncio.gather(*(reader.select("orders_by_day", day=each, limit=1) for each in DAYS))
        session.serving = "orders_by_day__g2"
        await reader.select("orders_by_day", day=DAYS)
        await reader.describe("orders_by_day")

    run(read, session, cache_seconds=0)
    assert len(session.threads) >= 1
    assert threading.current_thread() not in session.threads


def test_many_who_meet_a_new_generation_load_it_once() -> None:
    session = SessionDouble()

    async def read(reader: AsyncViewReader) -> list[Result]:
        return await asyncio.gather(*(reader.select("orders_by_day", day=each) for each in DAYS))

    assert [len(result) for result in run(read, session)] == [3] * len(DAYS)
    assert len([text for text in session.asked if "system_schema.columns" in text]) == 1
    assert len([text for text in session.asked if "read_from" in text]) == 1


def test_a_view_that_is_dropped_under_a_read_is_read_in_its_next_generation() -> None:
    session = SessionDouble()

    async def read(reader: AsyncViewReader) -> list[Result]:
        await reader.select("orders_by_day", day=DAY)
        session.serving = "orders_by_day__g2"
        session.existing.discard("orders_by_day__g1")
        return await asyncio.gather(*(reader.select("orders_by_day", day=each) for each in DAYS))

    results = run(read, session, cache_seconds=3600)
    assert {(len(each), each.generations, each.is_retried) for each in results} == {(3, ("orders_by_day__g2",), True)}


def test_a_view_that_serves_and_is_gone_is_an_error() -> None:
    session = SessionDouble()

    async def read(reader: AsyncViewReader) -> None:
        await reader.select("orders_by_day", day=DAY)
        session.existing.clear()
        await reader.select("orders_by_day", day=DAY)

    with pytest.raises(ReadError, match="does not exist") as caught:
        run(read, session)
    assert caught.value.__cause__ is not None


def test_what_the_registry_cannot_answer_is_an_error() -> None:
    session = SessionDouble()

    async def read(reader: AsyncViewReader) -> None:
        with pytest.raises(ViewNotFound):
            await reader.select("by_dax")
        with pytest.raises(BadRead, match="5 names no view"):
            await reader.select(5)  # type: ignore[arg-type]
        session.failure = OperationTimedOut()
        found = await asyncio.gather(*(reader.select("orders_by_day", day=DAY) for _ in DAYS), return_exceptions=True)
        assert {type(each) for each in found} == {ReadError}
        session.failure = None
        assert len(await reader.select("orders_by_day", day=DAY)) == 3

    run(read, session)


class Held:
    """Keeps answers back until they are released."""

    def __init__(self, session: SessionDouble) -> None:
        self._waiting: list[Callable[[], None]] = []
        session.begin = self._waiting.append

    def __len__(self) -> int:
        return len(self._waiting)

    def release(self) -> None:
        while self._waiting:
            self._waiting.pop(0)()


async def begun(held: Held, count: int = 1) -> None:
    while len(held) < count:
        await asyncio.sleep(0.001)


def test_a_deadline_ends_a_read_and_leaves_the_reader_whole() -> None:
    session = SessionDouble(rows=5, page_size=2)

    async def read(reader: AsyncViewReader) -> None:
        await reader.select("orders_by_day", day=DAY)
        begin = session.begin
        held = Held(session)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await reader.select("orders_by_day", day=DAY)
        sent = len(session.sent)
        held.release()  # too late: nobody waits, and no page follows
        await asyncio.sleep(0.01)
        assert len(session.sent) == sent
        assert len(held) == 0
        session.begin = begin
        assert len(await reader.select("orders_by_day", day=DAY)) == 5

    run(read, session)


def test_a_cancelled_read_takes_no_answer_from_others() -> None:
    session, may_answer = SessionDouble(), threading.Event()
    execute = session.execute

    def slow(*arguments: Any, **named: Any) -> Any:
        may_answer.wait(20)
        return execute(*arguments, **named)

    session.execute = slow  # type: ignore[method-assign]

    async def read(reader: AsyncViewReader) -> None:
        first, second = (asyncio.create_task(reader.select("orders_by_day", day=each)) for each in DAYS[:2])
        await asyncio.sleep(0.01)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        may_answer.set()
        assert len(await second) == 3

    run(read, session)


def test_an_answer_that_comes_after_the_loop_was_closed_harms_nobody() -> None:
    session = SessionDouble()
    held = Held(session)
    reader = AsyncViewReader(session)

    async def leave() -> None:
        task = asyncio.create_task(reader.select("orders_by_day", day=DAY))
        await begun(held)
        task.cancel()

    asyncio.run(leave())
    held.release()
    session.begin = lambda complete: complete()

    async def again() -> int:
        return len(await reader.select("orders_by_day", day=DAY))

    assert asyncio.run(again()) == 3, "the same reader in another event loop"


def test_a_read_of_many_partitions_sends_several_statements_at_once() -> None:
    session = SessionDouble()
    held = Held(session)

    async def read(reader: AsyncViewReader) -> None:
        reading = asyncio.create_task(reader.select("orders_by_day", day=DAYS))
        await begun(held, 8)
        while not reading.done():
            held.release()
            await asyncio.sleep(0.001)
        assert [str(row.day) for row in await reading] == [day for day in DAYS for _ in range(3)]

    run(read, session)
