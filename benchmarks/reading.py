"""Reading through the library, beside the bare driver with the same prepared statement."""

from __future__ import annotations

import gc
import random
import time
from collections.abc import Callable, Sequence

from cassandra import ConsistencyLevel

from benchmarks.data import COLUMNS, KEYSPACE, streamer_name
from benchmarks.report import Details, Figure, Section, judged
from benchmarks.stage import VIEW, Stage
from benchmarks.stats import percentile
from cassandra_views import ViewReader

TARGET_RATIO = 1.05
LIMIT = 10

Read = Callable[[str, str], int]
"""Reads of a timestamp and a streamer; returns how many rows came."""


def measure(stage: Stage) -> Section:
    """Read a page of a partition, then one row, by both ways in turn."""
    figures, rows = [], []
    for what, library, bare, expected in (
        (f"{LIMIT} rows of a partition, more follow", *_pages(stage), LIMIT),
        ("one row by its whole key", *_single(stage), 1),
    ):
        stage.tell(f"reading {what}")
        one, ours, other = _in_turn(stage, library, bare, expected)
        references = [*one, *other]
        ratio = percentile(ours, 0.5) / percentile(references, 0.5)
        spread = percentile(other, 0.5) / percentile(one, 0.5)
        noise = abs(percentile(one, 0.5) - percentile(other, 0.5)) * 1e6
        figures.append(
            Figure(
                name=f"reading {what}: time at p50",
                measured=f"{ratio:.2f}x",
                reference=f"bare driver, same prepared statement; against itself {spread:.2f}x",
                target=f"<= {TARGET_RATIO}x",
                verdict=judged(ratio <= TARGET_RATIO),
            )
        )
        for label, found in ((f"{what}: library", ours), ("bare driver", one), ("bare driver again", other)):
            times = (f"{percentile(found, share) * 1e6:.0f}" for share in (0.5, 0.9, 0.99))
            rows.append((label, f"{len(found):,}", *times))
        for label, first, second in (
            ("of pairs: library less the bare driver before it", ours, one),
            ("of pairs: library less the bare driver after it", ours, other),
        ):
            pairs = sorted(after - before for after, before in zip(first, second, strict=True))
            rows.append((label, f"{len(pairs):,}", f"{percentile(pairs, 0.5) * 1e6:.0f}", "", ""))
        rows.append(("noise: bare driver against itself", "", f"{noise:.0f}", "", ""))
    return Section(
        title="Reading",
        figures=tuple(figures),
        how="One thread reads the serving view in turns of three: by the bare driver, by `ViewReader.select`, by the "
        "bare driver again, each a time and streamer of its own choice, on a server without other work. The statement "
        "is the same, prepared, at LOCAL_QUORUM, in one session. The library's time includes finding out what serves "
        "(cached for 5 seconds) and, where more rows follow, the token of the next page.",
        details=(Details(title="Reads, microseconds", head=("read", "reads", "p50", "p90", "p99"), rows=tuple(rows)),),
    )


def _pages(stage: Stage) -> tuple[Read, Read]:
    reader = ViewReader(stage.session)
    statement = stage.session.prepare(f"{_select(stage)} WHERE timestamp = ? LIMIT ?")
    statement.consistency_level = ConsistencyLevel.LOCAL_QUORUM

    def library(moment: str, streamer: str) -> int:
        return len(reader.select(f"{KEYSPACE}.{VIEW}", timestamp=moment, limit=LIMIT).rows)

    def bare(moment: str, streamer: str) -> int:
        return len(stage.session.execute(statement, (moment, LIMIT)).all())

    return library, bare


def _single(stage: Stage) -> tuple[Read, Read]:
    reader = ViewReader(stage.session)
    statement = stage.session.prepare(f"{_select(stage)} WHERE timestamp = ? AND streamer = ?")
    statement.consistency_level = ConsistencyLevel.LOCAL_QUORUM

    def library(moment: str, streamer: str) -> int:
        return len(reader.select(f"{KEYSPACE}.{VIEW}", timestamp=moment, streamer=streamer).rows)

    def bare(moment: str, streamer: str) -> int:
        return len(stage.session.execute(statement, (moment, streamer)).all())

    return library, bare


def _select(stage: Stage) -> str:
    return f"SELECT {', '.join(COLUMNS)} FROM {stage.serving(VIEW)}"


def _in_turn(stage: Stage, library: Read, bare: Read, expected: int) -> tuple[list[float], list[float], list[float]]:
    """Return seconds of the bare driver, the library, and the bare driver again."""
    chance = random.Random(1)
    found: tuple[list[float], list[float], list[float]] = ([], [], [])
    keys = [
        (chance.choice(stage.times), streamer_name(chance.randrange(stage.sizes.streamers)))
        for _ in range(stage.sizes.pairs)
    ]
    _turns(library, bare, keys[: len(keys) // 4], expected, ([], [], []))  # warm
    gc.collect()
    _turns(library, bare, keys, expected, found)
    return found


def _turns(
    library: Read, bare: Read, keys: Sequence[tuple[str, str]], expected: int, into: tuple[list[float], ...]
) -> None:
    for moment, streamer in keys:
        for read, times in zip((bare, library, bare), into, strict=True):
            begun = time.perf_counter()
            rows = read(moment, streamer)
            times.append(time.perf_counter() - begun)
            if rows != expected:
                raise RuntimeError(f"{rows} rows came for {moment}, {streamer}; there are {expected}")
