"""Our grammar, lint and drift beside a real server: what it takes we print right, what it refuses we refuse.

No statement of the kind that servers accept and are harmed by is ever sent from here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count

import pytest
from cassandra import InvalidRequest
from cassandra.cluster import Session
from cassandra.protocol import ConfigurationException, SyntaxException
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from cassandra_views.cql.drift import table_drift, view_drift
from cassandra_views.cql.findings import WARNINGS, Severity
from cassandra_views.cql.lint import lint_view
from cassandra_views.cql.lint_tables import lint_table
from cassandra_views.cql.parse import parse_table, parse_view
from cassandra_views.cql.printing import table_cql, view_cql
from cassandra_views.cql.types import canonical_type
from cassandra_views.model.schema import Column, ColumnKind, TableShape
from cassandra_views.model.statement import (
    ColumnDeclaration,
    Literal,
    LiteralKind,
    Name,
    Operator,
    Option,
    Relation,
    Selected,
    Sequence,
    Shape,
    TableStatement,
    Term,
    TypeHint,
    ViewStatement,
)
from tests.integration.cassandra.inherited_order import check_inherited_orders
from tests.unit.cql.rules import BASES, GOOD_VIEWS, SERVER_TAKES, TABLE_RULES, VIEW_RULES

REFUSALS = (InvalidRequest, SyntaxException, ConfigurationException)
IN_THE_SERVERS_WORDS = frozenset(
    """CV103 CV105 CV109 CV110 CV111 CV113 CV114 CV116 CV117 CV123 CV301 CV302 CV304 CV306 CV307 CV308
    CV309 CV311""".split()  # noqa: SIM905
)


def live_shape(session: Session, keyspace: str, name: str, kind: str) -> tuple[TableShape, dict[str, object]]:
    """Return a table's or view's shape as ``system_schema`` tells it, and its row there."""
    key = "table_name" if kind == "tables" else "view_name"
    where = "WHERE keyspace_name = %s AND {} = %s"
    row = session.execute(f"SELECT * FROM system_schema.{kind} {where.format(key)}", (keyspace, name)).one()._asdict()
    columns = session.execute(f"SELECT * FROM system_schema.columns {where.format('table_name')}", (keyspace, name))
    options = tuple(
        (option, tuple(sorted(value.items())) if hasattr(value, "items") else str(value))
        for option, value in row.items()
        if value is not None
    )
    shape = TableShape(
        keyspace=keyspace,
        name=name,
        columns=tuple(
            Column(
                name=one.column_name,
                type=canonical_type(one.type),
                kind=ColumnKind(one.kind),
                position=one.position,
                is_descending=one.clustering_order == "desc",
            )
            for one in columns
        ),
        options=options,
    )
    return shape, row


def create_bases(session: Session, keyspace: str) -> dict[str, TableShape]:
    for text in BASES.values():
        session.execute(table_cql(parse_table(text), keyspace=keyspace))
    return {name: live_shape(session, keyspace, name, "tables")[0] for name in BASES}


def errors(findings: object) -> list[object]:
    assert isinstance(findings, tuple)
    return [finding for finding in findings if finding.severity is Severity.ERROR]


def create_and_compare(
    session: Session, keyspace: str, statement: ViewStatement, base: TableShape, number: int
) -> None:
    assert errors(lint_view(statement, base, file="v")) == []
    physical, start, end = f"v__g{number}", "'2026-01-01T00:00:00Z'", "1798761600000"
    cql = view_cql(statement, keyspace=keyspace, physical=physical, window_start=start, window_end=end)
    session.execute(cql)
    live, row = live_shape(session, keyspace, physical, "views")
    assert (
        view_drift(
            statement,
            base,
            live,
            where_clause=str(row["where_clause"]),
            include_all_columns=bool(row["include_all_columns"]),
            base_name=str(row["base_table_name"]),
            window_start="'2026-01-01T00:00:00Z'",
            window_end="1798761600000",
        )
        == ()
    )


def test_what_a_server_refuses_lint_refuses_in_its_words(session: Session, keyspace: str) -> None:
    shapes = create_bases(session, keyspace)
    sent = 0
    for rule in VIEW_RULES:
        if rule.harmful or rule.code in WARNINGS:
            continue
        statement = parse_view(rule.view)
        finding = next(one for one in lint_view(statement, shapes[rule.base], file="v") if one.code == rule.code)
        cql = view_cql(statement, keyspace=keyspace, physical=statement.view, window_start=None, window_end=None)
        with pytest.raises(REFUSALS) as refusal:
            session.execute(cql)
        if rule.code in IN_THE_SERVERS_WORDS:
            words = finding.message.split(" (")[0].split(":")[0].split(". ")[0].split(" for view ")[0]
            assert words in str(refusal.value), rule
        sent += 1
    assert sent >= 60


def test_tables_that_a_server_refuses_lint_refuses(session: Session, keyspace: str) -> None:
    for code, text in TABLE_RULES:
        if code in SERVER_TAKES:
            continue
        with pytest.raises(REFUSALS):
            session.execute(table_cql(parse_table(text), keyspace=keyspace))


def test_good_views_are_taken_and_show_no_drift(session: Session, keyspace: str) -> None:
    shapes = create_bases(session, keyspace)
    for name, text in BASES.items():
        assert table_drift(parse_table(text), shapes[name]) == ()
    for number, good in enumerate(GOOD_VIEWS):
        create_and_compare(session, keyspace, parse_view(good), shapes["t"], number)


def test_types_and_options_are_spelt_as_the_server_keeps_them(session: Session, keyspace: str) -> None:
    session.execute(f'CREATE TYPE {keyspace}."Odd" (a int)')
    table = parse_table(
        """CREATE TABLE t (k int, c frozen<list<tuple<int, set<text>>>>, a varchar STATIC, m map<text, frozen<"Odd">>,
        u "Odd", f frozen<map<int, list<"Odd">>>, v vector<frozen<list<int>>, 2>, w list<vector<float, 3>>,
        t tuple<"Odd", frozen<map<int, int>>>, d list<duration>, PRIMARY KEY (k, c))
        WITH CLUSTERING ORDER BY (c DESC) AND compaction = {'class': 'UnifiedCompactionStrategy'} AND cdc = false
        AND compression = {'enabled': false} AND caching = {'keys': 'none', 'rows_per_partition': 10}
        AND speculative_retry = '99PERCENTILE' AND additional_write_policy = 'never' AND read_repair = 'none'
        AND bloom_filter_fp_chance = 0.10 AND crc_check_chance = 1 AND gc_grace_seconds = '100' AND comment = 'it''s'
        AND default_time_to_live = 60 AND memtable_flush_period_in_ms = 3600000 AND min_index_interval = 64"""
    )
    assert errors(lint_table(table, file="t")) == []
    session.execute(table_cql(table, keyspace=keyspace))
    live, row = live_shape(session, keyspace, "t", "tables")
    assert table_drift(table, live) == ()
    assert {column.name: column.type for column in live.columns} == {
        column.name: column.type for column in table.columns
    }
    assert row["comment"] == "it's"


def test_a_view_that_states_no_order_has_that_of_its_base(session: Session, keyspace: str) -> None:
    check_inherited_orders(session, keyspace)


def literal(kind: LiteralKind) -> Callable[[object], Term]:
    return lambda value: Literal(kind, str(value))


LISTS = st.lists(st.integers(-9, 9), min_size=1, max_size=3).map(
    lambda items: Sequence(Shape.LIST, tuple(Literal(LiteralKind.INTEGER, str(item)) for item in items))
)
VALUES: dict[str, st.SearchStrategy[Term]] = {
    "int": st.integers(-(2**31), 2**31 - 1).map(literal(LiteralKind.INTEGER)),
    "varint": st.integers().map(literal(LiteralKind.INTEGER)),
    "smallint": st.integers(-(2**15), 2**15 - 1).map(
        lambda n: TypeHint("smallint", Literal(LiteralKind.INTEGER, str(n)))
    ),
    "text": st.text(st.characters(exclude_categories=["Cs"], exclude_characters="'\0"), min_size=1, max_size=6).map(
        literal(LiteralKind.STRING)
    ),
    "uuid": st.uuids().map(literal(LiteralKind.UUID)),
    "timeuuid": st.uuids(version=1).map(literal(LiteralKind.UUID)),
    "blob": st.binary(min_size=1, max_size=5).map(lambda value: Literal(LiteralKind.BLOB, "0x" + value.hex())),
    "double": st.sampled_from(["1.50", "-0.0", "1e+25", "NaN", "-Infinity"]).map(literal(LiteralKind.FLOAT)),
    "decimal": st.sampled_from(["1.50", "-0.0", "1e+25", "7e0"]).map(literal(LiteralKind.FLOAT)),
    "boolean": st.sampled_from(["true", "false"]).map(literal(LiteralKind.BOOLEAN)),
    "timestamp": st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)).map(  # noqa: DTZ001
        lambda time: Literal(LiteralKind.STRING, time.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z")
    ),
    "date": st.dates().map(literal(LiteralKind.STRING)),
    "time": st.times().map(lambda time: Literal(LiteralKind.STRING, time.strftime("%H:%M:%S"))),
    "inet": st.ip_addresses().map(literal(LiteralKind.STRING)),
    "frozen<list<int>>": LISTS,
    "frozen<tuple<int, text>>": st.just(
        Sequence(Shape.TUPLE, (Literal(LiteralKind.INTEGER, "1"), Literal(LiteralKind.STRING, "x")))
    ),
}
OTHER_TYPES = ["set<text>", "map<text, frozen<list<int>>>", "duration", "vector<float, 2>", "list<int>"]
NAMES = ["p", "c", "key", "as", "token", "Mixed Case", 'dou"ble', "it's", "view", "ünï", "contains"]


@st.composite
def tables_with_views(draw: st.DrawFn) -> tuple[TableStatement, ViewStatement]:
    names = draw(st.permutations(NAMES))
    keys = draw(st.integers(1, 4))
    partition = draw(st.integers(1, keys))
    key, clustering = names[:keys], tuple(names[partition:keys])
    rest = names[keys : keys + draw(st.integers(0, 4))]
    key_types = {name: draw(st.sampled_from(sorted(VALUES))) for name in key}
    columns = [ColumnDeclaration(name=name, type=type_) for name, type_ in key_types.items()]
    for name in rest:
        type_ = draw(st.sampled_from([*sorted(VALUES), *OTHER_TYPES]))
        columns.append(ColumnDeclaration(name=name, type=type_, is_static=bool(clustering) and draw(st.booleans())))
    table = TableStatement(
        table="t",
        columns=tuple(columns),
        partition_key=tuple(key[:partition]),
        clustering=clustering,
        clustering_order=tuple((name, draw(st.booleans())) for name in clustering),
    )
    able = [one.name for one in columns[keys:] if not one.is_static and one.type in VALUES]
    added = draw(st.lists(st.sampled_from(able), max_size=1)) if able else []
    view_key = draw(st.permutations([*key, *added]))
    border = draw(st.integers(1, len(view_key)))
    where = [Relation(columns=(name,), operator=Operator.IS_NOT_NULL) for name in added]
    for name in key:
        where += draw(restrictions(name, VALUES[key_types[name]]))
    free = [one.name for one in columns[keys:] if not one.is_static and one.name not in added]
    selected = draw(st.permutations([*view_key, *(name for name in free if draw(st.booleans()))]))
    view = ViewStatement(
        view="v",
        base="t",
        selected=tuple(Selected(term=Name(name)) for name in selected),
        where=tuple(draw(st.permutations(where))),
        partition_key=tuple(view_key[:border]),
        clustering=tuple(view_key[border:]),
        clustering_order=tuple((name, draw(st.booleans())) for name in view_key[border:]),
        options=draw(
            st.sampled_from([(), (Option(name="gc_grace_seconds", value="77"),), (Option(name="cdc", value="false"),)])
        ),
    )
    return table, view


@st.composite
def restrictions(draw: st.DrawFn, name: str, values: st.SearchStrategy[Term]) -> list[Relation]:
    not_null = Relation(columns=(name,), operator=Operator.IS_NOT_NULL)
    match draw(st.integers(0, 4)):
        case 0 | 1:
            return [not_null]
        case 2:
            return [Relation(columns=(name,), operator=Operator.EQUAL, values=(draw(values),)), not_null]
        case 3:
            return [
                Relation(
                    columns=(name,), operator=Operator.IN, values=tuple(draw(st.lists(values, min_size=1, max_size=3)))
                )
            ]
        case _:
            low = draw(st.sampled_from([Operator.GREATER, Operator.GREATER_OR_EQUAL]))
            high = draw(st.sampled_from([Operator.LESS, Operator.LESS_OR_EQUAL]))
            return [
                Relation(columns=(name,), operator=low, values=(draw(values),)),
                Relation(columns=(name,), operator=high, values=(draw(values),)),
            ]


def test_what_lint_passes_a_server_takes_as_it_was_meant(session: Session, keyspace: str) -> None:
    # Names of their own instead of drops: a DROP waits for the build and takes a second on a busy machine.
    numbers = count(1)

    @settings(
        max_examples=15,
        derandomize=True,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(tables_with_views())
    def check(pair: tuple[TableStatement, ViewStatement]) -> None:
        number = next(numbers)
        table, view = (replace(pair[0], table=f"t{number}"), replace(pair[1], base=f"t{number}"))
        assert errors(lint_table(table, file="t")) == []
        session.execute(table_cql(table, keyspace=keyspace))
        base, _ = live_shape(session, keyspace, table.table, "tables")
        assert table_drift(table, base) == ()
        create_and_compare(session, keyspace, view, base, number)

    check()
    assert next(numbers) > 15
