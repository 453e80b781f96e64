"""The reader for asyncio: it waits by the driver's own futures, so that the event loop goes on meanwhile."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Hashable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from contextvars import copy_context
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self, TypeVar

from cassandra.cluster import ResponseFuture

from cassandra_views.model.arguments import checked_arguments
from cassandra_views.model.errors import ReadError
from cassandra_views.read.pointer import RENEWAL_SECONDS, Pointer, Refresh, Renewal
from cassandra_views.read.reader_logic import ReaderLogic
from cassandra_views.read.result import Result, ViewDescription
from cassandra_views.read.waits import Load, ReadSteps, loaded

T = TypeVar("T")

_LOAD_THREADS = 4
"""Of each reader, for what the driver has no future for: first answers of the registry, the schema of a new generation
and the statements prepared on it. Those of the event loop are the application's: it may use all of them."""

_RENEWAL_THREADS = 2
"""For further answers of the registry on views that are known: these wait behind no first load."""

_REFRESH_THREADS = 4
"""For what serves now, after a read has failed. A view uses two at most: one that reads and one that is next."""


@checked_arguments("__init__")
class AsyncViewReader(ReaderLogic):
    """Reads views by their logical names from coroutines; make one for each session of the driver and share it.

    Its arguments are those of ``ReaderLogic``. A coroutine that is cancelled stops waiting at once. A request that was
    sent ends by itself, at the latest after ``timeout_seconds``; what nobody waits for any more is not begun. Close the
    reader when it is no longer needed, or use it by ``async with``.

    The event loop waits in one case: where all stream ids of a connection are in use, the driver waits up to two
    seconds for a free one before it sends. Bound the number of reads at once where this can happen.
    """

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the reader's threads; it returns at once, and the session stays open.

        What is under way ends by itself, at the latest after ``timeout_seconds``; what is queued is not begun, and
        reads that wait for it raise ``ReadError``, as later reads do.
        """
        self._loader.close()

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
        return await self._run(view, self._select(view, where, limit, page, reverse, columns))

    async def describe(self, view: str) -> ViewDescription:
        """Return what a view is; as ``ViewReader.describe``."""
        return await self._run(view, self._describe(view))

    def _pointer(self, view: str) -> ReadSteps[Pointer]:
        """Return what serves; where that is due, one read waits for the renewal and the others use the old answer."""
        found = self._pointers.claim(view)
        if isinstance(found, Renewal):
            return (yield from loaded(found))
        return found or (yield from super()._pointer(view))

    async def _run(self, view: str, steps: ReadSteps[T]) -> T:
        if self._loader.is_closed:
            raise _closed_error(view)
        last: ResponseFuture | Load[Any] | None = None
        event = asyncio.Event()
        try:
            while True:
                wait = next(steps)
                if wait is not last:  # the pages of one request are told by the same callback
                    last, event = wait, asyncio.Event()
                    self._notify_when_done(wait, event)
                if isinstance(wait, Load):
                    await self._wait_for_load(view, wait, event)
                else:
                    await _wait_until_done(wait, event)
        except StopIteration as end:
            found: T = end.value
            return found

    async def _wait_for_load(self, view: str, load: Load[Any], event: asyncio.Event) -> None:
        try:
            if isinstance(load, Renewal):
                with suppress(TimeoutError):  # the old answer is used, and the renewal goes on
                    async with asyncio.timeout(RENEWAL_SECONDS):
                        await _wait_until_done(load, event)
            else:
                await _wait_until_done(load, event)
        except asyncio.CancelledError:
            self._loader.leave(load)
            raise
        if self._loader.is_closed and load.outcome is not None and load.outcome.cancelled():
            raise _closed_error(view)

    def _notify_when_done(self, wait: ResponseFuture | Load[Any], event: asyncio.Event) -> None:
        """Let an event be set each time that the result of a wait can be had without blocking.

        It is set for errors too: the read raises them when it asks for the result. ``add_callbacks`` removes no
        callback that the application has set.
        """
        loop = asyncio.get_running_loop()

        def notify(_answer: object) -> None:
            """Wake the read, from a thread of the driver or of this reader."""
            with suppress(RuntimeError):  # the loop was closed, and nobody waits any more
                loop.call_soon_threadsafe(event.set)

        if isinstance(wait, Load):
            self._loader.start(wait).add_done_callback(notify)
        else:
            wait.add_callbacks(notify, notify)

    @cached_property
    def _loader(self) -> _Loader:
        return _Loader()


async def _wait_until_done(wait: ResponseFuture | Load[Any], event: asyncio.Event) -> None:
    """Wait until the result can be had without blocking.

    The event alone does not say so: the second answer of a speculative execution may set it while the next page is
    fetched.
    """
    while True:
        await event.wait()
        event.clear()
        if _is_done(wait):
            return


def _is_done(wait: ResponseFuture | Load[Any]) -> bool:
    if isinstance(wait, Load):
        return wait.outcome is not None and wait.outcome.done()
    is_done: bool = wait._event.is_set()  # the driver has no public name for it
    return is_done


def _closed_error(view: str) -> ReadError:
    return ReadError("the reader is closed", on=str(view), next="Make a new AsyncViewReader, or close it later")


def _may_join(load: Load[Any], other: Load[Any]) -> bool:
    return not isinstance(load, Refresh) or (isinstance(other, Refresh) and other.join(load))


@dataclass(slots=True)
class _SharedLoad:
    load: Load[Any]
    outcome: Future[Any]
    waiting: int = 1


class _Loader:
    """Runs loads in threads; loads of one key that come meanwhile get the same answer."""

    def __init__(self) -> None:
        # Each kind has threads of its own. A refresh may wait for the lock that a claimed renewal holds, so a renewal
        # must never be queued behind one.
        self._loads = ThreadPoolExecutor(_LOAD_THREADS, thread_name_prefix="views-load")
        self._renewals = ThreadPoolExecutor(_RENEWAL_THREADS, thread_name_prefix="views-renewal")
        self._refreshes = ThreadPoolExecutor(_REFRESH_THREADS, thread_name_prefix="views-refresh")
        self._lock = threading.RLock()  # cancelling calls _forget in the same thread
        self._shared: dict[Hashable, _SharedLoad] = {}
        self.is_closed = False

    def start(self, load: Load[T]) -> Future[T]:
        """Run a load, or join one of the same key; each caller that stops waiting early calls ``leave``."""
        with self._lock:
            shared = self._shared.get(load.key) if load.key is not None else None
            if shared is not None and not shared.outcome.done() and _may_join(load, shared.load):
                shared.waiting += 1
                load.outcome = shared.outcome
                return shared.outcome
            outcome = load.outcome = self._submit(load)
            if load.key is not None:
                self._shared[load.key] = _SharedLoad(load, outcome)
        outcome.add_done_callback(lambda _: self._forget(load))
        return outcome

    def leave(self, load: Load[Any]) -> None:
        """Take a load that nobody waits for any more out of the queue; one that has begun ends by itself."""
        with self._lock:
            shared = self._shared.get(load.key) if load.key is not None else None
            if shared is not None and shared.outcome is load.outcome:
                shared.waiting -= 1
                if shared.waiting > 0:
                    return
            if load.outcome is not None:
                load.outcome.cancel()

    def close(self) -> None:
        with self._lock:
            self.is_closed = True
            for pool in (self._loads, self._renewals, self._refreshes):
                pool.shutdown(wait=False, cancel_futures=True)

    def _submit(self, load: Load[T]) -> Future[T]:
        if self.is_closed:
            outcome: Future[T] = Future()
            outcome.cancel()
            return outcome
        pool = self._loads
        if isinstance(load, Renewal):
            pool = self._renewals
        elif isinstance(load, Refresh):
            pool = self._refreshes
        return pool.submit(copy_context().run, load.run)

    def _forget(self, load: Load[Any]) -> None:
        if isinstance(load, Renewal):
            load.release()
        with self._lock:
            shared = self._shared.get(load.key)
            if shared is not None and shared.outcome is load.outcome:
                del self._shared[load.key]
