"""Which of the rows that a SELECT asks its base for a view holds."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cassandra_views.cql.parse import parse_table
from cassandra_views.cql.select_text import parse_select
from cassandra_views.model.schema import ColumnKind, TableShape
from cassandra_views.model.statement import COMPARISONS, Operator
from cassandra_views.plan.view_coverage import Coverage, find_coverage

BASE = parse_table(
    "CREATE TABLE t (p int, day text, due date, at timestamp, v int, PRIMARY KEY (p, day, due, at))"
).shape("k")


def coverage(where: str, filter_: str, view: TableShape = BASE) -> Coverage:
    select = f"SELECT * FROM t{f' WHERE {where}' if where else ''}"
    return find_coverage(parse_select(select), view, filter_, BASE).coverage


CASES = [
    ("p = 5", "", "all"),
    ("p = 5", "p IS NOT NULL", "all"),
    ("", "p > 3", "part"),
    ("p = ?", "p > 3", "part"),
    ("p = 5", "p > 3", "all"),
    ("p = 3", "p > 3", "none"),
    ("p IN (4, 5)", "p > 3", "all"),
    ("p IN (3, 5)", "p > 3", "part"),
    ("p IN (2, 3)", "p > 3", "none"),
    ("p IN ?", "p > 3", "part"),
    ("p > 3", "p > 3", "all"),
    ("p >= 3", "p > 3", "part"),
    ("p > 3", "p >= 3", "all"),
    ("p >= 3", "p > 5 AND p < 9", "part"),
    ("p > 5 AND p <= 7", "p > 5 AND p < 9", "all"),
    ("p < 3", "p > 3", "none"),
    ("p <= 3", "p > 3", "none"),
    ("p <= 3", "p >= 3", "part"),
    ("p BETWEEN 4 AND 5", "p > 3", "all"),
    ("p BETWEEN 1 AND 2", "p > 3", "none"),
    ("p = 4", "p IN (4, 5)", "all"),
    ("p = 6", "p IN (4, 5)", "none"),
    ("p > 5", "p IN (4, 5)", "none"),
    ("p > 4", "p IN (4, 5)", "part"),
    ("day = '2026-02-01'", "day >= '2026-01-01'", "all"),
    ("day = '2025-02-01'", "day >= '2026-01-01'", "none"),
    ("due >= '2026-02-01'", "due >= '2026-01-01'", "all"),
    ("at > '2026-01-02T00:00:00Z'", "at >= '2026-01-01T00:00:00Z'", "all"),
    ("at > '2026-01-01T00:30:00+01:00'", "at >= '2026-01-01T00:00:00Z'", "part"),
    ("at > '2026-01-02'", "at >= '2026-01-01T00:00:00Z'", "part"),
    ("at > 1767225600000", "at >= '2026-01-01T00:00:00Z'", "all"),
    ("p = 5", "(day, due) > ('a', '2026-01-01')", "part"),
    ("p = 5", "p > > 3", "unknown"),
]


@pytest.mark.parametrize(("where", "filter_", "expected"), CASES)
def test_conditions_are_compared_with_the_filter(where: str, filter_: str, expected: str) -> None:
    assert coverage(where, filter_) == expected


@pytest.mark.parametrize(
    ("rest", "expected", "notes"),
    [
        ("WHERE v = 5", Coverage.ALL, ()),
        ("WHERE p = 5 ORDER BY v", Coverage.ALL, ("rows without v are not in it",)),
        ("WHERE p = 5", Coverage.PART, ("rows without v are not in it",)),
    ],
)
def test_rows_without_an_added_key_column_are_not_in_a_view(
    rest: str, expected: Coverage, notes: tuple[str, ...]
) -> None:
    columns = tuple(
        replace(each, kind=ColumnKind.CLUSTERING, position=9) if each.name == "v" else each for each in BASE
    )
    found = find_coverage(parse_select(f"SELECT * FROM t {rest}"), replace(BASE, columns=columns), "", BASE)
    assert (found.coverage, found.notes) == (expected, notes)


RANGES = [Operator.LESS, Operator.LESS_OR_EQUAL, Operator.GREATER, Operator.GREATER_OR_EQUAL, Operator.EQUAL]
CONDITIONS = st.lists(st.tuples(st.sampled_from(RANGES), st.integers(0, 5)), min_size=1, max_size=3)


@given(CONDITIONS, CONDITIONS)
def test_no_verdict_is_other_than_what_each_row_shows(
    asked: list[tuple[Operator, int]], kept: list[tuple[Operator, int]]
) -> None:
    def cql(conditions: list[tuple[Operator, int]]) -> str:
        return " AND ".join(f"p {operator.value} {value * 10}" for operator, value in conditions)

    def meets(row: int, conditions: list[tuple[Operator, int]]) -> bool:
        return all(COMPARISONS[operator](row, value * 10) for operator, value in conditions)

    rows = [row for row in range(-5, 60) if meets(row, asked)]
    held = [row for row in rows if meets(row, kept)]
    found = coverage(cql(asked), cql(kept))
    if found is Coverage.ALL:
        assert held == rows
    if found is Coverage.NONE:
        assert held == []
