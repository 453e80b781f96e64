"""``cassandra_views.check``: the server's verdict on a view, from two texts."""

from __future__ import annotations

import random

import pytest

import cassandra_views
from cassandra_views import check
from cassandra_views.cql.findings import KINDS, Finding, Kind, Severity
from tests.unit.cql.generated import TYPES, generate, generate_harmful
from tests.unit.cql.rules import CHECK_RULES, SEEN, TOO_DEEP, TWO, on_two


def refusals(view: str, schema: str = TWO, views_per_table: int = -1) -> list[Finding]:
    return [one for one in check(view, schema, views_per_table=views_per_table) if one.kind is Kind.REFUSED]


@pytest.mark.parametrize(("code", "view", "schema", "server"), CHECK_RULES)
def test_each_rule_gives_its_finding(code: str, view: str, schema: str, server: str | None) -> None:
    found = refusals(view, schema, 1)[0]
    assert (found.code, found.server_message) == (code, server)
    assert found.place.file == ("schema" if code == "CV002" else "view")
    assert found.place.line >= 1
    assert found.fix


def test_a_good_view_has_no_finding() -> None:
    assert check(on_two(), TWO) == ()
    assert cassandra_views.Finding is Finding


def test_a_code_has_one_kind_and_advice_alone_is_a_warning() -> None:
    assert set(KINDS.values()) == set(Kind)
    found = check(on_two().replace("SELECT a, b, c, d", "SELECT *"), TWO)
    assert [(one.kind, one.severity, one.server_message) for one in found] == [(Kind.ADVICE, Severity.WARNING, None)]
    assert [one.kind for one in check(on_two("a = null AND b = now() AND c = 1 AND d = 1 / 0"), TWO)][
        -1
    ] is Kind.HARMFUL


def test_the_first_refusal_is_the_one_a_server_tells() -> None:
    view = "CREATE MATERIALIZED VIEW k.v AS SELECT a, a AS x, nope FROM k.t WHERE a > 1 AND a = 2 PRIMARY KEY (a, e) "
    found = refusals(view + "WITH gc_grace_seconds = -1")
    assert [one.server_message for one in found][:2] == [
        "Cannot use aliases when defining a materialized view "
        "(got org.apache.cassandra.cql3.selection.RawSelector@...)",
        "Undefined column name nope in table k.t",
    ]
    assert found[-1].server_message == "gc_grace_seconds must be greater than or equal to 0 (got -1)"


def relation_verdict(relation: str, schema: str = TWO) -> str | None:
    found = refusals(on_two(f"{SEEN} AND {relation}"), schema)
    return found[0].server_message if found else "accepted"


@pytest.mark.parametrize(
    ("relation", "verdict"),
    [
        ("(b, c) > (1, 1) AND (b, c) <= (5, 5)", "accepted"),
        ("(b, c) > (1, 1) AND b < 5", "accepted"),
        ("b > 5 AND (b, c) < (1, 1)", "accepted"),
        (
            "(b, c) > (1, 1) AND c < 5",
            'Column "c" cannot be restricted by two inequalities not starting with the same column',
        ),
        ("b = 1 AND b > 2", "b cannot be restricted by more than one relation if it includes an Equal"),
        ("b > 2 AND b = 1", 'Column "b" cannot be restricted by both an equality and an inequality relation'),
        ("b IN (1, 2) AND b = 1", "b cannot be restricted by more than one relation if it includes a IN"),
        ("b IN (1) AND b = 1", "b cannot be restricted by more than one relation if it includes an Equal"),
        ("a IN (1, 2) AND b = 1 AND c > 1", "accepted"),
        ("a IN (1) AND c = 1", "accepted"),
        ("c = blob_as_int(0x00000001)", "accepted"),
        ("c = 1 + 1", "accepted"),
        ("c = null", "accepted"),
        ("c = 'x' + 1", "the '+' operation is not supported between 'x' and 1"),
        ("c = nope(1)", "Unknown function nope called"),
        ("c = 'x'", 'Invalid STRING constant (x) for "c" of type int'),
        ("c = 3000000000", "Unable to make int from '3000000000'"),
        ("c BETWEEN 1 AND 2", None),
        ("c = x", None),
        ("c != 1", 'Unsupported "!=" relation: c != 1'),
        ("c LIKE 'x'", 'Invalid STRING constant (x) for "c" of type int'),
    ],
)
def test_relations(relation: str, verdict: str | None) -> None:
    assert relation_verdict(relation) == verdict


