"""What the reads of this process were like. Labels come from what was read, never from what somebody asked for.

It needs prometheus_client and no Flask, so applications of other frameworks use it too.

Where gunicorn runs several processes, ``PROMETHEUS_MULTIPROC_DIR`` names a folder that they share; the numbers of all
of them are added up then. Only counters and histograms are kept here, so that a process that ends needs no care.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.multiprocess import MultiProcessCollector

from cassandra_client.errors import ViewsError
from cassandra_views.model.errors import BadRead, ViewNotFound, ViewNotReady
from cassandra_views.model.names import generation_number
from cassandra_views.read import Result, ViewReader
from cassandra_views.read.async_reader import AsyncViewReader
from cassandra_views.web.read_limiter import ReadLimiter, Refused, TooMany, Unanswered

MULTIPROCESS = "PROMETHEUS_MULTIPROC_DIR"

_OF_PROCESS = CollectorRegistry()
_BUCKETS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)

READS = Counter(
    "cassandra_views_reads",
    "Reads that were answered, by view and by the generation that answered",
    ["view", "generation"],
    registry=_OF_PROCESS,
)
SECONDS = Histogram(
    "cassandra_views_read_seconds",
    "How long answered reads took",
    ["view"],
    buckets=_BUCKETS,
    registry=_OF_PROCESS,
)
RETRIES = Counter(
    "cassandra_views_read_retries",
    "Reads that were made a second time, since what served was dropped meanwhile",
    ["view"],
    registry=_OF_PROCESS,
)
FAILURES = Counter(
    "cassandra_views_read_failures",
    "Reads that were not answered, by kind of error; the view is empty until one of it was answered",
    ["view", "kind"],
    registry=_OF_PROCESS,
)
REFUSALS = Counter(
    "cassandra_views_reads_refused",
    "Reads that were not begun: 'client' holds all of its places, 'full' all places are held, 'silence' the cluster "
    "does not answer",
    ["reason"],
    registry=_OF_PROCESS,
)


_OF_CLIENTS = (BadRead, ViewNotFound, ViewNotReady)
_FULL, _CLIENT, _SILENCE = "full", "client", "silence"
_known: dict[tuple[str, str], tuple[str, Any, Any]] = {}
"""View, counter and histogram of each generation that has answered: finding them by their labels costs more."""
_views: set[str] = set()
"""Views of which a read was answered: only their names become labels of failures."""

log = logging.getLogger("cassandra_views.web.reads")


class MeasuredLimiter(ReadLimiter):
    """A limiter that counts what it refuses, and the reads that fail."""

    @contextmanager
    def reading(self, client: str, *, on: str) -> Iterator[None]:
        """Hold a place for the length of a read; as ``ReadLimiter.reading``."""
        try:
            with super().reading(client, on=on):
                yield
        except Refused as error:
            REFUSALS.labels(_reason(error)).inc()
            raise
        except ViewsError as error:
            _note_failure(on, error)
            raise


class MeasuredReader(ViewReader):
    """A reader that counts and times what it answers."""

    def select(
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
        """Read rows of a view; as ``ViewReader.select``."""
        began = time.perf_counter()
        result = super().select(view, where, limit=limit, page=page, reverse=reverse, **columns)
        _note_answer(view, result, time.perf_counter() - began)
        return result


class MeasuredAsyncReader(AsyncViewReader):
    """A reader for coroutines that counts and times what it answers, and counts the reads that fail.

    A read that is cancelled, or ended by ``asyncio.timeout``, is not counted.
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
        """Read rows of a view; as ``AsyncViewReader.select``."""
        began = time.perf_counter()
        try:
            result = await super().select(view, where, limit=limit, page=page, reverse=reverse, **columns)
        except ViewsError as error:
            _note_failure(str(view), error)
            raise
        _note_answer(view, result, time.perf_counter() - began)
        return result


def registry_of_process() -> CollectorRegistry:
    """Return what was counted here; where processes share a folder, what was counted by all of them."""
    if MULTIPROCESS not in os.environ:
        return _OF_PROCESS
    found = CollectorRegistry()
    MultiProcessCollector(found)  # type: ignore[no-untyped-call]
    return found


def _note_answer(view: str, result: Result, seconds: float) -> None:
    for place, physical in enumerate(result.generations):
        name, reads, histogram = _known.get((view, physical)) or _meet(view, physical)
        reads.inc()
        if not place:
            histogram.observe(seconds)
            if result.is_retried:
                RETRIES.labels(name).inc()
    if log.isEnabledFor(logging.INFO):
        generations = [generation_number(view.rpartition(".")[2], each) for each in result.generations]
        log.info(
            "read",
            extra={
                "view": view,
                "generations": generations,
                "rows": len(result.rows),
                "seconds": round(seconds, 6),
                "is_retried": result.is_retried,
            },
        )


def _note_failure(on: str, error: ViewsError) -> None:
    view = on.rpartition(".")[2]
    kind = type(error).__name__
    FAILURES.labels(view if view in _views else "", kind).inc()
    # What a client asked wrongly is its own matter.
    level = logging.INFO if isinstance(error, _OF_CLIENTS) else logging.WARNING
    log.log(level, "a read of %r failed: %s", on, error, extra={"view": on, "error": kind})


def _meet(view: str, physical: str) -> tuple[str, Any, Any]:
    name = view.rpartition(".")[2]
    _views.add(name)
    number = generation_number(name, physical)
    found = _known[view, physical] = name, READS.labels(name, str(number)), SECONDS.labels(name)
    return found


def _reason(error: Refused) -> str:
    match error:
        case TooMany():
            return _CLIENT
        case Unanswered():
            return _SILENCE
        case _:
            return _FULL
