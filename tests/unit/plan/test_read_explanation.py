"""What answers a SELECT by its key, why others do not, and what would."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cassandra_client.errors import Place
from cassandra_client.names import quoted
from cassandra_views import check
from cassandra_views.cql.findings import Severity
from cassandra_views.cql.parse import parse_table, parse_view
from cassandra_views.cql.select_text import parse_select
from cassandra_views.model.definition import Project, ViewDefinition
from cassandra_views.model.errors import ProjectError
from cassandra_views.model.generation import Generation, Serving, State, ViewRecord
from cassandra_views.model.names import ViewName
from cassandra_views.model.schema import Catalog, Column, ColumnKind, Keyspace, LiveView, TableIndex, TableShape
from cassandra_views.model.statement import ViewStatement
from cassandra_views.plan.read_explanation import ReadExplanation, ReadVerdict, explain_read, unserved_texts
from cassandra_views.plan.read_proposals import ReadProposal, view_shape

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
    shape = view_shape(
        base,
        columns=statement.columns,
        partition=statement.partition_key,
        clustering=statement.clustering,
        descending=statement.descending,
    )
    return LiveView(
        keyspace="shop",
        name=statement.view,
        base="orders",
        table_id=UUID(int=1),
        where_clause=where or "day IS NOT NULL",
        include_all_columns=False,
        comment="",
        shape=replace(shape, name=statement.view),
    )


def record(view: str, state: State, number: int = 1, *, start: datetime | None = None, cql: str = "") -> ViewRecord:
    name = ViewName(keyspace="shop", view=view)
    physical = name.physical(number)
    each = Generation(
        number=number,
        physical=physical,
        table_id=UUID(int=1),
        version="f1:1",
        state=state,
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
        cql=cql,
    )
    serving = (Serving(name=physical, start=start),) if state is State.SERVING else ()
    return ViewRecord(name=name, read_from=serving, generations=(each,))


def explain(
    select: str,
    *views: LiveView,
    records: tuple[ViewRecord, ...] = (),
    files: tuple[ViewDefinition, ...] = (),
    indexes: tuple[TableIndex, ...] = (),
    has_sai: bool = False,
    base: TableShape = BASE,
) -> ReadExplanation:
    catalog = Catalog(
        keyspaces=frozenset({"shop"}),
        replications={"shop": Keyspace.of("shop", {"class": "SimpleStrategy", "replication_factor": 1})},
        tables={("shop", "orders"): base},
        views={("shop", each.name): each for each in views},
    )
    project = Project(name="test", views=files)
    return explain_read(parse_select(select), catalog, records, project, indexes=indexes, has_sai=has_sai)


def index(target: str, kind: str = "", name: str = "by_it") -> TableIndex:
    """Return an index by what ``system_schema.indexes`` says of it."""
    return TableIndex.of(name, {"target": target} | ({"class_name": kind} if kind else {}))


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
    assert (found.candidates[1].name, found.candidates[1].kind) == ("shop.handmade", "unmanaged view")
    assert found.answering == ()
    assert found.candidates[1].verdict is ReadVerdict.PART
    assert found.candidates[1].notes == ("it holds only rows where total > 5", "rows without total are not in it")


@pytest.mark.parametrize("name", ["shop.top", "top", "shop.top__g1"])
def test_a_view_may_be_asked_for_by_its_name_or_by_that_of_a_generation(name: str) -> None:
    found = explain(
        f"SELECT day FROM {name} WHERE day = ?", live_view("top__g1", RANKED), records=(record("top", State.SERVING),)
    )
    assert found.asked == "shop.top"
    assert found.candidates[0].verdict is ReadVerdict.ANSWERS


FAULTS = {
    BY_CUSTOMER: ["'day' of its partition key is not given"],
    "SELECT * FROM orders WHERE day > ? AND customer = ?": [
        "'day' is part of its partition key, which is asked for by = or IN alone"
    ],
    "SELECT * FROM orders WHERE day = ? AND note = ?": ["'note' is not part of its key"],
    "SELECT * FROM orders WHERE day = ? AND nonsense = ?": ["it has no column 'nonsense'"],
    "SELECT * FROM orders WHERE day = ? ORDER BY total": ["its rows are sorted by customer, not by total"],
    "SELECT * FROM orders WHERE day = ? AND customer LIKE 'a%'": [
        "'customer' is asked for by LIKE, which no key and no index that it has answers"
    ],
    "SELECT * FROM orders WHERE token(customer) > 5": ["token() takes its partition key, which is day"],
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
    found = explain("SELECT * FROM orders WHERE note = ?", indexes=(index("note", name="by_note"),))
    assert found.answering[0].notes == ("by the index by_note, which asks every node",)


NO_VIEW = {
    "SELECT * FROM orders WHERE note = ? AND total = ?": "a view's key may hold one column that is not in its base's "
    "key, and this needs note, total",
    "SELECT * FROM orders WHERE total > ?": "no column is given by = or IN, so there is no partition to read",
    "SELECT * FROM orders WHERE tags = ?": "'tags' is set<text>, which no key can hold",
    "SELECT * FROM orders WHERE token(day) > ? AND note = ?": "a view is made for conditions on plain columns, and "
    "this has one on token()",
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


def test_a_counter_table_gets_no_view() -> None:
    columns = (*(each for each in BASE if each.is_key), Column(name="hits", type="counter", kind=ColumnKind.REGULAR))
    found = explain("SELECT * FROM orders WHERE customer = ?", base=replace(BASE, columns=columns))
    assert found.unproposed == "its base holds counters, which no view can show"


def test_a_view_answers_for_its_own_columns_and_the_base_for_all() -> None:
    top = live_view("top__g1", RANKED)
    records = (record("top", State.SERVING),)
    own, base = explain("SELECT * FROM shop.top WHERE day = ?", top, records=records).candidates
    assert (own.name, own.verdict) == ("shop.top", ReadVerdict.ANSWERS)
    assert base.verdict is ReadVerdict.ANSWERS
    assert base.notes == ("it holds rows, too, that shop.top does not",)
    found = explain("SELECT * FROM orders WHERE day = ? ORDER BY total", top, records=records)
    assert found.candidates[1].faults == ("it lacks note, tags, and SELECT * asks for all columns of shop.orders",)
    counted = explain("SELECT count(*) FROM orders WHERE day = ? AND total > ?", top, records=records)
    assert [each.name for each in counted.answering] == ["shop.top"]


def test_a_view_that_holds_part_of_the_rows_does_not_stop_a_proposal() -> None:
    by_customer = live_view("by_customer", "((customer), total, day)")
    found = explain("SELECT day FROM orders WHERE customer = ?", by_customer)
    assert (found.verdict, found.answering) == (ReadVerdict.PART, ())
    assert found.candidates[1].notes == ("rows without total are not in it",)
    (view,) = found.proposals
    assert "PRIMARY KEY ((customer), day)" in view.text
    full = explain("SELECT day FROM orders WHERE customer = ? AND total = 5", by_customer)
    assert [each.name for each in full.answering] == ["shop.by_customer"]


WINDOW = "day >= '2026-01-01' AND customer IS NOT NULL"


@pytest.mark.parametrize(
    ("day", "expected"),
    [("'2026-02-01'", ReadVerdict.ANSWERS), ("?", ReadVerdict.PART), ("'2025-12-31'", ReadVerdict.CANNOT)],
)
def test_a_window_is_compared_with_the_days_that_are_asked_for(day: str, expected: ReadVerdict) -> None:
    view = live_view("recent", "((customer), day)", "day, customer, note", where=WINDOW)
    found = explain(f"SELECT note FROM orders WHERE customer = ? AND day = {day} ORDER BY day", view)
    own = next(each for each in found.candidates if each.name == "shop.recent")
    assert (own.verdict, own.notes) == (expected, ("it holds only rows where day >= '2026-01-01'",))


MADE = "CREATE MATERIALIZED VIEW shop.top__g1 AS SELECT * FROM shop.orders WHERE day IS NOT NULL PRIMARY KEY (day)"


def test_a_view_that_was_dropped_by_hand_is_told_with_its_base() -> None:
    found = explain("SELECT * FROM shop.top WHERE day = ?", records=(record("top", State.SERVING, cql=MADE),))
    view, base = found.candidates
    assert (view.verdict, view.faults) == (
        ReadVerdict.CANNOT,
        ("top__g1, which serves, is missing in the schema",),
    )
    assert (found.asked, base.name, base.verdict) == ("shop.top", "shop.orders", ReadVerdict.ANSWERS)


def test_a_view_that_was_dropped_is_told_alone_where_its_base_is_not_known() -> None:
    gone = ViewRecord(name=ViewName(keyspace="shop", view="top"), next_number=3)
    found = explain("SELECT * FROM top WHERE day = ?", records=(gone,))
    assert [each.faults for each in found.candidates] == [("nothing of it serves: it was dropped",)]
    assert (found.asked, found.verdict, found.proposals) == ("shop.top", ReadVerdict.CANNOT, ())


def test_a_view_is_proposed_by_what_is_grouped() -> None:
    select = "SELECT total, count(*) FROM orders WHERE day = ? GROUP BY day, total"
    found = explain(select)
    (view,) = found.proposals
    assert "PRIMARY KEY ((day), total, customer)" in view.text
    assert view.note.endswith(". Rows without total are not in it")
    assert [each.name for each in explain(select, live_view("made", RANKED)).answering] == ["shop.made"]


def test_what_a_limit_means_for_another_view_is_told() -> None:
    top = live_view("top__g1", RANKED)
    records = (record("top", State.SERVING),)
    select = "SELECT day FROM {} WHERE day = ? AND total = ? PER PARTITION LIMIT 1 LIMIT ?"
    assert explain(select.format("orders"), top, records=records).candidates[1].notes == (
        "PER PARTITION LIMIT counts the rows of its own partitions",
        "LIMIT without ORDER BY takes the first rows of its own order",
    )
    assert explain(select.format("top"), top, records=records).candidates[0].notes == ()


def test_a_view_whose_registry_rows_cannot_be_read_is_unknown() -> None:
    error = ProjectError("a state of no name here", on="shop.top", next="Upgrade")
    unread = ViewRecord(name=ViewName(keyspace="shop", view="top"), error=error)
    found = explain("SELECT day FROM top WHERE day = ?", live_view("top__g1", RANKED), records=(unread,))
    assert [(each.name, each.verdict.value) for each in found.candidates] == [
        ("shop.top", "unknown"),
        ("shop.orders", "answers"),
    ]
    assert found.candidates[0].faults == ("what serves it is not known: a state of no name here",)


def view_file(key: str, where: str = "") -> ViewDefinition:
    text = (
        "CREATE MATERIALIZED VIEW top AS SELECT day, customer, total FROM orders "
        f"WHERE day IS NOT NULL{where} PRIMARY KEY {key}"
    )
    name = ViewName(keyspace="shop", view="top")
    return ViewDefinition(name=name, base="orders", text=text, version="f1:1", place=Place(file="top.cql.j2", line=1))


@pytest.mark.parametrize("records", [(), (ViewRecord(name=ViewName(keyspace="shop", view="top")),)])
def test_a_view_that_is_only_a_file_answers_once_it_is_made(records: tuple[ViewRecord, ...]) -> None:
    for select in (BY_TOTAL, "SELECT day FROM top WHERE day = ? ORDER BY total DESC"):
        found = explain(select, records=records, files=(view_file(RANKED),))
        view = next(each for each in found.candidates if each.name == "shop.top")
        assert view.verdict is ReadVerdict.CANNOT
        assert view.faults[-1] == "its key answers, once 'views apply' has made a generation of its file and serves it"
        assert (found.proposals, found.unproposed) == ((), "shop.top answers once it serves")
    other = explain(BY_TOTAL, records=records, files=(view_file("((customer), day)"),))
    assert [each.kind for each in other.proposals] == ["view"]


def test_filtering_is_neither_an_answer_nor_a_refusal() -> None:
    found = explain("SELECT * FROM orders WHERE day = ? AND note = ? ALLOW FILTERING")
    base = found.candidates[0]
    assert (found.verdict, base.faults) == (ReadVerdict.FILTERING, ("'note' is not part of its key",))
    assert base.notes == ("ALLOW FILTERING makes it answer by reading every row of the partition",)
    assert [each.kind for each in found.proposals] == ["view"]
    without = explain("SELECT * FROM orders WHERE note = ?").candidates[0]
    assert without.notes == (
        "servers refuse it without ALLOW FILTERING, which makes it answer by reading every row of the table",
    )
    refused = explain("SELECT * FROM orders WHERE note LIKE ? ALLOW FILTERING")
    assert (refused.verdict, refused.candidates[0].notes) == (ReadVerdict.CANNOT, ())


def test_what_is_not_judged_is_unknown() -> None:
    found = explain("SELECT * FROM orders WHERE day = ? AND expr(by_it, 'x')")
    assert found.verdict is ReadVerdict.UNKNOWN
    assert found.candidates[0].faults == ("not judged here: expr(by_it, ...)",)
    unread = live_view("odd", RANKED, where="day ~ 5")
    assert explain(BY_TOTAL, unread).candidates[1].verdict is ReadVerdict.UNKNOWN


KINDS = parse_table(
    "CREATE TABLE orders (day text, customer text, addr address, home frozen<address>, city text static, total int, "
    "PRIMARY KEY ((day), customer))"
).shape("shop")


@pytest.mark.parametrize(
    ("select", "fault"),
    [
        ("SELECT city FROM orders WHERE customer = ?", "it asks for static columns, which no view holds: city"),
        ("SELECT * FROM orders WHERE customer = ?", "it asks for static columns, which no view holds: city"),
        ("SELECT day FROM orders WHERE city = ?", "it asks for static columns, which no view holds: city"),
        ("SELECT day FROM orders WHERE addr = ?", "'addr' is address, which no key can hold"),
        ("SELECT day FROM orders WHERE customer IN ? ORDER BY total", "ORDER BY with IN on the partition key"),
    ],
)
def test_no_view_is_proposed_that_servers_would_not_make_or_that_would_not_answer(select: str, fault: str) -> None:
    found = explain(select, base=KINDS)
    assert found.unproposed.startswith(fault)
    assert found.proposals == ()
    assert explain("SELECT addr.city FROM orders WHERE home = ?", base=KINDS).proposals


INDEXED = {
    "WHERE note = ? AND customer = ?": ["(note)", "(customer)"],
    "WHERE tags CONTAINS ?": ["(values(tags))"],
    "WHERE tags CONTAINS ? AND total > 5": ["(values(tags))", "(total)"],
    "WHERE day = ? AND customer > ? AND note = ?": ["(note)"],
    "WHERE note LIKE 'x%'": [],
    "WHERE note > 'x'": [],
    "WHERE note IN ('x', 'y')": [],
    "WHERE total > 5 ORDER BY customer": [],
}


@pytest.mark.parametrize("rest", INDEXED)
def test_the_indexes_that_are_proposed_are_those_that_answer(rest: str) -> None:
    found = [each for each in explain(f"SELECT * FROM orders {rest}", has_sai=True).proposals if each.kind == "index"]
    lines = [line for each in found for line in each.text.splitlines()]
    assert lines == [f"CREATE INDEX ON shop.orders {target} USING 'sai';" for target in INDEXED[rest]]


COLUMNS = ("a", "b", "Big", "order", "e")
TYPES = ("int", "text", "bigint", "uuid", "blob", "frozen<list<int>>", "frozen<tuple<int, int>>")
COLLECTIONS = ("set<text>", "list<int>", "map<text, int>", "address", "vector<float, 2>", "duration")


@st.composite
def questions(draw: st.DrawFn) -> tuple[str, str]:
    """Draw a table of five columns and a SELECT of it, as CQL."""
    key = draw(st.lists(st.sampled_from(COLUMNS), min_size=1, max_size=4, unique=True))
    partition = draw(st.integers(1, len(key)))
    is_plain = draw(st.booleans())
    kinds = ("int", "text", "bigint") if is_plain else (*TYPES, *COLLECTIONS)
    types = {name: draw(st.sampled_from(kinds[:5] if name in key else kinds)) for name in COLUMNS}
    types |= {name: "uuid" for name in key if types[name] in COLLECTIONS}
    static = {name for name in COLUMNS if name not in key and partition < len(key) and draw(st.integers(0, 5)) == 0}
    columns = ", ".join(f"{quoted(name)} {types[name]}{' static' if name in static else ''}" for name in COLUMNS)
    clustering = "".join(f", {quoted(name)}" for name in key[partition:])
    table = (
        f"CREATE TABLE shop.orders ({columns}, PRIMARY KEY (({', '.join(map(quoted, key[:partition]))}){clustering}))"
    )
    asked = draw(st.lists(st.sampled_from(COLUMNS), max_size=3, unique=True))
    operators = ["=", "=", "IN", "<", ">="] if is_plain else ["=", "IN", "<", "CONTAINS", "CONTAINS KEY", "LIKE"]
    where = " AND ".join(f"{quoted(name)} {draw(st.sampled_from(operators))} ?" for name in asked)
    order = draw(st.lists(st.sampled_from(COLUMNS), max_size=2, unique=True))
    sorting = ", ".join(f"{quoted(name)} {draw(st.sampled_from(['ASC', 'DESC']))}" for name in order)
    shown = draw(st.sampled_from(["*", "e", 'a, "Big"', "count(*)"]))
    select = f"SELECT {shown} FROM shop.orders" + (f" WHERE {where}" if where else "")
    return table, select + (f" ORDER BY {sorting}" if sorting else "")


@given(questions())
def test_what_is_proposed_is_what_servers_make_and_answers(question: tuple[str, str]) -> None:
    table, select = question
    schema = f"CREATE TYPE shop.address (city text); {table};"
    base = parse_table(table).shape("shop")
    found = explain(select, base=base, has_sai=True)
    assert bool(found.answering) is not bool(found.unproposed or found.proposals)
    for proposal in found.proposals:
        if proposal.kind == "index":
            made = tuple(index(line[line.index(" (") + 2 : line.index(") USING")], "sai") for line in _lines(proposal))
            assert explain(select, base=base, indexes=made).answering, (proposal.text, table, select)
            cql, schema_of = "CREATE MATERIALIZED VIEW shop.v AS SELECT 1", schema + proposal.text
            refused = [each for each in check(cql, schema_of) if each.place is None or each.place.file == "schema"]
        else:
            cql = proposal.text.rpartition("---\n")[2].replace("{{ view }}", "shop.v")
            cql = cql.replace("{{ base('orders') }}", "shop.orders")
            refused = [each for each in check(cql, schema) if each.severity is Severity.ERROR]
            assert explain(select, live_of(parse_view(cql), base), base=base).answering, (cql, select)
        assert refused == [], proposal.text


def _lines(proposal: ReadProposal) -> list[str]:
    return proposal.text.splitlines()
