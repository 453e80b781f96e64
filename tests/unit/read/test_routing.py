import uuid
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from cassandra.cqltypes import UTF8Type
from hypothesis import given
from hypothesis import strategies as st

from cassandra_views.model.errors import ReadError, ViewNotReady
from cassandra_views.model.generation import Serving
from cassandra_views.model.times import TimeColumn, TimeKind, min_timeuuid
from cassandra_views.read.physical import KeyColumn
from cassandra_views.read.query import Query, compile_query
from cassandra_views.read.routing import covered_window, find_route, sorted_spans

START = datetime(2026, 1, 5, tzinfo=UTC)
DAY = timedelta(days=1)
TEXT = TimeColumn(name="t", kind=TimeKind.TEXT, format="%Y-%m-%d_%H")


def view(partition: str, clustering: str) -> Any:
    def columns(names: str) -> tuple[KeyColumn, ...]:
        return tuple(
            KeyColumn(name=name, cql=name, type=UTF8Type, is_descending=False, is_nested=False)
            for name in names.split()
        )

    of_partition, of_clustering = columns(partition), columns(clustering)
    key = (*of_partition, *of_clustering)
    return SimpleNamespace(
        partition=of_partition, clustering=of_clustering, key=key, columns=tuple(each.name for each in key)
    )


def query(*keys: str, partition: str = "s", clustering: str = "t") -> Query:
    shape = tuple((key, key.endswith("IN")) for key in keys)
    return compile_query(view(partition, clustering), shape, on="ks.v")


def serving(name: str, start: datetime | None, end: datetime | None = None, time: TimeColumn | None = TEXT) -> Serving:
    return Serving(name=name, time=time, start=start, end=end)


ONE = sorted_spans((serving("g1", START),))
STEPS = sorted_spans((serving("g3", START + 2 * DAY, START + 3 * DAY), serving("g1", START, START + DAY),
                  serving("g2", START + DAY, START + 2 * DAY)))  # fmt: skip


def names(spans: Any, asked: Query, *values: Any) -> list[str]:
    return [span.entry.name for span in find_route(spans, asked, list(values), on="ks.v").spans]


@pytest.mark.parametrize(
    ("key", "value", "is_ready"),
    [
        ("t", "2026-01-05_00", True),
        ("t", "2026-01-05", False),
        ("t", "2026-01-04_23", False),
        ("t >=", "2026-01-05_00", True),
        ("t >=", "2026-01-04_23", False),
        ("t >", "2026-01-04_23", False),
        ("t <", "2026-01-05_01", True),
        ("t <", "2026-01-05_00", False),
        ("t <=", "2026-01-05_00", False),
        ("t <=", "2026-01-04", False),
        ("t IN", ("2026-01-05_00", "2026-02-05_00"), True),
        ("t IN", ("2026-01-05_00", "2025-02-05_00"), False),
        ("t IN", (), True),
    ],
)
def test_a_time_before_the_window_is_never_an_empty_answer(key: str, value: Any, is_ready: bool) -> None:
    asked = query("s", key)
    if is_ready:
        assert names(ONE, asked, "x", value) == ["g1"]
    else:
        with pytest.raises(ViewNotReady, match="from 2026-01-05T00:00:00Z"):
            find_route(ONE, asked, ["x", value], on="ks.v")


def test_a_range_with_both_bounds_is_ready_by_its_lower_one() -> None:
    asked = query("s", "t >=", "t <")
    assert names(ONE, asked, "x", "2026-01-05_00", "2026-01-06") == ["g1"]
    with pytest.raises(ViewNotReady, match="from 2026-01-04"):
        find_route(ONE, asked, ["x", "2026-01-04", "2026-01-06"], on="ks.v")


def test_reads_that_do_not_restrict_time_are_served_as_they_are() -> None:
    assert names(ONE, query("s"), "x") == names(ONE, query()) == ["g1"]
    unbounded = sorted_spans((serving("g1", None, time=None),))
    assert names(unbounded, query("s", "t <"), "x", "0") == ["g1"]
    open_start = sorted_spans((serving("g1", None),))
    assert names(open_start, query("s", "t"), "x", "0") == ["g1"]
    assert covered_window(open_start) == (None, None)


