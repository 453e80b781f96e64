"""Keyspaces and base tables that differ from what is described: told with the ALTER that closes it, never altered."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from cassandra_views.cql.parse import parse_table
from cassandra_views.model.definition import Project
from cassandra_views.model.schema import Catalog, Keyspace
from cassandra_views.model.steps import CreateKeyspace, Plan
from cassandra_views.plan.inputs import Observed, PlanRequest, PlanTarget
from cassandra_views.plan.project_plan import make_plan
from tests.unit.plan.world import BASE_CQL, KEYSPACE, REGISTRY, definition, table_file

NOW = datetime(2026, 3, 10, tzinfo=UTC)
ONE = {"class": "SimpleStrategy", "replication_factor": "1"}


def plan(
    project: Project,
    *,
    live: dict[str, str] | None = ONE,
    described: dict[str, str] | None = None,
    nodes: dict[str, int] | None = None,
    local_dc: str | None = None,
    table: str = BASE_CQL,
) -> Plan:
    catalog = Catalog(
        keyspaces=frozenset([KEYSPACE] if live else []),
        replications={KEYSPACE: Keyspace.of(KEYSPACE, live)} if live else {},
        tables={(KEYSPACE, "orders"): parse_table(table).shape(KEYSPACE)} if live else {},
    )
    target = PlanTarget(
        cluster="c",
        registry=REGISTRY,
        environment="dev",
        project="p",
        line="c",
        keyspaces=(Keyspace.of(KEYSPACE, described),) if described else (),
        data_centers={"dc1": 1} if nodes is None else nodes,
        local_dc=local_dc,
    )
    return make_plan(project, Observed(catalog=catalog), target, PlanRequest(), NOW)


PROJECT = Project(name="p", views=(definition(),), tables=(table_file(),))


@pytest.mark.parametrize("managed", [True, False])
def test_a_column_that_the_file_has_is_told_with_its_alter_and_nothing_is_altered(managed: bool) -> None:
    file = replace(table_file(managed=managed), text=BASE_CQL.replace("note text,", 'note text, "Paid" boolean,'))
    found = plan(replace(PROJECT, tables=(file,)))

    assert any("column Paid is missing" in note for note in found.notes)
    assert any(f'ALTER TABLE {KEYSPACE}.orders ADD "Paid" boolean;' in note for note in found.notes)
    assert not [step for step in found.steps if "ALTER" in getattr(step, "cql", "")]


@pytest.mark.parametrize("managed", [True, False])
def test_a_view_of_that_column_names_the_alter(managed: bool) -> None:
    file = replace(table_file(managed=managed), text=BASE_CQL.replace("note text,", "note text, paid boolean,"))
    view = definition(columns="customer, day, paid")

    (refusal,) = plan(Project(name="p", views=(view,), tables=(file,))).refused
    assert "paid" in refusal.what
    assert f"ALTER TABLE {KEYSPACE}.orders ADD paid boolean;" in refusal.next


def test_a_column_that_neither_has_is_unknown() -> None:
    view = definition(columns="customer, day, paid")
    (refusal,) = plan(Project(name="p", views=(view,), tables=(table_file(),))).refused
    assert "Undefined column name paid" in refusal.what


def test_options_that_differ_are_closed_by_one_alter_and_columns_are_never_dropped() -> None:
    text = BASE_CQL + " WITH gc_grace_seconds = 7 AND comment = 'x'"
    live = BASE_CQL.replace("note text,", "note text, extra int,") + " WITH gc_grace_seconds = 9"
    found = plan(replace(PROJECT, tables=(replace(table_file(), text=text),)), table=live)

    assert any(f"ALTER TABLE {KEYSPACE}.orders WITH gc_grace_seconds = 7;" in note for note in found.notes)
    assert any("column extra is not in the file" in note for note in found.notes)
    assert not any("DROP" in note for note in found.notes)


def test_another_replication_in_views_toml_is_told_with_its_alter() -> None:
    described = {"class": "NetworkTopologyStrategy", "dc1": "3"}
    found = plan(PROJECT, described=described, nodes={"dc1": 3})

    (note,) = found.notes
    assert "'replication_factor': '1'" in note
    assert f"ALTER KEYSPACE {KEYSPACE} WITH replication = {{'class': 'NetworkTopologyStrategy', 'dc1': '3'}};" in note


@pytest.mark.parametrize(
    ("described", "live"),
    [
        ({"class": "SimpleStrategy", "replication_factor": "1"}, ONE),
        (
            {"class": "NetworkTopologyStrategy", "replication_factor": "1"},
            {"class": "org.apache.cassandra.locator.NetworkTopologyStrategy", "dc1": "1"},
        ),
        (
            {"class": "NetworkTopologyStrategy", "dc1": "1", "dc2": "0"},
            {"class": "NetworkTopologyStrategy", "dc1": "1"},
        ),
    ],
)
def test_the_same_replication_in_another_spelling_is_no_difference(
    described: dict[str, str], live: dict[str, str]
) -> None:
    assert plan(PROJECT, described=described, live=live).notes == ()


def test_a_keyspace_that_cannot_have_its_replicas_is_not_made() -> None:
    refused = plan(PROJECT, live=None, described={"class": "SimpleStrategy", "replication_factor": "9"})
    assert refused.steps == ()
    (refusal,) = refused.refused
    assert "asks for 9 replicas" in refusal.what
    assert refusal.on == f"keyspace {KEYSPACE}"
    found = plan(PROJECT, live=None, described=ONE)
    assert [step.cql for step in found.steps if isinstance(step, CreateKeyspace)] == [
        f"CREATE KEYSPACE {KEYSPACE} WITH replication = {{'class': 'SimpleStrategy', 'replication_factor': '1'}}"
    ]


def test_a_keyspace_of_which_no_quorum_can_answer_is_refused_before_any_work() -> None:
    (refusal,) = plan(PROJECT, live={"class": "SimpleStrategy", "replication_factor": "9"}).refused
    assert "5 of its 9 replicas must answer, and there is 1 node" in refusal.what
    assert f"ALTER KEYSPACE {KEYSPACE} WITH replication = {{'class': 'SimpleStrategy', 'replication_factor': '1'}}" in (
        refusal.next
    )


def test_a_keyspace_without_replicas_where_it_is_read_is_refused() -> None:
    live = {"class": "NetworkTopologyStrategy", "dc1": "1"}
    nodes = {"dc1": 1, "dc2": 1}
    assert plan(PROJECT, live=live, nodes=nodes, local_dc="dc1").refused == ()
    (refused,) = plan(PROJECT, live=live, nodes=nodes, local_dc="dc2").refused
    assert "keyspace shop has no replica in dc2, which local_dc names" in refused.what
