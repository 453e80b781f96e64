"""A view that states no CLUSTERING ORDER BY has its base's order: every base order against every clause of a view."""

from __future__ import annotations

from itertools import product

import pytest

from cassandra_client.errors import Place
from cassandra_views.cql.drift import view_drift
from cassandra_views.cql.fingerprint import fingerprint
from cassandra_views.cql.parse import parse_table, parse_view
from cassandra_views.cql.printing import view_cql
from cassandra_views.cql.statements import complete_project, complete_view, view_statement
from cassandra_views.model.definition import Project, TableDefinition, ViewDefinition
from cassandra_views.model.names import ViewName
from cassandra_views.model.schema import Catalog, Column, ColumnKind, TableShape
from cassandra_views.model.statement import ViewStatement

ORDERS = list(product((False, True), repeat=2))
KEYS = [
    (tuple(partition), tuple(clustering))
    for partition, clustering in (pair.split() for pair in ("p cdv", "cv dp", "v dpc", "pd cv"))
]


def table_text(c: bool, d: bool) -> str:
    words = ", ".join(f"{name} {'DESC' if is_descending else 'ASC'}" for name, is_descending in (("c", c), ("d", d)))
    return f"CREATE TABLE t (p int, c int, d int, v int, PRIMARY KEY (p, c, d)) WITH CLUSTERING ORDER BY ({words})"


def view_text(partition: tuple[str, ...], clustering: tuple[str, ...], stated: tuple[bool, ...] | None) -> str:
    text = (
        "CREATE MATERIALIZED VIEW v AS SELECT p, c, d, v FROM t WHERE p IS NOT NULL AND c IS NOT NULL "
        f"AND d IS NOT NULL AND v IS NOT NULL PRIMARY KEY (({', '.join(partition)}), {', '.join(clustering)})"
    )
    if stated is None:
        return text
    order = ", ".join(f"{n} {'DESC' if down else 'ASC'}" for n, down in zip(clustering, stated, strict=True))
    return f"{text} WITH CLUSTERING ORDER BY ({order})"


def as_the_server_keeps_it(
    clustering: tuple[str, ...], order: dict[str, bool], partition: tuple[str, ...]
) -> TableShape:
    """Return the view's shape: what is stated, else the base's order, else ascending."""
    columns = [
        Column(name=name, type="int", kind=ColumnKind.PARTITION_KEY, position=place)
        for place, name in enumerate(partition)
    ]
    columns += [
        Column(name=n, type="int", kind=ColumnKind.CLUSTERING, position=place, is_descending=order.get(n, False))
        for place, n in enumerate(clustering)
    ]
    return TableShape(keyspace="ks", name="v__g1", columns=tuple(columns))


@pytest.mark.parametrize(("c", "d"), ORDERS)
def test_the_order_is_known_whatever_the_base_and_the_clause(c: bool, d: bool) -> None:
    base = parse_table(table_text(c, d)).shape("ks")
    for partition, clustering in KEYS:
        for stated in (None, *product((False, True), repeat=len(clustering))):
            statement = parse_view(view_text(partition, clustering, stated))
            given = {"c": c, "d": d} if stated is None else dict(zip(clustering, stated, strict=True))
            live = as_the_server_keeps_it(clustering, given, partition)

            whole = statement.ordered_like(base)
            printed = parse_view(view_cql(whole, keyspace="ks", physical="v__g1", window_start=None, window_end=None))

            assert printed.clustering_order == tuple((name, given.get(name, False)) for name in clustering)
            assert fingerprint("ks", printed) == fingerprint("ks", whole)
            if stated is not None:
                assert whole == statement
            for each in (statement, whole, printed):
                assert _drift(each, base, live) == ()


def _drift(statement: ViewStatement, base: TableShape, live: TableShape) -> tuple[str, ...]:
    where = "p IS NOT NULL AND c IS NOT NULL AND d IS NOT NULL AND v IS NOT NULL"
    return view_drift(statement, base, live, where_clause=where, include_all_columns=False, base_name="t")


def definition(inherited: tuple[tuple[str, bool], ...]) -> ViewDefinition:
    text = view_text(("c",), ("d", "p", "v"), None)
    return ViewDefinition(
        name=ViewName(keyspace="ks", view="v"),
        base="t",
        text=text,
        version=fingerprint("ks", parse_view(text)),
        place=Place(file="v.cql.j2"),
        inherited_order=inherited,
    )


def test_the_version_of_a_view_that_inherits_descending_is_that_of_one_which_states_it() -> None:
    base = parse_table(table_text(False, True)).shape("ks")
    left_out = definition((("d", False), ("p", False), ("v", False)))

    found = complete_view(left_out, base)

    assert found.version == fingerprint("ks", parse_view(view_text(("c",), ("d", "p", "v"), (True, False, False))))
    assert view_statement(found).descending == {"d"}
    assert complete_view(found, base) is found
    assert complete_view(found, parse_table(table_text(True, False)).shape("ks")) == left_out


def test_a_base_that_ascends_changes_no_version() -> None:
    left_out = definition((("d", False), ("p", False), ("v", False)))
    assert complete_view(left_out, parse_table(table_text(True, False)).shape("ks")) is left_out


def test_the_table_on_the_cluster_counts_before_the_one_in_the_file() -> None:
    text = table_text(False, True)
    file = TableDefinition(keyspace="ks", table="t", place=Place(file="t.cql.j2"), text=text)
    project = Project(name="p", views=(definition((("d", False), ("p", False), ("v", False))),), tables=(file,))
    live = parse_table(table_text(False, False)).shape("ks")

    (by_file,) = complete_project(project, Catalog()).views
    (by_cluster,) = complete_project(project, Catalog(tables={("ks", "t"): live})).views

    assert dict(by_file.inherited_order)["d"]
    assert not dict(by_cluster.inherited_order)["d"]