def value_verdict(type_: str, condition: str) -> str | None:
    schema = f"CREATE TYPE k.u (a int, b text); CREATE TABLE k.t (p int, c {type_}, PRIMARY KEY (p, c))"
    view = (
        f"CREATE MATERIALIZED VIEW k.v AS SELECT p, c FROM k.t WHERE p IS NOT NULL AND c {condition} PRIMARY KEY (c, p)"
    )
    found = refusals(view, schema)
    return found[0].server_message if found else "accepted"


@pytest.mark.parametrize(
    ("type_", "condition", "verdict"),
    [
        ("frozen<set<int>>", "CONTAINS 1", "accepted"),
        ("frozen<set<int>>", "CONTAINS 'x'", 'Invalid STRING constant (x) for "value(c)" of type int'),
        ("frozen<map<text, int>>", "CONTAINS KEY 'x'", "accepted"),
        ("frozen<list<int>>", "CONTAINS KEY 1", "Cannot use CONTAINS KEY on non-map column c"),
        ("frozen<list<int>>", "= ['x']", "Invalid list literal for c: value 'x' is not of type int"),
        ("frozen<list<int>>", "= [null]", "null is not supported inside collections"),
        ("bigint", "= token(1)", "accepted"),
        ("float", "= 1e39", "accepted"),
        ("double", "= 1e400", None),
        ("decimal", "= NaN", "unable to make BigDecimal from 'NaN'"),
        ("frozen<u>", "= {a: 1, b: 'x'}", "accepted"),
        ("frozen<u>", "= {a: 'x'}", "Invalid user type literal for c: field a is not of type int"),
        ("frozen<u>", "= {x: 1}", "Unknown field 'x' in value of user defined type u"),
        ("frozen<u>", "= (1, 'x')", "accepted"),
        ("timestamp", "= '2026-01-01 1:00 UTC'", "accepted"),
        ("timestamp", "= 'yesterday'", "Unable to parse a date/time from 'yesterday'"),
        ("date", "= '2026-13-01'", "Unable to coerce '2026-13-01' to a formatted date (long)"),
        ("inet", "= '1.2.3'", "accepted"),
        ("date", "= ''", "Unable to coerce '' to a formatted date (long)"),
        ("date", "= 1 + 1", "accepted"),
        ("time", "= ''", "(TimeType) Unable to coerce '' to a formatted time (long)"),
        ("timestamp", "= -(5)", "accepted"),
        ("varint", "< current_timestamp()", "accepted"),
        ("tinyint", "= 0xff", "accepted"),
        ("smallint", "= 0xff", 'Invalid HEX constant (0xff) for "c" of type smallint'),
        ("tuple<int, text>", "= 0xff", "accepted"),
        ("tuple<int, text>", "= ''", "accepted"),
        ("tuple<int, text>", "= 'x:y'", "Unable to make int from 'x'"),
        ("text", ">= ''", "accepted"),
    ],
)
def test_values(type_: str, condition: str, verdict: str | None) -> None:
    assert value_verdict(type_, condition) == verdict