@pytest.mark.parametrize(
    ("kind", "inside", "outside"),
    [
        (TimeKind.TIMESTAMP, START, START - timedelta(milliseconds=1)),
        (TimeKind.DATE, date(2026, 1, 5), date(2026, 1, 4)),
        (TimeKind.SECONDS, int(START.timestamp()), int(START.timestamp()) - 1),
        (TimeKind.MILLISECONDS, int(START.timestamp()) * 1000, int(START.timestamp()) * 1000 - 1),
        (TimeKind.TIMEUUID, min_timeuuid(START), min_timeuuid(START - timedelta(microseconds=1))),
        (TimeKind.TIMEUUID, uuid.UUID(int=min_timeuuid(START).int - 1), min_timeuuid(START - DAY)),
    ],
)
def test_every_kind_of_time(kind: TimeKind, inside: Any, outside: Any) -> None:
    spans = sorted_spans((serving("g1", START, time=TimeColumn(name="t", kind=kind)),))
    assert names(spans, query("s", "t"), "x", inside) == ["g1"]
    with pytest.raises(ViewNotReady):
        find_route(spans, query("s", "t"), ["x", outside], on="ks.v")


def test_of_several_generations_each_time_has_its_own() -> None:
    assert [span.entry.name for span in STEPS] == ["g1", "g2", "g3"]
    assert covered_window(STEPS) == (START, START + 3 * DAY)
    asked = query("t", partition="t", clustering="s")
    assert names(STEPS, asked, "2026-01-06_23") == ["g2"]
    assert names(STEPS, asked, "2026-01-07_00") == ["g3"]
    for outside in ("2026-01-08_00", "2026-01-04_23"):
        with pytest.raises(ViewNotReady, match="2026-01-05T00:00:00Z to 2026-01-08T00:00:00Z"):
            find_route(STEPS, asked, [outside], on="ks.v")
    several = query("t IN", partition="t", clustering="s")
    way = find_route(STEPS, several, [("2026-01-07_00", "2026-01-05_00")], on="ks.v")
    assert way.by_time is not None
    assert {value: span.entry.name for value, span in way.by_time.items()} == {
        "2026-01-07_00": "g3",
        "2026-01-05_00": "g1",
    }


def test_several_generations_are_concatenated_only_where_time_is_the_partition() -> None:
    assert names(STEPS, query(partition="t", clustering="s")) == ["g1", "g2", "g3"]
    for asked, values in (
        (query(partition="s", clustering="t"), []),
        (query(partition="t s", clustering="x"), []),
        (query("s"), ["x"]),
        (query("s", "t >="), ["x", "2026-01-05_00"]),
        (query("s", "t IN"), ["x", ("2026-01-05_00", "2026-01-06_00")]),
    ):
        with pytest.raises(ReadError, match="not supported yet"):
            find_route(STEPS, asked, values, on="ks.v")


def test_a_range_inside_one_step_is_read_there() -> None:
    asked = query("s", "t >=", "t <")
    assert names(STEPS, asked, "x", "2026-01-06_03", "2026-01-06_09") == ["g2"]
    assert names(STEPS, query("s", "t <"), "x", "2026-01-05_09") == ["g1"]
    assert names(STEPS, query("s", "t >"), "x", "2026-01-07_09") == ["g3"]
    assert names(STEPS, query("s", "t IN"), "x", ("2026-01-06_01", "2026-01-06_00")) == ["g2"]
    with pytest.raises(ViewNotReady):
        find_route(STEPS, query("s", "t >="), ["x", "2026-01-08_00"], on="ks.v")


@given(hours=st.lists(st.integers(min_value=-48, max_value=120), min_size=1, max_size=5))
def test_a_value_is_routed_where_it_lies_or_refused(hours: list[int]) -> None:
    moments = {TEXT.value(START + timedelta(hours=each)): START + timedelta(hours=each) for each in hours}
    asked = query("t IN", partition="t", clustering="s")
    if any(not START <= moment < START + 3 * DAY for moment in moments.values()):
        with pytest.raises(ViewNotReady):
            find_route(STEPS, asked, [tuple(moments)], on="ks.v")
        return
    way = find_route(STEPS, asked, [tuple(moments)], on="ks.v")
    for text, moment in moments.items():
        entry = (way.by_time or dict.fromkeys(moments, way.spans[0]))[text].entry
        assert entry.start is not None
        assert entry.end is not None
        assert entry.start <= moment < entry.end
