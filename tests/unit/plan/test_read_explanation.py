"""What answers a SELECT by its key, why others do not, and what would."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cassandra_client.names import quoted
from cassandra_views import check
from cassandra_views.cql.findings import Severity
from cassandra_views.cql.parse import parse_table, parse_view
from cassandra_views.cql.select_text import is_select, parse_select
from cassandra_views.model.errors import ProjectError, StatementError
from cassandra_views.model.generation import Generation, Serving, State, ViewRecord
from cassandra_views.model.names import ViewName
from cassandra_views.model.schema import Catalog, Column, ColumnKind, Keyspace, LiveView, TableShape
from cassandra_views.model.statement import ViewStatement
from cassandra_views.plan.read_explanation import ReadExplanation, explain_read, unserved_texts

BASE = parse_table(
    "CREATE TABLE orders (day text, customer text, total int, note text, tags set<text>, "
    "PRIMARY KEY ((day), customer)) WITH CLUSTERING ORDER BY (customer ASC)"
).shape("shop")
BY_TOTAL = "SELECT day, customer, total FROM shop.orders WHERE day = '2026-01-01' ORDER BY total DESC"
BY_CUSTOMER = "SELECT * FROM shop.orders WHERE customer = ?"


def live_view(name: str, key: str, columns: str = "day, customer, total", where: str = "") -> LiveView:
    """Return a view on the base by its key as CQL."""
    cql = f"CREATE MATERIALIZED VIEW {name} AS SELECT {columns} FROM orders WHERE day IS NOT NULL PRIMARY KEY {key}"
    return live_of(parse_view(cql), BASE, where)


def live_of(statement: ViewStatement, base: TableShape, where: str = "") -> LiveView:
    """Return what the schema would hold of a view."""
    name = statement.view
    types = {column.name: column.type for column in base}
    key_kinds = {each: (ColumnKind.PARTITION_KEY, place) for place, each in enumerate(statement.partition_key)}
    key_kinds |= {each: (ColumnKind.CLUSTERING, place) for place, each in enumerate(statement.clustering)}
    shape = TableShape(
        keyspace="shop",
        name=name,
        columns=tuple(
            Column(name=each, type=types[each], kind=kind, position=place, is_descending=each in statement.descending)
            for each in statement.columns
            for kind, place in [key_kinds.get(each, (ColumnKind.REGULAR, -1))]
        ),
    )
    return LiveView(
        keyspace="shop",
        name=name,
        base="orders",
        table_id=UUID(int=1),
        where_clause=where or "day IS NOT NULL",
        include_all_columns=False,
        comment="",
        shape=shape,
    )


def record(view: str, state: State, number: int = 1, *, start: datetime | None = None) -> ViewRecord:
    name = ViewName(keyspace="shop", view=view)
    physical = name.physical(number)
    each = Generation(
        number=number,
        physical=physical,
        table_id=UUID(int=1),
        version="f1:1",
        state=state,
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
    )
    serving = (Serving(name=physical, start=start),) if state is State.SERVING else ()
    return ViewRecord(name=name, read_from=serving, generations=(each,))


def explain(
    select: str,
    *views: LiveView,
    records: tuple[ViewRecord, ...] = (),
    indexes: Mapping[str, str] | None = None,
    has_sai: bool = False,
    base: TableShape = BASE,
) -> ReadExplanation:
    catalog = Catalog(
        keyspaces=frozenset({"shop"}),
        replications={"shop": Keyspace.of("shop", {"class": "SimpleStrategy", "replication_factor": 1})},
        tables={("shop", "orders"): base},
        views={("shop", each.name): each for each in views},
    )
    return explain_read(parse_select(select), catalog, records, indexes=indexes or {}, has_sai=has_sai)


RANKED = "((day), total, customer) WITH CLUSTERING ORDER BY (total DESC, customer ASC)"


def test_the_base_answers_what_its_key_is_made_for() -> None:
    found = explain("SELECT note FROM shop.orders WHERE day = 'x' AND customer > 'a' LIMIT 5")
    assert [each.name for each in found.answering] == ["shop.orders"]
    assert (found.proposals, found.unproposed) == ((), "")


def test_a_view_that_serves_answers_by_its_generation() -> None:
    view = live_view("top__g3", RANKED)
    start = datetime(2026, 1, 1, tzinfo=UTC)
    found = explain(BY_TOTAL, view, records=(record("top", State.SERVING, 3, start=start),))
    (answer,) = found.answering
    assert (answer.name, answer.kind, answer.serving) == ("shop.top", "view", ("top__g3 from 2026-01-01T00:00:00Z",))
    assert found.candidates[0].faults == ("its rows are sorted by customer, not by total",)


def test_a_view_that_is_being_built_will_answer() -> None:
    found = explain(BY_TOTAL, live_view("top__g1", RANKED), records=(record("top", State.BUILDING),))
    faults = next(each.faults for each in found.candidates if each.name == "shop.top")
    assert faults == (
        "nothing of it serves: generation 1 is building: it serves once it is built on every node and audited",
        "its key answers, once generation 1 serves",
    )


def test_each_generation_that_does_not_serve_is_told_with_the_reason() -> None:
    retired = record("top", State.RETIRED).generations[0]
    serving = record("top", State.SERVING, 2)
    both = replace(serving, generations=(retired, *serving.generations))
    (text,) = unserved_texts(both)
    assert text.startswith("generation 1 is retired")
    for state in State:
        told = unserved_texts(record("top", state))
        assert len(told) == (state not in (State.SERVING, State.DROPPED))


def test_a_view_of_somebody_else_is_looked_at_too() -> None:
    found = explain(BY_TOTAL, live_view("handmade", RANKED, where="day IS NOT NULL AND total > 5"))
    assert [(each.name, each.kind) for each in found.answering] == [("shop.handmade", "unmanaged view")]
    assert found.answering[0].notes == ("it holds rows that meet total > 5 alone",)


@pytest.mark.parametrize("name", ["shop.top", "top", "shop.top__g1"])
def test_a_view_may_be_asked_for_by_its_name_or_by_that_of_a_generation(name: str) -> None:
    found = explain(
        f"SELECT day FROM {name} WHERE day = ?", live_view("top__g1", RANKED), records=(record("top", State.SERVING),)
    )
    assert found.asked == "shop.top"
    assert found.candidates[0].answers


FAULTS = {
    BY_CUSTOMER: ["'day' of its partition key is not given"],
    "SELECT * FROM orders WHERE day > ? AND customer = ?": [
        "'day' is part of its partition key, which is asked for by = or IN alone"
    ],
    "SELECT * FROM orders WHERE day = ? AND note = ?": ["'note' is not part of its key"],
    "SELECT * FROM orders WHERE day = ? AND nonsense = ?": ["it has no column 'nonsense'"],
    "SELECT * FROM orders WHERE day = ? ORDER BY total": ["its rows are sorted by customer, not by total"],
    "SELECT * FROM orders WHERE day = ? AND customer LIKE 'a%'": [
        "'customer' is asked for by LIKE, which no key answers"
    ],
    "SELECT * FROM orders WHERE token(day) > 5": ["only conditions on plain columns are judged here"],
}


@pytest.mark.parametrize("select", FAULTS)
def test_why_a_table_does_not_answer(select: str) -> None:
    assert list(explain(select).candidates[0].faults) == FAULTS[select]


def test_the_view_that_would_answer_is_one_that_parses() -> None:
    found = explain(BY_TOTAL)
    (view,) = found.proposals
    assert view.text == (
        "---\nkeyspace: shop\n---\n"
        "CREATE MATERIALIZED VIEW {{ view }} AS\n"
        "SELECT day, total, customer\n"
        "FROM {{ base('orders') }}\n"
        "WHERE day IS NOT NULL AND total IS NOT NULL AND customer IS NOT NULL\n"
        "PRIMARY KEY ((day), total, customer)\n"
        "WITH CLUSTERING ORDER BY (total DESC, customer ASC)"
    )
    cql = view.text.partition("---\nCREATE")[2].replace("{{ view }}", "v").replace("{{ base('orders') }}", "orders")
    made = live_view("made", f"{cql.partition('PRIMARY KEY ')[2]}")
    assert explain(BY_TOTAL, made).answering


def test_an_index_is_proposed_where_the_nodes_have_them() -> None:
    select = "SELECT * FROM orders WHERE note = ?"
    assert [each.kind for each in explain(select).proposals] == ["view"]
    view, index = explain(select, has_sai=True).proposals
    assert (view.kind, index.kind) == ("view", "index")
    assert index.text == "CREATE INDEX ON shop.orders (note) USING 'sai';"
    assert "every node" in index.note
    assert (
        "one partition" in explain("SELECT * FROM orders WHERE day = ? AND note = ?", has_sai=True).proposals[-1].note
    )


def test_an_index_that_exists_answers() -> None:
    found = explain("SELECT * FROM orders WHERE note = ?", indexes={"note": "by_note"})
    assert found.answering[0].notes == ("by the index by_note, which asks every node",)


NO_VIEW = {
    "SELECT * FROM orders WHERE note = ? AND total = ?": "a view's key may hold one column that is not in its base's "
    "key, and this needs note, total",
    "SELECT * FROM orders WHERE total > ?": "no column is given by = or IN, so there is no partition to read",
    "SELECT * FROM orders WHERE tags = ?": "'tags' is set<text>, which no key can hold",
    "SELECT * FROM orders WHERE tags CONTAINS ?": "no key answers CONTAINS",
    "SELECT * FROM orders WHERE note = ? AND day > ? AND customer > ?": "customer, day are each asked for by a range, "
    "and a key answers one",
}


@pytest.mark.parametrize("select", NO_VIEW)
def test_where_no_view_would_answer_that_is_said(select: str) -> None:
    found = explain(select)
    assert found.unproposed == NO_VIEW[select]
    assert found.proposals == ()


def test_what_there_is_not_is_told_with_what_is_like_it() -> None:
    with pytest.raises(ProjectError, match="did you mean 'orders'"):
        explain("SELECT * FROM ordres WHERE day = ?")


@pytest.mark.parametrize("text", ["SELECT", "SELECT 1", "SELECT * FROM a, b", "SELECT * FROM a.b.c WHERE x = 1"])
def test_what_is_no_select_is_refused(text: str) -> None:
    with pytest.raises(StatementError):
        parse_select(text)


def test_a_select_is_told_from_a_name() -> None:
    assert is_select("select * from t")
    assert is_select("  SELECT\nx FROM t;")
    assert not is_select("select_by_day")
    assert not is_select("")
    assert not is_select("select")
    assert not is_select("orders_by_day")


def test_parts_of_a_select_are_read_whatever_their_case_and_markers() -> None:
    found = parse_select(
        'select count(*), "Day", max(total) as m from "Shop"."Orders" where "Day" in (?, :other) and total >= :least '
        "order by total desc, customer per partition limit 2 limit 5 allow filtering;"
    )
    assert (found.keyspace, found.table, found.columns) == ("Shop", "Orders", ("Day", "total"))
    assert [(each.columns, each.operator.value) for each in found.where] == [(("Day",), "IN"), (("total",), ">=")]
    assert (found.order, found.allows_filtering) == ((("total", True), ("customer", False)), True)


def test_words_that_may_be_names_begin_a_clause_only_where_they_do() -> None:
    found = parse_select("SELECT per FROM t WHERE per = 1 AND group = 2 PER PARTITION LIMIT 2")
    assert [each.columns for each in found.where] == [("per",), ("group",)]
    assert parse_select("SELECT * FROM t WHERE a = 1 GROUP BY a ORDER BY b").order == (("b", False),)


WORDS = "SELECT * FROM t WHERE a = ? AND ( ) , . : ; ORDER BY b DESC LIMIT 'x' \" { IN PER PARTITION".split()  # noqa: SIM905


@given(st.lists(st.sampled_from(WORDS)))
def test_any_words_are_a_select_or_are_refused(words: list[str]) -> None:
    with suppress(StatementError):
        parse_select(" ".join(words))


def test_a_counter_table_gets_no_view() -> None:
    columns = (*(each for each in BASE if each.is_key), Column(name="hits", type="counter", kind=ColumnKind.REGULAR))
    found = explain("SELECT * FROM orders WHERE customer = ?", base=replace(BASE, columns=columns))
    assert found.unproposed == "its base holds counters, which no view can show"


COLUMNS = ("a", "b", "Big", "order", "e")


@st.composite
def questions(draw: st.DrawFn) -> tuple[str, str]:
    """Draw a table of five columns and a SELECT of it, as CQL."""
    key = draw(st.lists(st.sampled_from(COLUMNS), min_size=1, max_size=4, unique=True))
    partition = draw(st.integers(1, len(key)))
    types = {name: draw(st.sampled_from(["int", "text", "bigint"])) for name in COLUMNS}
    columns = ", ".join(f"{quoted(name)} {types[name]}" for name in COLUMNS)
    clustering = "".join(f", {quoted(name)}" for name in key[partition:])
    table = (
        f"CREATE TABLE shop.orders ({columns}, PRIMARY KEY (({', '.join(map(quoted, key[:partition]))}){clustering}))"
    )
    asked = draw(st.lists(st.sampled_from(COLUMNS), max_size=3, unique=True))
    where = " AND ".join(f"{quoted(name)} {draw(st.sampled_from(['=', '=', 'IN', '<', '>=']))} ?" for name in asked)
    where = where.replace("IN ?", "IN (?, ?)")
    order = draw(st.lists(st.sampled_from(COLUMNS), max_size=2, unique=True))
    sorting = ", ".join(f"{quoted(name)} {draw(st.sampled_from(['ASC', 'DESC']))}" for name in order)
    shown = draw(st.sampled_from(["*", "e", 'a, "Big"']))
    select = f"SELECT {shown} FROM shop.orders" + (f" WHERE {where}" if where else "")
    return table, select + (f" ORDER BY {sorting}" if sorting else "")


@given(questions())
def test_a_view_that_is_proposed_is_one_that_servers_take_and_that_answers(question: tuple[str, str]) -> None:
    table, select = question
    base = parse_table(table).shape("shop")
    found = explain(select, base=base)
    assert bool(found.answering) + bool(found.unproposed) + bool(found.proposals) == 1
    for proposal in found.proposals:
        cql = proposal.text.rpartition("---\n")[2].replace("{{ view }}", "shop.v")
        cql = cql.replace("{{ base('orders') }}", "shop.orders")
        errors = [each for each in check(cql, table + ";") if each.severity is Severity.ERROR]
        assert errors == [], cql
        made = live_of(parse_view(cql), base)
        assert any(each.answers for each in explain(select, made, base=base).candidates), (cql, select)