@pytest.mark.parametrize(
    ("options", "verdict"),
    [
        ("default_time_to_live = 0", "accepted"),
        ("cdc = 'yes'", "accepted"),
        ("cdc = 1 AND allow_auto_snapshot = 'no'", "accepted"),
        ("comment = key", "accepted"),
        ("comment = nope", None),
        ("bloom_filter_fp_chance = '0.1d'", "accepted"),
        ("gc_grace_seconds = '+5'", "accepted"),
        ("speculative_retry = 'MAX(99p, 50ms)'", "accepted"),
        (
            "speculative_retry = '100p'",
            "Invalid value 100p for PERCENTILE option 'speculative_retry': must be between (0.0 and 100.0)",
        ),
        ("memtable = 'skiplist'", 'Memtable configuration "skiplist" not found.'),
        (
            "min_index_interval = 4096",
            "max_index_interval must be greater than or equal to min_index_interval (4096) (got 2048)",
        ),
        (
            "compaction = {'class': 'NoSuchStrategy'}",
            "Unable to find compaction strategy class 'org.apache.cassandra.db.compaction.NoSuchStrategy'",
        ),
        (
            "compaction = {'class': 'UnifiedCompactionStrategy', 'min_threshold': 4}",
            "Properties specified [min_threshold] are not understood by UnifiedCompactionStrategy",
        ),
        (
            "compression = {'class': 'LZ4Compressor', 'chunk_length_in_kb': 5}",
            "chunk_length_in_kb must be a power of 2",
        ),
        (
            "caching = {'keys': 'some'}",
            "Invalid value 'some' for caching sub-option 'keys': only 'ALL' and 'NONE' are allowed",
        ),
        (
            "bloom_filter_fp_chance = 0",
            "bloom_filter_fp_chance must be larger than 6.71E-5 and less than or equal to 1.0 (got 0.0)",
        ),
    ],
)
def test_options(options: str, verdict: str | None) -> None:
    found = refusals(f"{on_two()} WITH {options}")
    assert (found[0].server_message if found else "accepted") == verdict


def test_the_schema_is_what_its_statements_leave() -> None:
    schema = """USE k;
        CREATE TYPE u (x int); ALTER TYPE u ADD y text; -- a comment
        CREATE TABLE t (old int, b int, gone int, PRIMARY KEY (old, b)) WITH CLUSTERING ORDER BY (b DESC);
        ALTER TABLE t ADD w frozen<u>; ALTER TABLE t DROP gone; ALTER TABLE t RENAME old TO a;
        CREATE INDEX ON t (w);"""
    where = "a IS NOT NULL AND b = 1 AND w IS NOT NULL"
    view = f"CREATE MATERIALIZED VIEW v AS SELECT * FROM t WHERE {where} PRIMARY KEY (w, a, b)"
    assert refusals(view, schema) == []
    assert (
        refusals(view.replace("b = 1", "gone = 1"), schema)[0].server_message
        == "Undefined column name gone in table k.t"
    )
    dropped = refusals(view, schema + "DROP TABLE t")
    assert dropped[0].server_message == "Base table 't' doesn't exist"


def test_a_name_is_refused_by_the_server_or_by_us_or_takes_a_node_down() -> None:
    assert [one.code for one in check(on_two(name="k." + "v" * 49), TWO)] == ["CV126"]
    assert [one.code for one in check(on_two(name="k." + "v" * 48), TWO)] == []
    assert refusals(on_two(name="k." + "v" * 222)) == []
    assert refusals(on_two(name="k." + "v" * 223))[0].code == "CV101"
    odd = refusals(on_two(name='k."v w"'))[0].server_message or ""
    assert odd.startswith("k.v w: Table name must not be empty")


@pytest.mark.parametrize("name", ["default", "mbean", "mbeans", "replace", "unset"])
def test_words_that_are_not_reserved_are_names(name: str) -> None:
    schema = f"CREATE TABLE k.{name} (a int PRIMARY KEY, {name} int)"
    view = f"CREATE MATERIALIZED VIEW k.v AS SELECT a, {name} FROM k.{name} WHERE a IS NOT NULL AND {name} IS NOT NULL "
    assert check(view + f"PRIMARY KEY ({name}, a)", schema) == ()


