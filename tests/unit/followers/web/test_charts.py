import re
from datetime import UTC, datetime
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from followers.web.charts import BOTTOM, TOP, Series, line_chart, nice_ticks, spark
from followers.web.levels import Level

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
    assert spark([1], "1 day") is None
    assert spark([None, 5, None], "3 days") is None
    found = spark([None, 1_000, 2_000], "3 days")
    assert found is not None
    assert found.about.replace("\N{NARROW NO-BREAK SPACE}", " ") == "3 days: from 1.00 K to 2.00 K"
