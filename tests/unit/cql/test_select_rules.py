"""What a server says of a SELECT on one table: it answers, asks for ALLOW FILTERING, or refuses."""

from __future__ import annotations

import pytest

from cassandra_views.cql.parse import parse_table
from cassandra_views.cql.select_rules import assess_select
from cassandra_views.cql.select_text import parse_select
from cassandra_views.model.schema import TableIndex, TableShape

SALES = parse_table(
    "CREATE TABLE sales (shop text, day date, at timestamp, place text, no int, total int, note text, code uuid, "
    "name text static, tags set<text>, marks list<int>, attrs map<text, int>, whole frozen<list<int>>, data blob, "
    "spot vector<float, 3>, PRIMARY KEY ((shop, day), at, place, no)) "
    "WITH CLUSTERING ORDER BY (at DESC, place ASC, no ASC)"
).shape("k")
WHOLE = "shop = ? AND day = ?"


def index(target: str, class_name: str = "", **options: str) -> TableIndex:
    """Return an index as ``system_schema.indexes`` has it."""
    given = {"target": target} | ({"class_name": class_name} if class_name else {}) | options
    return TableIndex.of(f"by_{target}", given)


def verdict(rest: str, *indexes: TableIndex, shape: TableShape = SALES, columns: str = "*") -> str:
    found = assess_select(parse_select(f"SELECT {columns} FROM sales {rest}"), shape, indexes)
    if found.unjudged:
        return "unknown"
    return "refused" if found.refusals else "filters" if found.filtering else "answers"


BY_KEY = {
    "": "answers",
    f"WHERE {WHOLE}": "answers",
    "WHERE shop = ?": "filters",
    "WHERE shop = ? AND day > ?": "filters",
    f"WHERE {WHOLE} AND at = ? AND place IN ? AND no > ? AND no <= ?": "answers",
    f"WHERE {WHOLE} AND place = ?": "filters",
    f"WHERE {WHOLE} AND at > ? AND place = ?": "filters",
    f"WHERE {WHOLE} AND at BETWEEN ? AND ?": "answers",
    "WHERE at = ?": "filters",
    f"WHERE {WHOLE} AND total = ?": "filters",
    f"WHERE {WHOLE} AND name = ?": "filters",
    f"WHERE {WHOLE} AND at = ? AND at = ?": "refused",
    f"WHERE {WHOLE} AND at > ? AND at > ?": "refused",
    f"WHERE {WHOLE} AND tags = ?": "refused",
    f"WHERE {WHOLE} AND tags CONTAINS ?": "filters",
    f"WHERE {WHOLE} AND tags CONTAINS KEY ?": "refused",
    f"WHERE {WHOLE} AND attrs[?] = ?": "filters",
    f"WHERE {WHOLE} AND note LIKE ?": "refused",
    f"WHERE {WHOLE} AND total != 5": "refused",
    f"WHERE {WHOLE} AND total IS NOT NULL": "refused",
    f"WHERE {WHOLE} AND total NOT IN (1, 2)": "unknown",
    f"WHERE {WHOLE} AND expr(by_note, ?)": "unknown",
    f"WHERE {WHOLE} AND total = 'x'": "refused",
    f"WHERE {WHOLE} AND nothing = 5": "refused",
    # token()
    "WHERE token(shop, day) > ? AND token(shop, day) <= ?": "answers",
    "WHERE token(shop) > ?": "refused",
    "WHERE token(shop, day) = ? AND token(shop, day) > ?": "refused",
    "WHERE token(shop, day) > ? AND token(shop, day) >= ?": "refused",
    "WHERE token(day, shop) > ?": "refused",
    "WHERE token(shop, day) > ? AND at = ?": "filters",
    f"WHERE token(shop, day) > ? AND {WHOLE}": "answers",
    "WHERE token(shop, day) > ? ORDER BY at": "refused",
    # tuples
    f"WHERE {WHOLE} AND (at, place) > (?, ?)": "answers",
    f"WHERE {WHOLE} AND (at, place) = (?, ?) AND no = ?": "answers",
    f"WHERE {WHOLE} AND (at, place) IN ?": "answers",
    f"WHERE {WHOLE} AND (place, no) = (?, ?)": "filters",
    f"WHERE {WHOLE} AND (place, no) > (?, ?)": "refused",
    f"WHERE {WHOLE} AND (at, no) = (?, ?)": "refused",
    "WHERE (shop, day) = (?, ?)": "refused",
}


@pytest.mark.parametrize("rest", BY_KEY)
def test_conditions_are_judged_by_the_key(rest: str) -> None:
    assert verdict(rest) == BY_KEY[rest]


