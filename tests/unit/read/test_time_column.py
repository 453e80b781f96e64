"""The window's column is found in the view that is read, whatever the base calls it by now."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from cassandra_views.model.errors import ReadError
from cassandra_views.model.generation import Serving
from cassandra_views.model.times import TimeColumn, TimeKind
from cassandra_views.read.physical import PhysicalView
from cassandra_views.read.routing import Span, resolved_spans, sorted_spans

START = datetime(2026, 11, 1, tzinfo=UTC)
DAY = TimeColumn(name="day", kind=TimeKind.TEXT, format="%Y-%m-%d")
CLAUSE = "day >= '2026-11-01' AND streamer IS NOT NULL AND total IS NOT NULL"
KEY = {"day": "text", "streamer": "text", "total": "bigint"}


@dataclass
class _View:
    """A physical view as far as its window's column goes."""

    key_types: dict[str, str]
    where: str = ""
    name: str = "top__g1"
    checked: Any = field(default=None)


def view_of(key_types: dict[str, str], where: str = "") -> PhysicalView:
    return cast("PhysicalView", _View(key_types, where))


def spans(time: TimeColumn | None = DAY, **bounds: Any) -> tuple[Span, ...]:
    return sorted_spans((Serving(name="top__g1", time=time, **({"start": START} | bounds)),))


def found(view: PhysicalView, time: TimeColumn = DAY) -> str:
    column = resolved_spans(spans(time), view, on="insight.top")[-1].entry.time
    assert column is not None
    assert (column.kind, column.format) == (time.kind, time.format)
    return column.name


def test_a_column_that_is_there_is_it_and_nothing_is_made_for_it() -> None:
    serving, view = spans(), view_of(KEY, CLAUSE)
    assert resolved_spans(serving, view, on="insight.top") is serving
    assert view.checked == (serving, serving)


@pytest.mark.parametrize(
    ("key", "clause", "name"),
    [
        ({"order_day": "text", "streamer": "text"}, "order_day >= '2026-11-01' AND streamer IS NOT NULL", "order_day"),
        ({"Day": "text", "streamer": "text"}, "\"Day\" >= '2026-11-01' AND streamer IS NOT NULL", "Day"),
        ({'a"b': "text"}, '"a""b" >= \'2026-11-01\'', 'a"b'),
        # Two columns have exchanged their names.
        ({"day": "text", "streamer": "text"}, "streamer >= '2026-11-01' AND day IS NOT NULL", "streamer"),
        # What stands in a literal is none of the clause's columns.
        ({"at": "text", "x": "text"}, "at >= 'x >= ''y' AND x IS NOT NULL", "at"),
        ({"at": "text", "total": "bigint"}, "at >= '2026-11-01' AND total > 5", "at"),
    ],
)
def test_a_renamed_column_is_found_by_the_clause(key: dict[str, str], clause: str, name: str) -> None:
    assert found(view_of(key, clause)) == name


@pytest.mark.parametrize(
    "view",
    [
        view_of({"order_day": "text", "streamer": "text"}),
        view_of({"order_day": "text", "streamer": "text"}, "order_day >= '2026-11-01' AND streamer > 'a'"),
        view_of({"day": "date"}, "day >= '2026-11-01'"),
        view_of({"streamer": "text"}, "streamer IS NOT NULL"),
    ],
)
def test_a_read_that_could_miss_the_window_is_an_error(view: PhysicalView) -> None:
    with pytest.raises(ReadError, match="its time column is 'day', and top__g1 has no such column") as caught:
        resolved_spans(spans(), view, on="insight.top")
    assert type(caught.value) is ReadError
    assert caught.value.on == "insight.top"


def test_a_view_without_a_window_needs_no_column() -> None:
    for serving in (spans(None), spans(start=None)):
        assert resolved_spans(serving, view_of({"x": "int"}), on="insight.top") is serving


def test_each_answer_of_the_registry_is_looked_at_once() -> None:
    view, serving = (
        view_of({"order_day": "date"}, "order_day >= '2026-11-01'"),
        spans(TimeColumn(name="day", kind=TimeKind.DATE)),
    )
    first = resolved_spans(serving, view, on="insight.top")
    view.where = ""
    assert resolved_spans(serving, view, on="insight.top") is first
    with pytest.raises(ReadError):
        resolved_spans(spans(), view, on="insight.top")
