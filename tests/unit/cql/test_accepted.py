"""Statements that servers accept and that a manager of views must not refuse, loop over or read otherwise."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from cassandra_views.cql.findings import Severity
from cassandra_views.cql.fingerprint import fingerprint
from cassandra_views.cql.lint import lint_view
from cassandra_views.cql.lint_tables import lint_table
from cassandra_views.cql.parse import parse_table, parse_view
from cassandra_views.cql.printing import table_cql, view_cql
from cassandra_views.model.schema import SchemaComment

WORDS = ("mbean", "mbeans", "replace", "unset", "default")


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """A statement that servers accept, on its base; ``codes`` are those of the errors of our own rules."""

    base: str
    where: str
    key: str
    rest: str = ""
    select: str = "*"
    codes: frozenset[str] = frozenset()


NUMBERS = "CREATE TABLE t (a int, b int, c int, v int, PRIMARY KEY (a, b, c))"
SEEN = "a IS NOT NULL"
CASES = {
    "two slices of a tuple": Accepted(
        base=NUMBERS, where=f"{SEEN} AND (b, c) >= (0, 7) AND (b, c) < (9, 9)", key="(a, b, c)"
    ),
    "a tuple beside its first column": Accepted(
        base=NUMBERS, where=f"{SEEN} AND (b, c) > (0, 7) AND b < 9", key="(a, b, c)"
    ),
    "no lifetime": Accepted(
        base=NUMBERS,
        where=f"{SEEN} AND b IS NOT NULL AND c IS NOT NULL",
        key="(b, a, c)",
        rest="WITH default_time_to_live = 0",
    ),
    "a comment": Accepted(
        base=NUMBERS,
        where=f"{SEEN} AND b IS NOT NULL AND c IS NOT NULL",
        key="(b, a, c)",
        rest="WITH comment = 'by b, it''s'",
    ),
    "no comment": Accepted(
        base=NUMBERS, where=f"{SEEN} AND b IS NOT NULL AND c IS NOT NULL", key="(b, a, c)", rest="WITH comment = ''"
    ),
    "a set that holds a value": Accepted(
        base="CREATE TABLE t (a frozen<set<text>>, b int, PRIMARY KEY (a, b))",
        where="a CONTAINS 'x' AND b IS NOT NULL",
        key="(b, a)",
    ),
    "a map that holds a key": Accepted(
        base="CREATE TABLE t (a int, b frozen<map<text, int>>, PRIMARY KEY (a, b))",
        where="a IS NOT NULL AND b CONTAINS KEY 'x'",
        key="(b, a)",
    ),
    "an empty text of a clustering column": Accepted(
        base="CREATE TABLE t (a int, b text, PRIMARY KEY (a, b))", where="a IS NOT NULL AND b > ''", key="(b, a)"
    ),
    "an empty text in a compound partition key": Accepted(
        base="CREATE TABLE t (a text, b text, c int, PRIMARY KEY ((a, b), c))",
        where="a = '' AND b IS NOT NULL AND c IS NOT NULL",
        key="(b, a, c)",
    ),
    "not null outside the key": Accepted(
        base="CREATE TABLE t (a int PRIMARY KEY, b int, c timestamp)",
        where="a IS NOT NULL AND b IS NOT NULL AND c IS NOT NULL",
        key="(b, a)",
        select="a, b, c",
    ),
    "a function": Accepted(
        base=NUMBERS,
        where=f"{SEEN} AND b = blob_as_int(0x0000002a) AND c IS NOT NULL",
        key="(b, a, c)",
        codes=frozenset(["CV127"]),
    ),
    "a token as a value": Accepted(
        base="CREATE TABLE t (a int, b bigint, PRIMARY KEY (a, b))",
        where="a IS NOT NULL AND b < token(5)",
        key="(b, a)",
        codes=frozenset(["CV127"]),
    ),
} | {
    f"a column named {word}": Accepted(
        base=f"CREATE TABLE {word} (a int PRIMARY KEY, {word} int)",
        where=f"a IS NOT NULL AND {word} IS NOT NULL",
        key=f"({word}, a)",
        select=f"a, {word}",
    )
    for word in WORDS
}


def statement(case: Accepted) -> str:
    table = parse_table(case.base).table
    return (
        f"CREATE MATERIALIZED VIEW v AS SELECT {case.select} FROM {table} WHERE {case.where} "
        f"PRIMARY KEY {case.key} {case.rest}"
    )


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_what_servers_accept_is_refused_for_our_own_reasons_alone(case: Accepted) -> None:
    table, view = parse_table(case.base), parse_view(statement(case))
    assert [one for one in lint_table(table, file="t") if one.severity is Severity.ERROR] == []
    findings = lint_view(view, table.shape("ks"), file="v")
    assert {one.code for one in findings if one.severity is Severity.ERROR} == case.codes

    printed = view_cql(view, keyspace="ks", physical="v__g1", window_start=None, window_end=None)
    assert fingerprint("ks", parse_view(printed)) == fingerprint("ks", view)
    assert parse_table(table_cql(table, keyspace="ks")).columns == table.columns


def test_inequalities_that_begin_with_other_columns_exclude_each_other() -> None:
    text = statement(Accepted(base=NUMBERS, where=f"{SEEN} AND (b, c) > (0, 7) AND c < 9", key="(a, b, c)"))
    findings = lint_view(parse_view(text), parse_table(NUMBERS).shape("ks"), file="v")
    assert "CV123" in {one.code for one in findings}


def test_no_lifetime_is_as_good_as_none() -> None:
    case = CASES["no lifetime"]
    with_it, without = parse_view(statement(case)), parse_view(statement(case).replace(case.rest, ""))
    assert fingerprint("ks", with_it) == fingerprint("ks", without)
    assert "time_to_live" not in view_cql(with_it, keyspace="ks", physical="p", window_start=None, window_end=None)


@pytest.mark.parametrize("text", ["", "by b, it's ", "cassandra-views registry=x view=y version=z "])
def test_our_mark_is_found_behind_a_comment(text: str) -> None:
    mark = SchemaComment(registry="r", view="ks.v", version="f1:0", start="2026-01-01T00:00:00Z")
    assert SchemaComment.parse(f"{text}{mark}") == mark
    assert SchemaComment.parse(f"{text}{mark} and more") is None
    assert SchemaComment.parse(f"x{mark}") is None
