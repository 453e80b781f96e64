"""``rollup`` against plain Python, and against cases computed by hand."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from math import floor
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spark_jobs.frames import COLUMNS, measured, rollup
from spark_jobs.levels import COUNTS, DAY, HOUR, MINUTE, RollupLevel, parts_of

SCHEMA = "streamer string, timestamp string, youtube_count int, twitter_count int, twitch_count int"
LARGEST = 2**31 - 1
LEVELS = (MINUTE, HOUR, DAY)

Row = tuple[str, str, int | None, int | None, int | None]
Roll = Callable[[list[Row], RollupLevel], dict[tuple[str, str], tuple[Any, ...]]]


@pytest.fixture(scope="package")
def roll(spark: Any) -> Roll:
    def run(rows: list[Row], level: RollupLevel) -> dict[tuple[str, str], tuple[Any, ...]]:
        found = rollup(spark.createDataFrame(rows, SCHEMA), level)
        assert tuple(found.columns) == COLUMNS
        assert [kind for _name, kind in found.dtypes] == ["string", "string", "int", "int", "int", "bigint"]
        lines = found.collect()
        keys = [(line.streamer, line.timestamp) for line in lines]
        assert len(set(keys)) == len(keys)
        return {key: tuple(line)[2:] for key, line in zip(keys, lines, strict=True)}

    return run


def half_up(counts: list[int]) -> int:
    return floor(Fraction(sum(counts), len(counts)) + Fraction(1, 2))


def expected(rows: list[Row], level: RollupLevel) -> dict[tuple[str, str], tuple[Any, ...]]:
    """Return what the rows mean, in plain Python."""
    groups: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in set(rows):
        groups[row[0], row[1][: level.width]].append(row)
    found = {}
    for key, group in groups.items():
        means = [
            half_up(counts) if (counts := [row[place] for row in group if row[place] is not None]) else None
            for place in (2, 3, 4)
        ]
        if any(mean is not None for mean in means):
            found[key] = (*means, sum(mean for mean in means if mean is not None))
    return found


counts = st.one_of(
    st.none(),
    st.integers(0, 10),
    st.integers(LARGEST - 3, LARGEST),
    st.integers(0, LARGEST),
    st.integers(-(2**31), -1),  # no feed should say so, but what is there is meant
)
# Around the borders of a year, of a day, and of a day that not every year has.
borders = [
    datetime(2025, 12, 31, 23, 59, 30, tzinfo=UTC),
    datetime(2026, 3, 1, 23, 59, 30, tzinfo=UTC),
    datetime(2028, 2, 28, 23, 59, 30, tzinfo=UTC),
]


@st.composite
def streamers(draw: st.DrawFn, level: RollupLevel) -> list[Row]:
    """Some streamers with rows in a few intervals, in any order, some of them twice."""
    below = level.below
    assert below is not None
    rows = []
    for number in range(draw(st.integers(1, 40))):
        begin = draw(st.sampled_from(borders))
        for step in draw(st.lists(st.integers(0, 3 * level.parts // 2), max_size=8, unique=True)):
            time = below.text(begin + step * below.span)
            rows.append((f"s{number}", time, draw(counts), draw(counts), draw(counts)))
    rows += draw(st.lists(st.sampled_from(rows), max_size=5)) if rows else []
    return draw(st.permutations(rows))


@pytest.mark.parametrize("level", LEVELS, ids=lambda each: each.name)
def test_a_rollup_is_what_plain_python_makes_of_the_rows(roll: Roll, level: RollupLevel) -> None:
    @settings(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck))
    @given(streamers(level))
    def check(rows: list[Row]) -> None:
        if rows:
            assert roll(rows, level) == expected(rows, level)

    check()


def test_a_minute_by_hand(roll: Roll) -> None:
    rows: list[Row] = [
        ("ann", "2026-03-01_10-15-00", None, None, 10),
        ("ann", "2026-03-01_10-15-00", 100, None, None),
        ("ann", "2026-03-01_10-15-01", None, None, 11),  # a mean of 10.5: up
        ("ann", "2026-03-01_10-15-59", 102, None, None),  # of 101, with 58 seconds missing
        ("ann", "2026-03-01_10-16-00", None, None, 99),  # the next minute
        ("bob", "2026-03-01_10-15-30", None, 3, None),
        ("bob", "2026-03-01_10-15-31", None, 3, None),
        ("bob", "2026-03-01_10-15-32", None, 4, None),  # 3.33: down
        ("cyd", "2026-03-01_10-15-30", None, None, None),  # there, without a count: no row
    ]
    assert roll(rows, MINUTE) == {
        ("ann", "2026-03-01_10-15"): (101, None, 11, 112),
        ("ann", "2026-03-01_10-16"): (None, None, 99, 99),
        ("bob", "2026-03-01_10-15"): (None, 3, None, 3),
    }


def test_an_hour_is_the_mean_of_its_minutes_not_of_their_seconds(roll: Roll) -> None:
    rows: list[Row] = [("ann", f"2026-12-31_23-{minute:02d}", None, None, minute) for minute in range(58)]
    rows += [("ann", "2026-12-31_23-58", 7, None, None), ("ann", "2027-01-01_00-00", None, None, 1)]
    assert roll(rows, HOUR) == {
        ("ann", "2026-12-31_23"): (7, None, 29, 36),  # 28.5
        ("ann", "2027-01-01_00"): (None, None, 1, 1),
    }


@pytest.mark.parametrize(
    ("values", "mean"),
    [
        ([1, 2], 2),
        ([2, 3], 3),
        ([-1, -2], -1),
        ([-3, 0], -1),
        ([0, 0, 1], 0),
        ([LARGEST] * 60, LARGEST),
        ([LARGEST, LARGEST - 1], LARGEST),
        ([-(2**31), LARGEST], 0),
    ],
)
def test_halves_go_up(roll: Roll, values: list[int], mean: int) -> None:
    rows: list[Row] = [
        ("ann", f"2026-03-01_10-15-{second:02d}", None, None, each) for second, each in enumerate(values)
    ]
    assert roll(rows, MINUTE) == {("ann", "2026-03-01_10-15"): (None, None, mean, mean)}


def test_the_total_is_larger_than_an_int(roll: Roll) -> None:
    rows: list[Row] = [("ann", "2026-03-01_10-15-00", LARGEST, LARGEST, LARGEST)]
    assert roll(rows, MINUTE) == {("ann", "2026-03-01_10-15"): (LARGEST, LARGEST, LARGEST, 3 * LARGEST)}


def test_a_day_of_the_largest_counts_does_not_overflow(spark: Any) -> None:
    frame = spark.range(86_400).selectExpr(
        "'ann' as streamer",
        "date_format(timestamp_seconds(1772323200 + id), 'yyyy-MM-dd_HH-mm-ss') as timestamp",
        *(f"{LARGEST} as {each}" for each in COUNTS),
    )
    (row,) = rollup(frame, DAY).collect()
    assert tuple(row) == ("ann", "2026-03-01", LARGEST, LARGEST, LARGEST, 3 * LARGEST)


def test_no_rows_make_no_rows(roll: Roll) -> None:
    assert roll([], MINUTE) == {}


def test_what_is_told_of_a_mean(spark: Any) -> None:
    rows: list[Row] = [
        ("ann", "2026-03-01_10-15-00", 1, None, 1),
        ("ann", "2026-03-01_10-15-01", 1, None, None),
        ("ann", "2026-03-01_10-15-01", 1, None, None),  # the same once more
        ("bob", "2026-03-01_10-15-01", None, None, None),
    ]
    ann, bob = sorted(measured(spark.createDataFrame(rows, SCHEMA), MINUTE).collect())
    assert (ann.rows_read, ann.seen, ann.expected) == (2, 3, 120)
    assert (bob.rows_read, bob.seen, bob.expected, bob.total_count) == (1, 0, 0, 0)


def test_texts_of_a_level_begin_those_of_the_level_below() -> None:
    for level in LEVELS:
        assert level.below is not None
        for begin in (*borders, datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC) + timedelta(seconds=1)):
            start = begin.replace(hour=0, minute=0, second=0)
            parts = parts_of(level, [start])
            assert len(parts) == level.parts
            assert {level.below.text(part)[: level.width] for part in parts} == {level.text(start)}
