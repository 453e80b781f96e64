"""An open-loop load from processes of its own: requests are due on a fixed schedule, whatever the server does.

Latency counts from the moment a request was due, so that a stall is felt by every request that
waited for it (no coordinated omission). A load ends when it is told to, when its time is over, or
when the process that started it is gone.
"""

from __future__ import annotations

import itertools
import math
import multiprocessing
import os
import random
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from multiprocessing.connection import Connection
from multiprocessing.sharedctypes import Synchronized
from types import TracebackType
from typing import Self

from cassandra import ConsistencyLevel
from cassandra.cluster import Session

from benchmarks.data import COLUMNS, KEYSPACE, MINUTE, row_values, streamer_name
from benchmarks.stats import Outcome, Records, outcome_of
from cassandra_client.connect import connected
from cassandra_client.driver_errors import DRIVER_ERRORS
from cassandra_views import ViewReader, ViewsError
from followers.writes import prepare_insert

THREADS = 48
"""Requests that can be under way at once: a stall of a quarter of a second at 200 a second; later ones queue."""

READY_SECONDS = 60.0

Operation = Callable[[random.Random], Outcome]


class Kind(StrEnum):
    """What a load does: read by the library, read one name by the bare driver, or write to the base."""

    LIBRARY = "library"
    NAMED = "named"
    WRITES = "writes"


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """One load.

    Args:
        per_second: how many requests are due each second.
        bound_seconds: when it ends if nobody ends it.
        target: the view that is read, or the table that is written.
        times: the timestamps that are read, or overwritten; rows of all streamers exist for each.
        streamers: how many rows an answer must have.
    """

    kind: Kind
    address: str
    port: int
    per_second: float
    bound_seconds: float
    target: str
    times: tuple[str, ...]
    streamers: int


class Load:
    """Loads that run from entering to leaving; ``records`` holds what they saw, in the order of the specs."""

    def __init__(self, *specs: Spec) -> None:
        context = multiprocessing.get_context("spawn")
        self._start_at = context.Value("d", math.inf)
        self._stop_at = context.Value("d", math.inf)
        self.records: list[Records] = []
        self._running = []
        for spec in specs:
            ours, theirs = context.Pipe()
            process = context.Process(
                target=_process, args=(spec, theirs, self._start_at, self._stop_at), daemon=True, name=spec.kind.value
            )
            self._running.append((process, ours))

    def __enter__(self) -> Self:
        for process, _ in self._running:
            process.start()
        for process, connection in self._running:
            if not connection.poll(READY_SECONDS) or connection.recv() != "ready":
                self._end()
                raise RuntimeError(f"the load '{process.name}' did not get ready")
        self._start_at.value = time.monotonic() + 0.2
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop_at.value = time.monotonic()
        try:
            if kind is None:
                for process, connection in self._running:
                    if not connection.poll(READY_SECONDS):
                        raise RuntimeError(f"the load '{process.name}' gave no answer")
                    self.records.append(connection.recv())
        finally:
            self._end()

    def _end(self) -> None:
        for process, connection in self._running:
            process.join(1.0)
            if process.is_alive():
                process.terminate()
                process.join()
            connection.close()


def _process(spec: Spec, connection: Connection, start_at: Synchronized[float], stop_at: Synchronized[float]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent is told, and ends this
    parent = os.getppid()
    with connected((spec.address,), port=spec.port) as session:
        operation = _operation(spec, session)
        for _ in range(50):
            operation(random.Random(0))
        connection.send("ready")
        while math.isinf(begin := start_at.value):
            if os.getppid() != parent:
                return
            time.sleep(0.01)
        end = begin + spec.bound_seconds
        connection.send(
            drive(
                operation,
                per_second=spec.per_second,
                begin=begin,
                end=lambda: min(end, stop_at.value) if os.getppid() == parent else 0.0,
            )
        )


def drive(
    operation: Operation, *, per_second: float, begin: float, end: Callable[[], float], threads: int = THREADS
) -> Records:
    """Run the operation each time it is due until ``end()``, and return what came of each.

    Args:
        begin: when the first is due, by the monotonic clock.
        end: when the last is due; asked again and again.
    """
    numbers = itertools.count()
    found = [Records() for _ in range(threads)]

    def work(place: int) -> None:
        chance, records = random.Random(place), found[place]
        while True:
            due = begin + next(numbers) / per_second  # next() of a count is one step under the GIL
            while (now := time.monotonic()) < due < end():
                time.sleep(min(0.1, due - now))
            if due >= end():
                return
            try:
                outcome = operation(chance)
            except (ViewsError, *DRIVER_ERRORS) as error:
                outcome = Outcome.FAILED
                records.note(f"{type(error).__name__}: {error}")
            records.add(due, time.monotonic(), outcome)

    with ThreadPoolExecutor(max_workers=threads, thread_name_prefix="load") as pool:
        for done in [pool.submit(work, place) for place in range(threads)]:
            done.result()  # an error that is no failed request ends the load
    together = Records()
    for each in found:
        together.extend(each)
    return together


def _operation(spec: Spec, session: Session) -> Operation:
    match spec.kind:
        case Kind.LIBRARY:
            reader = ViewReader(session)
            name = f"{KEYSPACE}.{spec.target}"

            def by_library(chance: random.Random) -> Outcome:
                found = reader.select(name, timestamp=chance.choice(spec.times), limit=spec.streamers)
                return outcome_of(len(found), spec.streamers)

            return by_library
        case Kind.NAMED:
            statement = session.prepare(
                f"SELECT {', '.join(COLUMNS)} FROM {KEYSPACE}.{spec.target} WHERE timestamp = ? LIMIT ?"
            )
            statement.consistency_level = ConsistencyLevel.LOCAL_QUORUM

            def by_name(chance: random.Random) -> Outcome:
                found = session.execute(statement, (chance.choice(spec.times), spec.streamers), timeout=10.0)
                return outcome_of(len(found.all()), spec.streamers)

            return by_name
        case Kind.WRITES:
            insert = prepare_insert(session, KEYSPACE, spec.target, COLUMNS)

            def write(chance: random.Random) -> Outcome:
                # Half are readings of now, half are late ones of some minute that is served.
                moment = time.strftime(MINUTE, time.gmtime()) if chance.random() < 0.5 else chance.choice(spec.times)
                streamer = streamer_name(chance.randrange(spec.streamers))
                session.execute(insert, row_values(streamer, moment, chance.randrange(1_000_000)), timeout=10.0)
                return Outcome.OK

            return write
