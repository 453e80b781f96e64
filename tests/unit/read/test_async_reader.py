"""Reads from coroutines: the answers of the reader for threads, while the event loop is never blocked."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from contextvars import ContextVar
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


class HeldRegistry:
    """Keeps back what is asked of the registry on some views, until it is opened."""

    def __init__(self, session: SessionDouble, *views: str) -> None:
        self.open = threading.Event()
        self.held: list[str] = []
        self._execute, self._views = session.execute, views
        session.execute = self._hold  # type: ignore[method-assign]

    def _hold(self, statement: Any, values: tuple[Any, ...] = (), **named: Any) -> Any:
        if "read_from" in statement.query_string and values and values[1] in self._views:
            self.held.append(values[1])
            assert self.open.wait(20)
        return self._execute(statement, values, **named)

    async def holds(self, count: int) -> None:
        while len(self.held) < count:
            await asyncio.sleep(0.001)


class Clock:
    """Seconds that pass when they are told to."""

    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def test_a_known_view_waits_behind_no_slow_first_loads() -> None:
    session, clock = SessionDouble(), Clock()
    unknown = [f"unknown_{number}" for number in range(8)]

    async def read(reader: AsyncViewReader) -> None:
        await reader.select("orders_by_day", day=DAY)
        registry = HeldRegistry(session, *unknown)
        slow = [asyncio.create_task(reader.select(each)) for each in unknown]
        await registry.holds(4)
        clock.seconds = 60
        try:
            async with asyncio.timeout(10):
                result = await reader.select("orders_by_day", day=DAY)
        finally:
            registry.open.set()
        assert result.pointer_age_seconds == 0
        assert {type(each) for each in await asyncio.gather(*slow, return_exceptions=True)} == {ViewNotFound}

    run(read, session, clock=clock)


def test_one_read_waits_for_a_renewal_while_the_others_use_the_old_answer() -> None:
    session, clock = SessionDouble(), Clock()

    async def read(reader: AsyncViewReader) -> None:
        await reader.select("orders_by_day", day=DAY)
        registry, clock.seconds = HeldRegistry(session, "orders_by_day"), 60
        reads = [asyncio.create_task(reader.select("orders_by_day", day=each)) for each in DAYS]
        try:
            async with asyncio.timeout(1.5):
                for each in reads[1:]:
                    assert (await each).pointer_age_seconds == 60
            assert not reads[0].done()
        finally:
            registry.open.set()
        assert (await reads[0]).pointer_age_seconds == 0
        assert registry.held == ["orders_by_day"]

    run(read, session, clock=clock)


def test_a_renewal_that_takes_long_is_waited_for_no_longer_than_the_registry_is_given() -> None:
    session, clock = SessionDouble(), Clock()

    async def read(reader: AsyncViewReader) -> None:
        await reader.select("orders_by_day", day=DAY)
        registry, clock.seconds = HeldRegistry(session, "orders_by_day"), 60
        try:
            async with asyncio.timeout(10):
                assert (await reader.select("orders_by_day", day=DAY)).pointer_age_seconds == 60
        finally:
            registry.open.set()

    run(read, session, clock=clock)


def test_refreshes_of_a_view_are_shared_until_they_begin() -> None:
    session = SessionDouble()

    async def read(reader: AsyncViewReader) -> None:
        await reader.select("orders_by_day", day=DAY)
        session.existing.discard("orders_by_day__g1")
        registry = HeldRegistry(session, "orders_by_day")
        first = asyncio.create_task(reader.select("orders_by_day", day=DAY))
        await registry.holds(1)
        later = [asyncio.create_task(reader.select("orders_by_day", day=each)) for each in DAYS]
        await asyncio.sleep(0.2)
        assert sum(each.name.startswith("views-") for each in threading.enumerate()) <= threads + 4
        session.serving = "orders_by_day__g2"
        registry.open.set()
        results = await asyncio.gather(first, *later)
        assert {each.is_retried for each in results} == {True}
        assert len(registry.held) == 2, "those that failed during the first look are answered by one more"

    threads = sum(each.name.startswith("views-") for each in threading.enumerate())
    run(read, session, cache_seconds=3600)


def test_what_no_read_waits_for_any_more_is_not_begun() -> None:
    session = SessionDouble()
    unknown = [f"unknown_{number}" for number in range(6)]

    async def read(reader: AsyncViewReader) -> None:
        registry = HeldRegistry(session, *unknown)
        slow = [asyncio.create_task(reader.select(each)) for each in unknown]
        shared = asyncio.create_task(reader.select(unknown[5]))
        await registry.holds(4)
        for each in slow[4:]:
            each.cancel()
        await asyncio.wait(slow[4:])
        registry.open.set()
        await asyncio.gather(*slow[:4], shared, return_exceptions=True)
        assert registry.held == [*unknown[:4], unknown[5]]

    run(read, session)


def test_a_closed_reader_begins_nothing_and_says_so() -> None:
    session = SessionDouble()
    unknown = [f"unknown_{number}" for number in range(6)]

    async def read(reader: AsyncViewReader) -> None:
        async with reader:
            await reader.select("orders_by_day", day=DAY)
            registry = HeldRegistry(session, *unknown)
            slow = [asyncio.create_task(reader.select(each)) for each in unknown]
            await registry.holds(4)
        queued = await asyncio.gather(*slow[4:], return_exceptions=True)
        registry.open.set()
        assert {type(each) for each in queued} == {ReadError}
        assert {type(each) for each in await asyncio.gather(*slow[:4], return_exceptions=True)} == {ViewNotFound}
        with pytest.raises(ReadError, match="the reader is closed"):
            await reader.select("orders_by_day", day=DAY)
        assert len(registry.held) == 4

    run(read, session)


def test_a_second_answer_of_a_page_is_not_taken_for_the_next() -> None:
    session = SessionDouble(rows=4, page_size=2)
    held = Held(session)

    async def read(reader: AsyncViewReader) -> None:
        reading = asyncio.create_task(reader.select("orders_by_day", day=DAY))
        await begun(held)
        answer = session.answers[-1]
        held.release()
        await begun(held)
        answer.notify()  # as the driver does where a speculative execution is answered too
        await asyncio.sleep(0.01)
        assert not reading.done()
        held.release()
        assert [int(row.total) for row in await reading] == [0, 1, 2, 3]

    run(read, session)
    assert threading.current_thread() not in session.threads


def test_loads_see_the_context_of_the_read() -> None:
    session, request = SessionDouble(), ContextVar("request", default="none")
    execute, seen = session.execute, set()

    def look(*arguments: Any, **named: Any) -> Any:
        seen.add(request.get())
        return execute(*arguments, **named)

    session.execute = look  # type: ignore[method-assign]

    async def read(reader: AsyncViewReader) -> None:
        request.set("of-the-caller.1")
        await reader.select("orders_by_day", day=DAY)

    run(read, session)
    assert seen == {"of-the-caller.1"}
