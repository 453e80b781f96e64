from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given, settings

from cassandra_views.cql.parse import parse_literal, parse_table, parse_term, parse_view, parse_where
from cassandra_views.cql.printing import relation_cql, table_cql, term_cql, view_cql, where_cql
from cassandra_views.model.errors import StatementError
from cassandra_views.model.schema import ColumnKind
from cassandra_views.model.statement import (
    Call,
    Literal,
    LiteralKind,
    Name,
    Operator,
    Relation,
    Sequence,
    Shape,
    Subject,
    TableStatement,
    Term,
    TypeHint,
    ViewStatement,
    WindowBound,
)
from tests.unit.cql.strategies import in_another_layout, relations, table_statements, terms, view_statements

TOP = """CREATE MATERIALIZED VIEW top AS
SELECT timestamp, streamer, total_count
FROM unified_day
WHERE timestamp >= :window_start AND timestamp < :window_end
  AND streamer IS NOT NULL AND total_count IS NOT NULL
PRIMARY KEY ((timestamp), total_count, streamer)
WITH CLUSTERING ORDER BY (total_count DESC, streamer ASC);
"""


def printed(statement: ViewStatement, start: str | None = None, end: str | None = None) -> str:
    return view_cql(statement, keyspace="ks", physical=statement.view, window_start=start, window_end=end)


def test_a_view_is_read_whole() -> None:
    view = parse_view(TOP)
    assert view.view == "top"
    assert view.base == "unified_day"
    assert view.columns == ("timestamp", "streamer", "total_count")
    assert [relation_cql(one) for one in view.where] == [
        "timestamp >= :window_start",
        "timestamp < :window_end",
        "streamer IS NOT NULL",
        "total_count IS NOT NULL",
    ]
    assert view.where[0].values == (WindowBound.START,)
    assert view.windowed_columns == ("timestamp",)
    assert (view.partition_key, view.clustering) == (("timestamp",), ("total_count", "streamer"))
    assert view.clustering_order == (("total_count", True), ("streamer", False))
    assert view.descending == {"total_count"}


def test_places_count_the_lines_before_the_text() -> None:
    view = parse_view("\n" * 10 + TOP)
    assert (view.where[2].at.line, view.where[2].at.column) == (15, 7)
    assert view.selected[1].at.line == 12
    with pytest.raises(StatementError) as error:
        parse_view("\n" * 11 + "SELECT 1", file="v.cql")
    assert str(error.value.place) == "v.cql:12:1"


@settings(max_examples=60)
@given(view_statements())
def test_what_is_printed_is_read_back_the_same(view: ViewStatement) -> None:
    assert parse_view(printed(view)) == view


@settings(max_examples=40)
@given(table_statements())
def test_a_table_that_is_printed_is_read_back_the_same(table: TableStatement) -> None:
    assert parse_table(table_cql(table, keyspace="ks")) == table


@settings(max_examples=60)
@given(terms)
def test_terms_are_read_back_the_same(term: Term) -> None:
    assert parse_term(term_cql(term)) == term


@settings(max_examples=60)
@given(relations())
def test_relations_are_read_back_the_same(relation: Relation) -> None:
    assert parse_where(where_cql([relation])) == (relation,)


@settings(max_examples=25)
@given(view_statements())
def test_layout_comments_and_case_do_not_matter(view: ViewStatement) -> None:
    for seed in range(3):
        assert parse_view(in_another_layout(printed(view), seed)) == view


@pytest.mark.parametrize(
    ("text", "kind", "canonical"),
    [
        ("'it''s'", "STRING", "it's"),
        ("$$it's -- $ no comment$$", "STRING", "it's -- $ no comment"),
        ("''", "STRING", ""),
        ("-007", "INTEGER", "-7"),
        ("0", "INTEGER", "0"),
        ("1.", "FLOAT", "1e0"),
        ("1E3", "FLOAT", "1e+3"),
        ("1.50", "FLOAT", "1.50"),
        ("nan", "FLOAT", "NaN"),
        ("-NaN", "FLOAT", "NaN"),
        ("-INFINITY", "FLOAT", "-Infinity"),
        ("TRUE", "BOOLEAN", "true"),
        ("0xAbC1", "BLOB", "0xabc1"),
        ("123E4567-e89b-12d3-A456-426614174000", "UUID", "123e4567-e89b-12d3-a456-426614174000"),
        ("1H30M", "DURATION", "1h30m"),
        ("P1Y2M", "DURATION", "P1Y2M"),
        ("P0001-02-03T04:05:06", "DURATION", "P0001-02-03T04:05:06"),
    ],
)
def test_literals_have_one_spelling(text: str, kind: str, canonical: str) -> None:
    assert parse_literal(text) == Literal(LiteralKind[kind], canonical)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("(1, 'a')", Sequence(Shape.TUPLE, (Literal(LiteralKind.INTEGER, "1"), Literal(LiteralKind.STRING, "a")))),
        ("(int) 5", TypeHint("int", Literal(LiteralKind.INTEGER, "5"))),
        ("(a)", Sequence(Shape.TUPLE, (Name("a"),))),
        ("(frozen<list<int>>) []", TypeHint("frozen<list<int>>", Sequence(Shape.LIST, ()))),
        ("{}", Sequence(Shape.SET, ())),
        ("ks.f(1)", Call("f", (Literal(LiteralKind.INTEGER, "1"),), "ks")),
        ("count(*)", Call("count", (Name("*"),))),
    ],
)
def test_terms_that_look_alike_are_told_apart(text: str, expected: Term) -> None:
    assert parse_term(text) == expected


