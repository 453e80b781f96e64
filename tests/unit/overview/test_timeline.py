"""Generations as bars: where they begin, how long they are, and that all is said in words, too."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cassandra_views.model.generation import Generation, State, ViewRecord
from cassandra_views.model.names import ViewName
from cassandra_views.overview.timeline import held_chart, lives_chart, windows_chart
from cassandra_views.overview.view_rows import ViewRow
from cassandra_views.plan.status import ViewStatus

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def generation(number: int = 1, state: State = State.SERVING, **facts: Any) -> Generation:
    return Generation(
        number=number, physical=f"v__g{number}", table_id=uuid.UUID(int=number), version="f1:0", state=state, **facts
    )


def row(view: str, *generations: Generation) -> ViewRow:
    name = ViewName(keyspace="ks", view=view)
    record = ViewRecord(name=name, generations=generations)
    return ViewRow(status=ViewStatus(name=name, condition="serving"), record=record, now=NOW)


def test_bars_are_as_long_as_their_windows() -> None:
    long = generation(1, window_start=NOW - 10 * DAY, window_end=NOW - 5 * DAY)
    short = generation(2, window_start=NOW - 5 * DAY)
    chart = windows_chart([row("v", long, short), row("w", generation(3))], NOW)
    newest, oldest = chart.lines[0].bars
    assert oldest.begin == 0
    assert newest.begin == pytest.approx(oldest.length, abs=0.02)
    assert newest.begin + newest.length == pytest.approx(chart.now, abs=0.02)
    assert chart.lines[0].text == (
        "generation 2 (serving): 2026-03-05 12:00 to now; generation 1 (serving): 2026-02-28 12:00 to 2026-03-05 12:00"
    )
    assert [bar.lane for bar in chart.lines[0].bars] == [0, 1]
    assert chart.lines[0].lanes == 2
    (whole,) = chart.lines[1].bars
    assert whole.begin == 0
    assert whole.length == pytest.approx(chart.now, abs=0.02)
    assert whole.text == "generation 3 (serving): the whole base"


def test_the_life_of_a_generation() -> None:
    each = generation(
        1,
        State.RETIRED,
        created_at=NOW - 10 * HOUR,
        built_at=NOW - 9 * HOUR,
        served_at=NOW - 8 * HOUR,
        retired_at=NOW - HOUR,
    )
    chart = lives_chart([each], NOW)
    assert chart is not None
    (line,) = chart.lines
    assert [bar.kind for bar in line.bars] == ["made", "built", "serving", "retired"]
    assert line.bars[2].length == pytest.approx(7 * line.bars[0].length, rel=0.01)
    assert line.bars[2].text == "served from 03-10 04:00:00 until 03-10 11:00:00"
    assert line.bars[3].text == "kept for a rollback from 03-10 11:00:00 until now"
    assert lives_chart([generation()], NOW) is None


def test_the_newest_generation_is_on_top() -> None:
    chart = held_chart([generation(number) for number in (1, 2, 3)], NOW)
    assert [line.label for line in chart.lines] == ["v__g3", "v__g2", "v__g1"]


@given(
    start=st.timedeltas(timedelta(), timedelta(days=13000)).map(lambda each: NOW - each),
    length=st.timedeltas(timedelta(), timedelta(days=40000)) | st.none(),
)
def test_no_bar_leaves_its_line(start: datetime, length: timedelta | None) -> None:
    each = generation(window_start=start, window_end=None if length is None else start + length)
    chart = windows_chart([row("v", each, generation(2, window_start=NOW - HOUR))], NOW)
    for bar in chart.lines[0].bars:
        assert bar.length > 0
        assert bar.begin >= 0
        assert bar.begin + bar.length <= 100.01
    assert 0 <= chart.now <= 100
    places = [at for at, _text in chart.ticks]
    assert places == sorted(places)
    assert len(places) <= 7
    assert all(0 <= at <= 100 for at in places)
