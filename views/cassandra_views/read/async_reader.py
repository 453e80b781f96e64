"""The reader for asyncio: it waits by the driver's own futures, and no call of it blocks the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Hashable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import cached_property
from typing import Any, TypeVar

from cassandra.cluster import ResponseFuture

from cassandra_views.model.arguments import checked_arguments
from cassandra_views.read.reader_logic import ReaderLogic
from cassandra_views.read.result import Result, ViewDescription
from cassandra_views.read.waits import Load, ReadSteps

T = TypeVar("T")

_THREADS = 4
"""Of each reader, for what the driver has no future for: answers of the registry, the schema of a new generation and
the statements prepared on it. Those of the event loop are the application's: it may use all of them."""


@checked_arguments("__init__")
class AsyncViewReader(ReaderLogic):
    """Reads views by their logical names from coroutines; make one for each session of the driver and share it.

    Its arguments are those of ``ReaderLogic``. A coroutine that is cancelled stops waiting at once; the request that is
    under way ends by itself, at the latest after ``timeout_seconds``.
    """

    async def select(
        self,
        view: str,
        /,
        where: Mapping[str, Any] | None = None,
        *,
        limit: int | None = None,
        page: str | None = None,
        reverse: bool = False,
        **columns: Any,
    ) -> Result:
        """Read rows of a view; arguments, result and errors are those of ``ViewReader.select``."""
        return await self._run(self._select(view, where, limit, page, reverse, columns))

    async def describe(self, view: str) -> ViewDescription:
        """Return what a view is; as ``ViewReader.describe``."""
        return await self._run(self._describe(view))

    async def _run(self, waits: ReadSteps[T]) -> T:
        events: dict[ResponseFuture | Load[Any], asyncio.Event] = {}
        try:
            while True:
                wait = next(waits)
                known = events.get(wait)
                if known is None:
                    known = events[wait] = asyncio.Event()
                    self._notify_when_done(wait, known)
                else:
                    known.clear()  # for the next page: its end is told by a call that this loop has still to make
                await known.wait()
        except StopIteration as end:
            found: T = end.value
            return found

    def _notify_when_done(self, wait: ResponseFuture | Load[Any], event: asyncio.Event) -> None:
        """Let an event be set each time that the result of a wait can be had without blocking.

        Whether it failed, the read itself finds out. The driver's callbacks of others are left alone.
        """
        loop = asyncio.get_running_loop()

        def tell(_answer: object) -> None:
            """Wake the read, from a thread of the driver or of this reader."""
            with suppress(RuntimeError):  # the loop was closed, and nobody waits any more
                loop.call_soon_threadsafe(event.set)

        if isinstance(wait, Load):
            self._loader.start(wait).add_done_callback(tell)
        else:
            wait.add_callbacks(tell, tell)

    @cached_property
    def _loader(self) -> _Loader:
        return _Loader()


class _Loader:
    """Looks up in threads; loads of one key that come meanwhile get the same answer."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="views-load")
        self._outcomes: dict[Hashable, Future[Any]] = {}

    def start(self, load: Load[T]) -> Future[T]:
        key = load.key
        outcome = self._outcomes.get(key) if key is not None else None
        if outcome is None:
            outcome = self._threads.submit(load.run)
            if key is not None:
                self._outcomes[key] = outcome
                outcome.add_done_callback(lambda _: self._outcomes.pop(key, None))
        load.outcome = outcome
        return outcome