@pytest.mark.parametrize("text", ["", ";", "\0", "'", '"', "/*", "$$", "(" * 3000, "\ud800", "é" * 10, "CREATE TABLE"])
def test_no_text_makes_it_crash(text: str) -> None:
    assert check(text, text)[0].kind is Kind.REFUSED
    assert refusals(on_two(f"a = {text}"), f"{TWO}; {text}")


@pytest.mark.parametrize(
    "value",
    ["[" * 3000 + "1" + "]" * 3000, "9" * 6000, "1e99999999999999999999", "1" * 5000 + "d", "-" * 999, "{" * 99],
    ids=["nested", "digits", "exponent", "duration", "minus", "braces"],
)
def test_no_value_makes_it_crash(value: str) -> None:
    for view in (on_two(f"a = {value}"), f"{on_two()} WITH gc_grace_seconds = {value}"):
        assert [one for one in check(view, TWO) if one.severity is Severity.ERROR]
        assert [one for one in check(on_two(name="k.w"), f"{TWO}; {view}") if one.severity is Severity.ERROR]


def test_what_is_beyond_us_is_told_as_our_limit_and_not_as_the_servers_refusal() -> None:
    (found,) = check(TOO_DEEP, TWO)
    assert (found.code, found.kind, found.server_message) == ("CV003", Kind.POLICY, None)
    others = check(on_two(name="k.w"), f"{TWO}; {TOO_DEEP}")
    assert [(one.code, one.place.file) for one in others] == [("CV003", "schema")]


def test_no_broken_statement_makes_it_crash() -> None:
    chance = random.Random(5)
    for case in generate(5, 300, "k"):
        schema = ";\n".join([*(each.format("k") for each in TYPES), *case.schema])
        check(case.view, schema)
        lost, used = chance.choice(["k", "other", '"K"']), chance.choice(["k", "other"])
        check(case.view, f"{schema}; DROP KEYSPACE {lost}; USE {used}; {case.view}; {chance.choice(case.schema)}")
        check(f"{case.view[:25]}other.{case.view[25:]}".replace(" FROM k.", f" FROM {lost}."), f"DROP KEYSPACE {lost}")
        at, until = sorted(chance.randrange(len(case.view)) for _ in range(2))
        check(case.view[:at] + case.view[until:], schema[: chance.randrange(len(schema))])


@pytest.mark.parametrize(
    ("relation", "verdict"),
    [
        ("c = {'a': 1}", "accepted"),
        ("c = {}", None),
        ("(b, c) > (1, {})", None),
        ("d = {}", "accepted"),
        ("d CONTAINS 1", "Cannot use CONTAINS on non-collection column d"),
        ("c CONTAINS KEY 'a'", "Cannot use CONTAINS KEY on non-map column c"),
    ],
)
def test_a_collection_in_descending_order_is_none_to_a_server(relation: str, verdict: str | None) -> None:
    schema = (
        "CREATE TABLE k.t (a int, b int, c frozen<map<text, int>>, d frozen<set<int>>, PRIMARY KEY (a, b, c, d)) "
        "WITH CLUSTERING ORDER BY (b ASC, c DESC, d DESC)"
    )
    assert relation_verdict(relation, schema) == verdict


ALTERED = "USE k; CREATE TABLE t (a int, b int, v text, PRIMARY KEY (a, b));"
ON_ALTERED = (
    "CREATE MATERIALIZED VIEW m AS SELECT a, b, v FROM t WHERE v IS NOT NULL AND a IS NOT NULL AND b IS NOT NULL "
    "PRIMARY KEY (v, a, b)"
)