SORTED = {
    f"WHERE {WHOLE} ORDER BY at": "answers",
    f"WHERE {WHOLE} ORDER BY at ASC, place DESC": "answers",
    f"WHERE {WHOLE} ORDER BY at ASC, place ASC": "refused",
    f"WHERE {WHOLE} ORDER BY place": "refused",
    f"WHERE {WHOLE} AND at = ? ORDER BY place": "answers",
    f"WHERE {WHOLE} AND at IN (?) ORDER BY place": "answers",
    f"WHERE {WHOLE} AND at IN ? ORDER BY place": "refused",
    f"WHERE {WHOLE} AND at = ? ORDER BY at ASC, place ASC": "refused",
    f"WHERE {WHOLE} ORDER BY day": "refused",
    f"WHERE {WHOLE} ORDER BY total": "refused",
    "ORDER BY at": "refused",
    "WHERE shop = ? AND day IN ? ORDER BY at": "refused",
    "WHERE shop = ? AND day IN ? ORDER BY at LIMIT 100": "refused",
    "WHERE shop = ? AND day IN ? AND token(shop, day) > ? ORDER BY at": "unknown",
    "WHERE shop = ? AND day IN (?) ORDER BY at": "answers",
    f"WHERE {WHOLE} ORDER BY spot ANN OF [1, 2, 3] LIMIT 5": "unknown",
    "GROUP BY shop, day": "answers",
    "GROUP BY shop": "refused",
    "GROUP BY shop, day, at": "answers",
    f"WHERE {WHOLE} GROUP BY at": "answers",
    f"WHERE {WHOLE} GROUP BY place": "refused",
    f"WHERE {WHOLE} AND at = ? GROUP BY place": "answers",
    f"WHERE {WHOLE} GROUP BY total": "refused",
    f"WHERE {WHOLE} GROUP BY floor(at, 1h)": "answers",
    f"WHERE {WHOLE} GROUP BY floor(at, 1h), place": "refused",
}


@pytest.mark.parametrize("rest", SORTED)
def test_order_and_groups_are_judged_by_the_key(rest: str) -> None:
    assert verdict(rest) == SORTED[rest]


SELECTED = {
    ("DISTINCT shop, day", ""): "answers",
    ("DISTINCT shop", ""): "refused",
    ("DISTINCT shop", f"WHERE {WHOLE}"): "answers",
    ("DISTINCT shop, day, name", ""): "answers",
    ("DISTINCT at", f"WHERE {WHOLE}"): "refused",
    ("DISTINCT *", ""): "refused",
    ("DISTINCT shop, day", f"WHERE {WHOLE} AND at = ?"): "refused",
    ("name", f"WHERE {WHOLE}"): "answers",
    ("name", f"WHERE {WHOLE} AND at = ?"): "refused",
    ("count(*)", f"WHERE {WHOLE} AND at = ?"): "answers",
    ("nothing", f"WHERE {WHOLE}"): "refused",
    ("count(*)", f"WHERE {WHOLE} PER PARTITION LIMIT 5"): "refused",
    ("max(at)", "GROUP BY shop, day PER PARTITION LIMIT 5"): "answers",
    ("DISTINCT shop, day", "PER PARTITION LIMIT 5"): "refused",
    ("count(*)", "WHERE shop = ? AND day IN ? ORDER BY at LIMIT 5"): "refused",
    ("at", "WHERE shop = ? AND day IN ? GROUP BY shop, day ORDER BY at LIMIT 5"): "refused",
}


@pytest.mark.parametrize(("columns", "rest"), SELECTED)
def test_what_is_selected_decides_too(columns: str, rest: str) -> None:
    assert verdict(rest, columns=columns) == SELECTED[columns, rest]


def test_a_type_that_a_view_has_from_a_descending_column_is_judged_by_no_schema() -> None:
    table = "CREATE TABLE t (a int, b frozen<list<int>>, c int, PRIMARY KEY (a, b, c))"
    view = parse_table("CREATE TABLE v (a int, b frozen<list<int>>, c int, PRIMARY KEY ((b), a, c))").shape("k")
    found = {}
    for order in ("ASC", "DESC"):
        base = parse_table(f"{table} WITH CLUSTERING ORDER BY (b {order}, c ASC)").shape("k")
        for rest in ("b CONTAINS 5", "b = [5]", "b CONTAINS 5 AND a LIKE ?"):
            answer = assess_select(parse_select(f"SELECT * FROM v WHERE {rest}"), view, base=base)
            found[order, rest] = (bool(answer.unjudged), bool(answer.refusals), bool(answer.filtering))
    assert found == {
        ("ASC", "b CONTAINS 5"): (False, False, True),
        ("ASC", "b = [5]"): (False, False, False),
        ("ASC", "b CONTAINS 5 AND a LIKE ?"): (False, True, True),
        ("DESC", "b CONTAINS 5"): (True, False, True),
        ("DESC", "b = [5]"): (False, False, False),
        ("DESC", "b CONTAINS 5 AND a LIKE ?"): (False, True, True),
    }