def test_every_relation_form_of_the_language() -> None:
    found = parse_where(
        "a = 1 AND (b, c) > (1, 2) AND token(p) <= 5 AND d IN (1, 2) AND (e, f) IN ((1, 2), (3, 4)) AND g CONTAINS 1 "
        "AND h CONTAINS KEY 'x' AND i LIKE 'a%' AND j BETWEEN 1 AND 2 AND k[1] = 2 AND expr(idx, 'q') AND (l != 3) "
        "AND m IS NOT NULL AND n NOT IN (1) AND o NOT CONTAINS KEY 1 AND token(q, r) BETWEEN 1 AND 2"
    )
    assert [(one.subject, one.operator) for one in found] == [
        (Subject.COLUMN, Operator.EQUAL),
        (Subject.TUPLE, Operator.GREATER),
        (Subject.TOKEN, Operator.LESS_OR_EQUAL),
        (Subject.COLUMN, Operator.IN),
        (Subject.TUPLE, Operator.IN),
        (Subject.COLUMN, Operator.CONTAINS),
        (Subject.COLUMN, Operator.CONTAINS_KEY),
        (Subject.COLUMN, Operator.LIKE),
        (Subject.COLUMN, Operator.BETWEEN),
        (Subject.ELEMENT, Operator.EQUAL),
        (Subject.INDEX, Operator.INDEX_EXPRESSION),
        (Subject.COLUMN, Operator.NOT_EQUAL),
        (Subject.COLUMN, Operator.IS_NOT_NULL),
        (Subject.COLUMN, Operator.NOT_IN),
        (Subject.COLUMN, Operator.NOT_CONTAINS_KEY),
        (Subject.TOKEN, Operator.BETWEEN),
    ]


def test_a_query_text_and_an_empty_where() -> None:
    day, total = parse_where("timestamp = '2026-01-01' AND total_count >= 5")
    assert (day.columns, total.operator) == (("timestamp",), Operator.GREATER_OR_EQUAL)
    assert parse_where("  ") == ()


def test_unreserved_words_are_names() -> None:
    view = parse_view(
        "create materialized view clustering as select key, static, contains, storage, compact from exists "
        "where key is not null and contains contains key 5 primary key (key, static)"
    )
    assert view.columns == ("key", "static", "contains", "storage", "compact")
    assert view.where[1].operator is Operator.CONTAINS_KEY
    assert view.base == "exists"


def test_quotes_around_plain_names_do_not_matter() -> None:
    assert parse_view('CREATE MATERIALIZED VIEW "top" AS SELECT "a" FROM "t" WHERE "a" = 1 PRIMARY KEY ("a")') == (
        parse_view("CREATE MATERIALIZED VIEW TOP AS SELECT A FROM T WHERE A = 1 PRIMARY KEY (A)")
    )


def test_a_table_with_everything() -> None:
    table = parse_table(
        """CREATE TABLE IF NOT EXISTS shop."Orders" ( -- the orders
            id uuid, day date, s varchar static, m map<text, list<int>>, card text MASKED WITH mask_inner(0, 4),
            secret text masked with default, v vector<float, 3>, t tuple<int, set<text>>, u shop."Odd",
            PRIMARY KEY ((id), day)
        ) WITH CLUSTERING ORDER BY (day DESC) AND ID = 123e4567-e89b-12d3-a456-426614174000
          AND compaction = {'class': 'LeveledCompactionStrategy', 'sstable_size_in_mb': 160} AND comment = 'it''s'
          AND COMPACT STORAGE AND gc_grace_seconds = 864000"""
    )
    assert (table.keyspace, table.table, table.if_not_exists, table.is_compact) == ("shop", "Orders", True, True)
    shape = table.shape("other")
    assert shape.keyspace == "shop"
    assert {column.name: column.type for column in shape.columns} == {
        "id": "uuid",
        "day": "date",
        "s": "text",
        "m": "map<text, list<int>>",
        "card": "text",
        "secret": "text",
        "v": "vector<float, 3>",
        "t": "frozen<tuple<int, frozen<set<text>>>>",
        "u": '"Odd"',
    }
    assert [column.name for column in shape.key_columns] == ["id", "day"]
    day = shape.find_column("day")
    assert day is not None
    assert day.is_descending
    static = shape.find_column("s")
    assert static is not None
    assert static.kind is ColumnKind.STATIC
    assert dict(shape.options)["compaction"] == (
        ("class", "LeveledCompactionStrategy"),
        ("sstable_size_in_mb", "160"),
    )
    assert dict(shape.options)["comment"] == "it's"
    assert table.columns[4].mask == Call(
        "mask_inner", (Literal(LiteralKind.INTEGER, "0"), Literal(LiteralKind.INTEGER, "4"))
    )