@pytest.mark.parametrize(
    ("statement", "refused"),
    [
        ("ALTER TABLE t WITH compaction = {'class': 'LeveledCompactionStrategy'}", ""),
        ("ALTER TABLE t WITH comment = 'it''s' AND caching = {'keys': 'ALL', 'rows_per_partition': 'NONE'}", ""),
        ("ALTER TABLE t WITH compaction = {'class': 'LeveledCompactionStrategy'} AND gc_grace_seconds = 0", "CV302"),
        ("ALTER TABLE t WITH nope = 1", "CV412"),
        ("ALTER TABLE t WITH gc_grace_seconds = -5", "CV414"),
        ("ALTER TABLE t WITH", "CV002"),
        ('ALTER TABLE t ADD "Q x" map<text, frozen<list<int>>>', ""),
        ("ALTER TABLE t ADD x list<list<int>>", "CV002"),
        ("ALTER TABLE t ADD q list<frozen<zz>>", "CV002"),
        ("REVOKE SELECT ON t FROM r", ""),
        ("SELECT * FROM t", ""),
    ],
)
def test_what_comes_between_table_and_view_is_read_as_the_server_reads_it(statement: str, refused: str) -> None:
    found = check(ON_ALTERED, f"{ALTERED} {statement};")
    assert [each.code for each in found if each.kind is Kind.REFUSED] == ([refused] if refused else [])


@pytest.mark.parametrize(
    "types",
    [
        "CREATE TYPE u (a int, b duration); CREATE TABLE p (id int PRIMARY KEY, a frozen<u>);",
        "CREATE TYPE u (b duration); CREATE TYPE o (x frozen<u>); "
        "CREATE TABLE p (id int PRIMARY KEY, a frozen<list<frozen<o>>>);",
        "CREATE TYPE u (a int); CREATE TABLE p (id int PRIMARY KEY, a frozen<u>); ALTER TYPE u ADD b duration;",
    ],
)
def test_a_duration_inside_a_user_type_is_no_key(types: str) -> None:
    view = (
        "CREATE MATERIALIZED VIEW m AS SELECT id, a FROM p WHERE id IS NOT NULL AND a IS NOT NULL PRIMARY KEY (a, id)"
    )
    (found,) = check(view, f"USE k; {types}")
    assert (found.code, found.server_message) == (
        "CV306",
        "duration type is not supported for PRIMARY KEY column 'a'",
    )


@pytest.mark.parametrize(
    ("type_", "condition", "codes"),
    [
        ("text", "> ''", []),
        ("text", ">= ''", []),
        ("blob", "> 0x", []),
        ("text", "= ''", ["CV203"]),
        ("text", "IN ('x', CAST('' AS text))", ["CV203"]),
        ("frozen<list<text>>", "= ['']", []),
        ("frozen<list<text>>", "CONTAINS ''", []),
        ("frozen<map<text, text>>", "= {'': ''}", []),
        ("tuple<text, int>", "= ('', 1)", []),
        ("tuple<text>", "= ('')", []),
        ("text", "= 'now'", []),
        ("date", "= '2026-01-01'", []),
        ("frozen<list<timestamp>>", "= ['2026-01-01T00:00:00Z']", []),
        ("frozen<list<text>>", "CONTAINS '2026-01-01'", []),
        ("tuple<int>", "= (1)", []),
    ],
)
def test_a_value_that_only_looks_harmful_is_told_of_no_harm(type_: str, condition: str, codes: list[str]) -> None:
    schema = f"CREATE TABLE k.t (p {type_}, c int, PRIMARY KEY (p, c))"
    view = (
        f"CREATE MATERIALIZED VIEW k.v AS SELECT p, c FROM k.t WHERE p {condition} AND c IS NOT NULL PRIMARY KEY (c, p)"
    )
    assert [one.code for one in check(view, schema) if one.kind is Kind.HARMFUL] == codes


def test_no_view_that_harms_a_server_is_missed() -> None:
    schema_of_types = [each.format("k") for each in TYPES]
    for case in generate_harmful(3, 400, "k"):
        found = check(case.view, ";\n".join([*schema_of_types, *case.schema]))
        assert [one for one in found if one.kind is Kind.REFUSED] == [], case.view
        assert case.harm in {one.code for one in found if one.kind is Kind.HARMFUL}, case.view
