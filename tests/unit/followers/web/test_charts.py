import re
from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from followers.levels import Level
from followers.web.charts import (
    BOTTOM,
    TOP,
    Series,
    change_labels,
    follower_labels,
    line_chart,
    nice_ticks,
    sparkline,
)
from followers.web.texts import THIN

NEWEST = datetime(2026, 11, 5, 12, 34, tzinfo=UTC)
TIMES = Level.MINUTE.back(NEWEST, 5)[::-1]


def series(*values: float | None) -> Series:
    return Series(name="ann", style="s1", values=values)


def points(path: str) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in re.findall(r"[ML](\S+?) (\S+?)(?=[MLh]|$)", path)]


def test_a_line_goes_from_left_to_right_and_higher_is_up() -> None:
    chart = line_chart("all", Level.MINUTE, TIMES, [series(10, 20, 30, 40, 50)], height=200)
    assert chart is not None
    found = points(chart.lines[0].path)
    assert [x for x, _ in found] == [0, 250, 500, 750, 1000]
    assert all(after < before for (_, before), (_, after) in pairwise(found))
    assert all(TOP <= y <= 200 - BOTTOM for _, y in found)
    assert chart.lines[0].end == (100.0, found[-1][1])


def test_a_gap_is_not_bridged_and_a_value_alone_is_a_dot() -> None:
    chart = line_chart("all", Level.MINUTE, TIMES, [series(10, 20, None, 40, None)])
    assert chart is not None
    path = chart.lines[0].path
    assert path.count("M") == 2
    assert path.endswith("h0")
    assert len(chart.moments) == 3


def test_a_narrow_chart_has_fewer_times_below() -> None:
    for marks in (5, 3):
        chart = line_chart("all", Level.MINUTE, TIMES, [series(1, 2, 3, 4, 5)], marks=marks)
        assert chart is not None
        assert [mark.at for mark in chart.across][:: marks - 1] == [0.0, 100.0]
        assert len(chart.across) == marks


def test_nothing_is_no_chart() -> None:
    assert line_chart("all", Level.MINUTE, TIMES, [series(None, None, None, None, None)]) is None
    assert line_chart("all", Level.MINUTE, [], [series()]) is None


def test_one_value_alone_is_a_chart() -> None:
    chart = line_chart("all", Level.MINUTE, TIMES[:1], [series(7)])
    assert chart is not None
    assert chart.lines[0].end is not None
    assert [mark.text for mark in chart.across] == ["12:30"]


def test_a_chart_says_what_it_shows() -> None:
    chart = line_chart("all", Level.MINUTE, TIMES, [series(1_000, 3_000, 500, None, 2_000)])
    assert chart is not None
    assert chart.about == (
        "5 Nov 2026, 12:30 to 5 Nov 2026, 12:34 UTC. ann from 1,000 to 2,000, lowest 500, highest 3,000."
    )
    assert chart.moments[1].full == "5 Nov 2026, 12:31\nann: 3,000"


def test_labels_of_close_values_differ() -> None:
    chart = line_chart("all", Level.MINUTE, TIMES, [series(14_928_004, 14_928_009, None, None, 14_928_001)])
    assert chart is not None
    texts = [mark.text for mark in chart.down]
    assert len(set(texts)) == len(texts)


numbers = st.one_of(st.integers(0, 2**31), st.floats(-1, 1).map(lambda share: round(share, 11)))


@given(numbers, numbers)
def test_ticks_are_even_and_hold_all_values(one: float, other: float) -> None:
    low, high = sorted((one, other))
    ticks = nice_ticks(low, high)
    gaps = [after - before for before, after in pairwise(ticks)]
    assert 2 <= len(ticks) <= 8
    nothing = 1e-6 * max(gaps)  # no eye sees a line end so little outside
    assert ticks[0] <= low + nothing
    assert ticks[-1] >= high - nothing
    assert max(gaps) - min(gaps) <= 1e-6 * max(1.0, abs(low), abs(high))


def test_a_small_line_needs_two_values() -> None:
    assert sparkline([1], "1 day") is None
    assert sparkline([None, 5, None], "3 days") is None
    found = sparkline([None, 1_000, 2_000], "3 days")
    assert found is not None
    assert found.about.replace("\N{NARROW NO-BREAK SPACE}", " ") == "3 days: from 1.00 K to 2.00 K"


@given(
    st.floats(-2e9, 2e9, allow_nan=False).map(round),
    st.integers(0, 2_000_000_000),
)
def test_labels_of_an_axis_are_evenly_apart_and_all_different(low: int, span: int) -> None:
    labels = follower_labels(nice_ticks(low, low + span))
    assert len(set(labels)) == len(labels)
    units = {label.rpartition(THIN)[2] if THIN in label else "" for label in labels if label != "0"}
    assert len(units) == 1
    decimals = {len(label.partition(THIN)[0].partition(".")[2]) for label in labels if label != "0"}
    assert len(decimals) == 1


@pytest.mark.parametrize(
    ("ticks", "labels"),
    [
        ([0.0, 500_000.0, 1_000_000.0, 1_500_000.0], ["0", "0.5 M", "1.0 M", "1.5 M"]),
        ([99_975_000.0, 100_000_000.0, 100_025_000.0], ["99.975 M", "100.000 M", "100.025 M"]),
        ([87_183_001.0, 87_183_002.0], ["87,183,001", "87,183,002"]),
        ([950.0, 1_000.0, 1_050.0], ["0.95 K", "1.00 K", "1.05 K"]),
    ],
)
def test_labels_of_followers_have_one_unit_and_the_same_decimals(ticks: list[float], labels: list[str]) -> None:
    assert follower_labels(ticks) == [label.replace(" ", THIN) for label in labels]


@pytest.mark.parametrize(
    ("ticks", "labels"),
    [
        ([-0.0025, 0.0, 0.0025, 0.005], ["\N{MINUS SIGN}0.25 %", "0 %", "+0.25 %", "+0.50 %"]),
        ([0.0, 0.05, 0.1], ["0 %", "+5 %", "+10 %"]),
    ],
)
def test_labels_of_changes_have_the_same_decimals(ticks: list[float], labels: list[str]) -> None:
    assert change_labels(ticks) == [label.replace(" ", THIN) for label in labels]


def test_labels_stand_beside_the_lines() -> None:
    chart = line_chart("all", Level.MINUTE, TIMES, [series(1e6, 2e6, 3e6, 4e6, 5e6)])
    assert chart is not None
    assert chart.gutter >= 6 * max(len(mark.text) for mark in chart.down)


@given(st.integers(1, 130), st.sampled_from([3, 5]))
def test_times_are_evenly_apart_and_end_with_the_newest(count: int, marks: int) -> None:
    times = Level.MINUTE.back(NEWEST, count)[::-1]
    chart = line_chart("all", Level.MINUTE, times, [series(*range(count))], marks=marks)
    assert chart is not None
    shown = [times.index(each) for mark in chart.across for each in times if f"{each:%H:%M}" == mark.text]
    assert len(shown) == len(chart.across) <= marks
    assert shown[-1] == count - 1
    assert len({after - before for before, after in pairwise(shown)}) <= 1