def test_an_inline_key() -> None:
    assert parse_table("CREATE TABLE t (a int PRIMARY KEY, b int)").partition_key == ("a",)


VIEW = "CREATE MATERIALIZED VIEW v AS SELECT a, b FROM t WHERE a = 1 "
BAD_VIEWS = {
    "": ("there is no CREATE MATERIALIZED VIEW statement", "Write the whole", "1:1"),
    "SELECT 1": ("unexpected 'SELECT'", "Begin with CREATE MATERIALIZED VIEW", "1:1"),
    "CREATE TABLE t (a int PRIMARY KEY)": ("unexpected 'TABLE'", "Begin with CREATE MATERIALIZED VIEW", "1:8"),
    VIEW: ("ends too early; expected PRIMARY", "Write the whole", "1:61"),
    VIEW + "PRIMARY KEY (a); DROP TABLE t": ("unexpected 'DROP'", "Keep one CREATE MATERIALIZED VIEW", "1:79"),
    VIEW + "PRIMERY KEY (a)": ("unexpected 'PRIMERY'", "did you mean 'primary'", "1:62"),
    VIEW + "PRIMARY KEY (a) LIMIT 5": ("unexpected 'LIMIT'", "Take LIMIT out", "1:78"),
    VIEW + "ALLOW FILTERING PRIMARY KEY (a)": ("unexpected 'ALLOW'", "Take ALLOW FILTERING out", "1:62"),
    VIEW.replace("a,", "DISTINCT a,"): ("unexpected 'a'", "Take DISTINCT out", "1:47"),
    VIEW.replace("FROM t", "FROM table"): ("unexpected 'table'", 'double quotes: "table"', "1:48"),
    VIEW.replace("1", "?"): ("bind variables are not allowed (got '?')", "in_window()", "1:60"),
    VIEW.replace("1", ":since"): ("bind variables are not allowed (got ':since')", "in_window()", "1:61"),
    VIEW.replace("1", "'x"): ("a text begins here and is not closed", "Close it", "1:60"),
    VIEW.replace("1", "$$x"): ("a text begins here and is not closed", "Close it", "1:60"),
    VIEW.replace("a = 1", '"a = 1'): ("a quoted name begins here and is not closed", "Close it", "1:56"),
    VIEW.replace("a = 1", "a # 1"): ("unexpected character '#'", "Take it out", "1:58"),
    VIEW + "/* PRIMARY KEY (a)": ("a comment begins here and is not closed", "Close it with */", "1:62"),
    VIEW.replace("a, b", 'a, ""'): ("an empty name", "Write a name", "1:41"),
    VIEW.replace("a = 1", "a IS NULL"): ("unexpected 'NULL'", "Correct", "1:61"),
    VIEW.replace("a = 1", "f(a) = 1"): ("unexpected ')'", "Correct", "1:59"),
    VIEW + "PRIMARY KEY (a) WITH x = [1]": ("neither a constant nor a map", "Write a number", "1:83"),
    VIEW + "PRIMARY KEY (a) WITH x = {'a': 1, 'a': 2}": ("gives a key twice", "Keep one", "1:83"),
}


@pytest.mark.parametrize("text", BAD_VIEWS)
def test_errors_name_the_place_the_token_and_the_way_out(text: str) -> None:
    what, next_, place = BAD_VIEWS[text]
    with pytest.raises(StatementError) as raised:
        parse_view(text, file="views/v.cql.j2")
    error = raised.value
    assert what in error.what
    assert next_ in error.next
    assert str(error.place) == f"views/v.cql.j2:{place}"
    assert "Nothing was changed" in str(error)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("CREATE TABLE t (a int)", "has no PRIMARY KEY"),
        ("CREATE TABLE t (a int PRIMARY KEY, b int, PRIMARY KEY (b))", "more than one PRIMARY KEY"),
        ("CREATE TABLE t (a list PRIMARY KEY)", "'list' needs its types in <>"),
        ("CREATE TABLE t (a frozen<int> PRIMARY KEY)", "only collections, tuples and user-defined types"),
        ("CREATE TABLE t (a map<int> PRIMARY KEY)", "'map' does not take 1"),
        ("CREATE MATERIALIZED VIEW v AS SELECT * FROM t PRIMARY KEY (a)", "unexpected 'MATERIALIZED'"),
    ],
)
def test_bad_tables(text: str, what: str) -> None:
    with pytest.raises(StatementError, match="t") as raised:
        parse_table(text)
    assert what in raised.value.what


def test_importing_imports_no_parser() -> None:
    code = "import sys, cassandra_views.cql.lint, cassandra_views.cql.parse; assert 'lark' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
