"""Where rows of a level are read: views that serve them by time, or the base where none does."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cassandra.cluster import Session

from cassandra_client.names import quoted
from cassandra_views.model.errors import ViewNotFound, ViewNotReady
from cassandra_views.model.times import TimeKind
from cassandra_views.read.pointer import PointerCache
from cassandra_views.read.routing import Span
from spark_jobs.freshness import NOTHING, IntervalDigest
from spark_jobs.levels import RollupLevel, Table
from spark_jobs.statements import PreparedReads

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, Row

    from spark_jobs.connector import SparkTables

_KEYS = 60
"""Partitions that one request asks for: the seconds of a minute."""

_FEW_ROWS = 20_000
"""So many rows of a base are looked at by our own requests: they answer in a tenth of what Spark takes to plan it."""

_RINGS_PARTS = 16
"""Parts of the ring that a base is asked for at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """Times of one table, and what they are read from: a physical view that covers them, or the base.

    Args:
        times: texts, in their order.
        is_base: read by a range of its clustering key.
        is_whole: the times follow each other without a gap.
    """

    table: Table
    name: str
    times: tuple[str, ...]
    is_base: bool
    is_whole: bool


class LevelSource:
    """Reads one keyspace.

    Args:
        registry: the registry's keyspace; None where there is none, so that only bases are read.
        streamers: about how many there are; 0 where that is not known.
        tables: gives Spark's side when it is needed first: to start it takes seconds.
    """

    def __init__(
        self,
        session: Session,
        *,
        keyspace: str,
        registry: str | None,
        streamers: int,
        tables: Callable[[], SparkTables],
    ) -> None:
        self._session = session
        self._keyspace = keyspace
        self._streamers = streamers
        self._tables = tables
        self._behind: set[tuple[str, str]] = set()
        self._pointers = None
        if registry is not None:
            self._pointers = PointerCache(
                session,
                registry=registry,
                keyspace=keyspace,
                cache_seconds=5.0,
                timeout_seconds=10.0,
                clock=_monotonic,
            )
        self.names: set[str] = set()
        """The views and bases that frames were made of."""

    def pieces(self, level: RollupLevel, table: Table, times: Sequence[str]) -> tuple[Piece, ...]:
        """Part the times, texts of the level in their order, by what serves them."""
        spans = self._spans(table)
        by_name: dict[str, list[str]] = defaultdict(list)
        for time in times:
            span = None
            if (table.name, time) not in self._behind:
                span = next((each for each in spans if each.covers(time)), None)
            by_name[span.entry.name if span else table.name].append(time)
        return tuple(
            Piece(
                table=table,
                name=name,
                times=tuple(found),
                is_base=name == table.name,
                is_whole=level.steps(found[0], found[-1]) == len(found) - 1,
            )
            for name, found in by_name.items()
        )

    def frame(self, level: RollupLevel, times: Sequence[str]) -> DataFrame:
        """Return the level's rows of these times, in the form that ``rollup`` takes."""
        found: DataFrame | None = None
        for table in level.tables:
            for piece in self.pieces(level, table, times):
                self.names.add(piece.name)
                rows = self._tables().read(piece)
                found = rows if found is None else found.unionByName(rows)
        assert found is not None
        return found

    def collect(self, frame: DataFrame) -> list[Row]:
        """Return the rows of what was made of frames; errors as ``Loader.collect``."""
        return self._tables().collect(frame)

    def digests(
        self,
        level: RollupLevel,
        times: Sequence[str],
        width: int,
        *,
        written: Mapping[str, IntervalDigest] | None = None,
    ) -> dict[str, IntervalDigest]:
        """Return what the level's tables show of these times, by the first ``width`` characters of each.

        Args:
            written: what is known to stand, by time. Servers give a write to its views a moment after it is
                acknowledged: times at which a view shows less are read from the base, now and by ``frame``.

        Raises:
            ClusterError: a table could not be read.
        """
        found: dict[str, IntervalDigest] = defaultdict(IntervalDigest)
        bases: list[Piece] = []
        for table in level.tables:
            pieces = list(self.pieces(level, table, times))
            while pieces:
                piece = pieces.pop()
                if piece.is_base and not 0 < len(piece.times) * self._streamers <= _FEW_ROWS:
                    bases.append(piece)
                    continue
                shown = self._by_range(piece) if piece.is_base else self._by_key(piece)
                if written and not piece.is_base:
                    by_time = dict(shown)
                    behind = [
                        each for each in piece.times if not by_time.get(each, NOTHING).holds(written.get(each, NOTHING))
                    ]
                    if behind:
                        self._behind |= {(table.name, each) for each in behind}
                        pieces += self.pieces(level, table, behind)
                    shown = iter([(time, by_time[time]) for time in by_time.keys() - set(behind)])
                for text, digest in shown:
                    found[text[:width]] += digest
        if bases:
            for text, digest in self._tables().digests(bases, width):
                found[text] += digest
        return found

    def _by_key(self, piece: Piece) -> Iterator[tuple[str, IntervalDigest]]:
        columns = piece.table.columns.values()
        written = ", ".join(f"max(writetime({column}))" for column in columns)
        view = f"{quoted(self._keyspace)}.{quoted(piece.name)}"
        query = f"SELECT timestamp, count(*), {written} FROM {view} WHERE timestamp IN ? GROUP BY timestamp"
        reads = PreparedReads(self._session, query, on=f"{self._keyspace}.{piece.name}")
        for time, rows, *times in reads.rows((each,) for each in _chunks(piece.times)):
            yield time, IntervalDigest(rows=rows, newest=max(each or 0 for each in times))

    def _by_range(self, piece: Piece) -> Iterator[tuple[str, IntervalDigest]]:
        wanted = set(piece.times)
        written = ", ".join(f"writetime({column})" for column in piece.table.columns.values())
        base = f"{quoted(self._keyspace)}.{quoted(piece.name)}"
        query = (
            f"SELECT timestamp, {written} FROM {base} WHERE token(streamer) >= ? AND token(streamer) <= ? "
            "AND timestamp >= ? AND timestamp <= ? ALLOW FILTERING"
        )
        reads = PreparedReads(self._session, query, on=f"{self._keyspace}.{piece.name}")
        for time, *times in reads.rows((*part, piece.times[0], piece.times[-1]) for part in _ring()):
            if time in wanted:
                yield time, IntervalDigest(rows=1, newest=max(each or 0 for each in times))

    def _spans(self, table: Table) -> tuple[Span, ...]:
        if self._pointers is None:
            return ()
        try:
            spans = self._pointers.get(f"{self._keyspace}.{table.view}").spans
        except (ViewNotFound, ViewNotReady):
            return ()
        return tuple(span for span in spans if span.entry.time is None or span.entry.time.kind is TimeKind.TEXT)


def _chunks(times: Sequence[str]) -> Iterable[list[str]]:
    return (list(times[first : first + _KEYS]) for first in range(0, len(times), _KEYS))


def _ring() -> Iterable[tuple[int, int]]:
    """Yield the first and the last token of each part of the ring."""
    width = 2**64 // _RINGS_PARTS
    return ((first, first + width - 1) for first in range(-(2**63), 2**63, width))


def _monotonic() -> float:
    import time

    return time.monotonic()