SAI = "StorageAttachedIndex"
SASI = "org.apache.cassandra.index.sasi.SASIIndex"
NOTE, TOTAL, AT = index("note"), index("total"), index("at")
SAI_NOTE, SAI_TOTAL, SAI_AT = index("note", SAI), index("total", "sai"), index("at", f"org.a.{SAI}")
BY_INDEX: list[tuple[str, tuple[TableIndex, ...], str]] = [
    ("WHERE note = ?", (NOTE,), "answers"),
    ("WHERE note IN ?", (NOTE,), "filters"),
    ("WHERE note IN (?)", (NOTE,), "answers"),
    ("WHERE note = ? AND total = ?", (NOTE, TOTAL), "filters"),
    ("WHERE note = ? AND total = ?", (SAI_NOTE, SAI_TOTAL), "answers"),
    ("WHERE note = ? AND total > ?", (SAI_NOTE, SAI_TOTAL), "answers"),
    ("WHERE note = ? AND total > ?", (SAI_NOTE, TOTAL), "filters"),
    ("WHERE total > 5", (TOTAL,), "filters"),
    ("WHERE total > 5", (SAI_TOTAL,), "answers"),
    ("WHERE note > 'x'", (SAI_NOTE,), "filters"),
    ("WHERE note IN ('x', 'y')", (SAI_NOTE,), "filters"),
    ("WHERE note LIKE 'x%'", (SAI_NOTE,), "refused"),
    ("WHERE note LIKE 'x%'", (index("note", SASI),), "answers"),
    ("WHERE total > 5", (index("total", SASI),), "answers"),
    ("WHERE note = 'x'", (index("note", SASI, analyzed="true"),), "unknown"),
    ("WHERE note = ?", (index("note", "com.example.Index"),), "unknown"),
    (f"WHERE {WHOLE}", (index("note", "com.example.Index"),), "answers"),
    ("WHERE code > ?", (index("code", SAI),), "filters"),
    ("WHERE at = ?", (AT,), "answers"),
    ("WHERE at > ?", (AT,), "filters"),
    ("WHERE at > ?", (SAI_AT,), "answers"),
    ("WHERE shop = ?", (index("shop"),), "answers"),
    ("WHERE shop = ? AND at = ?", (index("shop"),), "filters"),
    ("WHERE note = ? AND at = ?", (SAI_NOTE,), "filters"),
    (f"WHERE {WHOLE} AND note = ? AND at = ?", (NOTE,), "answers"),
    (f"WHERE {WHOLE} AND note = ? AND place = ?", (NOTE,), "filters"),
    ("WHERE shop = ? AND day IN ? AND note = ?", (NOTE,), "refused"),
    (f"WHERE {WHOLE} AND note = ? ORDER BY at", (NOTE,), "refused"),
    ("WHERE token(shop, day) > ? AND note = ?", (NOTE,), "answers"),
    ("WHERE tags CONTAINS ?", (index("values(tags)"),), "answers"),
    ("WHERE tags CONTAINS ?", (index("values(tags)", SAI),), "answers"),
    ("WHERE tags = {'x'}", (index("values(tags)"),), "refused"),
    ("WHERE tags CONTAINS ? AND tags CONTAINS ?", (index("values(tags)"),), "filters"),
    ("WHERE tags CONTAINS ? AND tags CONTAINS ?", (index("values(tags)", SAI),), "answers"),
    ("WHERE marks CONTAINS ?", (index("values(marks)"),), "answers"),
    ("WHERE attrs CONTAINS KEY ?", (index("keys(attrs)"),), "answers"),
    ("WHERE attrs CONTAINS KEY ?", (index("values(attrs)"),), "filters"),
    ("WHERE attrs CONTAINS ?", (index("keys(attrs)"),), "filters"),
    ("WHERE attrs[?] = ?", (index("entries(attrs)"),), "answers"),
    ("WHERE attrs[?] = ?", (index("keys(attrs)", SAI),), "filters"),
    ("WHERE whole = ?", (index("full(whole)"),), "answers"),
    ("WHERE whole > ?", (index("full(whole)", SAI),), "filters"),
    ("WHERE whole CONTAINS ?", (index("full(whole)"),), "filters"),
    ("WHERE spot = [1, 2, 3]", (index("spot", SAI),), "refused"),
]


@pytest.mark.parametrize(("rest", "indexes", "expected"), BY_INDEX)
def test_indexes_answer_by_their_kind_their_part_and_their_type(
    rest: str, indexes: tuple[TableIndex, ...], expected: str
) -> None:
    assert verdict(rest, *indexes) == expected


@pytest.mark.parametrize(("order", "expected"), [("ASC", "filters"), ("DESC", "answers")])
def test_an_index_answers_ranges_of_a_uuid_that_is_kept_in_descending_order(order: str, expected: str) -> None:
    table = f"CREATE TABLE sales (a int, b uuid, PRIMARY KEY (a, b)) WITH CLUSTERING ORDER BY (b {order})"
    assert verdict("WHERE b > ?", index("b", SAI), shape=parse_table(table).shape("k")) == expected


def test_an_index_is_read_from_its_target_whatever_its_column_is_called() -> None:
    found = [index(target) for target in ("a", '"Big"', 'values("Big")', '"values(x)"', '"a""b"', "full(c)")]
    assert [(each.column, each.part) for each in found] == [
        ("a", ""),
        ("Big", ""),
        ("Big", "values"),
        ("values(x)", ""),
        ('a"b', ""),
        ("c", "full"),
    ]
