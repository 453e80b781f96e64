"""What a running cluster holds becomes files that say the same: a plan after it finds no difference."""

from __future__ import annotations

import uuid
from dataclasses import replace
from pathlib import Path

import pytest

from cassandra_views.cql.adoption import Adoption
from cassandra_views.cql.drift import table_drift, view_drift
from cassandra_views.cql.live_adoption import adopt_catalog
from cassandra_views.cql.options import option_differences
from cassandra_views.cql.printing import where_cql
from cassandra_views.cql.schema_text import read_schema
from cassandra_views.cql.statements import table_statement, view_statement
from cassandra_views.model.schema import Catalog, Column, ColumnKind, LiveView, TableShape
from cassandra_views.model.statement import OptionValue, ViewStatement
from cassandra_views.project.adopted_files import adopted_files, write_files
from cassandra_views.project.loader import ProjectLoader
from cassandra_views.project.settings import EnvConfig, Settings
from tests.unit.cql.applications import Application, read_applications

AS_KEPT: tuple[tuple[str, OptionValue], ...] = (
    ("additional_write_policy", "99p"),
    ("allow_auto_snapshot", "true"),
    ("bloom_filter_fp_chance", "0.01"),
    ("caching", (("keys", "ALL"), ("rows_per_partition", "NONE"))),
    ("cdc", "false"),
    ("comment", ""),
    (
        "compaction",
        (
            ("class", "org.apache.cassandra.db.compaction.SizeTieredCompactionStrategy"),
            ("max_threshold", "32"),
            ("min_threshold", "4"),
        ),
    ),
    (
        "compression",
        (("chunk_length_in_kb", "16"), ("class", "org.apache.cassandra.io.compress.LZ4Compressor")),
    ),
    ("crc_check_chance", "1.0"),
    ("dclocal_read_repair_chance", "0.0"),
    ("default_time_to_live", "0"),
    ("extensions", ()),
    ("gc_grace_seconds", "864000"),
    ("incremental_backups", "true"),
    ("max_index_interval", "2048"),
    ("memtable_flush_period_in_ms", "0"),
    ("min_index_interval", "128"),
    ("read_repair", "BLOCKING"),
    ("read_repair_chance", "0.0"),
    ("speculative_retry", "99p"),
)
"""The options of a table that was made without any, as 5.0 keeps them."""


def as_kept(shape: TableShape) -> TableShape:
    """A shape as ``system_schema`` has it: columns by name, every option."""
    options: dict[str, OptionValue] = dict(AS_KEPT) | {name: value for name, value in shape.options if name != "id"}
    columns = tuple(sorted(shape.columns, key=lambda column: column.name))
    return replace(shape, columns=columns, options=tuple(options.items()))


def live_view(statement: ViewStatement, base: TableShape) -> LiveView:
    """The view that a server makes of a statement."""
    ordered = statement.ordered_like(base)
    names = [column.name for column in base.columns] if ordered.selects_all else list(ordered.columns)

    def column(name: str) -> Column:
        found = base.find_column(name)
        assert found is not None
        if name in ordered.partition_key:
            kind, position = ColumnKind.PARTITION_KEY, ordered.partition_key.index(name)
        elif name in ordered.clustering:
            kind, position = ColumnKind.CLUSTERING, ordered.clustering.index(name)
        else:
            kind, position = ColumnKind.REGULAR, -1
        is_descending = kind is ColumnKind.CLUSTERING and name in ordered.descending
        return replace(found, kind=kind, position=position, is_descending=is_descending)

    options = tuple((option.name, option.value) for option in statement.options)
    shape = TableShape(keyspace=base.keyspace, name=statement.view, columns=tuple(map(column, names)), options=options)
    comment = dict(options).get("comment", "")
    return LiveView(
        keyspace=base.keyspace,
        name=statement.view,
        base=base.name,
        table_id=uuid.UUID(int=1),
        where_clause=where_cql(statement.where),
        include_all_columns=statement.selects_all,
        comment=comment if isinstance(comment, str) else "",
        shape=as_kept(shape),
    )


def catalog_of(text: str) -> Catalog:
    """The catalog of a cluster after the statements of a text."""
    schema, _findings = read_schema(text, file="schema")
    tables = {
        (keyspace, name): as_kept(table)
        for keyspace, home in schema.keyspaces.items()
        for name, table in home.tables.items()
    }
    views = {
        (keyspace, name): live_view(view, tables[keyspace, view.base])
        for keyspace, home in schema.keyspaces.items()
        for name, view in home.views.items()
    }
    return Catalog(keyspaces=frozenset(schema.keyspaces), tables=tables, views=views)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(environment="dev", templates=tmp_path / "cql_templates", env=EnvConfig())


def differences(catalog: Catalog, found: Adoption, settings: Settings) -> list[str]:
    """Write the files; return what they say otherwise than the cluster."""
    write_files(adopted_files(found, settings), settings)
    project = ProjectLoader.of(settings).load()
    told: list[str] = []
    for table in project.tables:
        statement = table_statement(table)
        assert statement is not None
        told += table_drift(statement, catalog.tables[table.keyspace, table.table])
    for view in project.views:
        live = catalog.views[view.name.keyspace, view.name.view]
        told += view_drift(
            view_statement(view),
            catalog.tables[view.name.keyspace, view.base],
            live.shape,
            where_clause=live.where_clause,
            include_all_columns=live.include_all_columns,
            base_name=live.base,
        )
        told += option_differences(view_statement(view).options, live.shape)
    return told


@pytest.mark.parametrize("application", read_applications("ks"), ids=lambda each: each.name)
def test_files_say_what_the_cluster_holds(application: Application, settings: Settings) -> None:
    catalog = catalog_of(f"{application.schema}\n;{application.view}")
    if not catalog.tables:
        return
    assert differences(catalog, adopt_catalog(catalog, source="system_schema"), settings) == []


def test_a_file_holds_what_is_no_default() -> None:
    catalog = catalog_of(
        """
        CREATE TABLE "Shop"."Orders" (id uuid, "placedAt" timestamp, state text static, note text, at int,
            PRIMARY KEY (at, id)) WITH CLUSTERING ORDER BY (id DESC) AND gc_grace_seconds = 3600
            AND comment = 'Orders' AND compaction = {'class': 'LeveledCompactionStrategy'};
        CREATE MATERIALIZED VIEW "Shop".by_id AS SELECT id, at, note FROM "Shop"."Orders"
            WHERE id IS NOT NULL AND at > 5 PRIMARY KEY (id, at)
        """
    )
    table, view = adopt_catalog(catalog, source="x").adopted
    assert table.description == "Orders"
    assert table.body == (
        "CREATE TABLE {{ table }} (\n"
        "    at int,\n"
        "    id uuid,\n"
        "    state text static,\n"
        "    note text,\n"
        '    "placedAt" timestamp,\n'
        "    PRIMARY KEY ((at), id)\n"
        ")\n"
        "WITH CLUSTERING ORDER BY (id DESC)\n"
        "    AND bloom_filter_fp_chance = 0.01\n"
        "    AND comment = 'Orders'\n"
        "    AND compaction = {'class': 'LeveledCompactionStrategy'}\n"
        "    AND compression = {'chunk_length_in_kb': '16', "
        "'class': 'org.apache.cassandra.io.compress.LZ4Compressor'}\n"
        "    AND gc_grace_seconds = 3600\n"
    )
    assert view.body.startswith(
        "CREATE MATERIALIZED VIEW {{ view }} AS\n"
        "SELECT id, at, note\n"
        "FROM {{ base('Orders') }}\n"
        "WHERE id IS NOT NULL AND at > 5\n"
        "PRIMARY KEY ((id), at)\n"
        "WITH CLUSTERING ORDER BY (at ASC)\n"
    )


def test_a_view_that_harms_is_told_and_a_generation_left_out() -> None:
    catalog = catalog_of(
        """
        CREATE TABLE ks.t (k int, c text, v int, PRIMARY KEY (k, c));
        CREATE MATERIALIZED VIEW ks.good AS SELECT * FROM ks.t WHERE v IS NOT NULL AND k IS NOT NULL AND c IS NOT NULL
            PRIMARY KEY (v, k, c);
        CREATE MATERIALIZED VIEW ks.good__g1 AS SELECT * FROM ks.t WHERE v IS NOT NULL AND k IS NOT NULL
            AND c IS NOT NULL PRIMARY KEY (v, k, c)
            WITH comment = 'cassandra-views registry=views_registry view=ks.good version=f1:00';
        CREATE MATERIALIZED VIEW ks.quote AS SELECT * FROM ks.t WHERE v IS NOT NULL AND k IS NOT NULL AND c = 'it''s'
            PRIMARY KEY (v, k, c);
        """
    )
    found = adopt_catalog(catalog, source="x")
    assert [one.name for one in found.adopted] == ["t", "good"]
    assert [(one.name, "[CV201]" in one.what, bool(one.fix)) for one in found.refused] == [("quote", True, True)]
    assert found.generations == (("ks", "good__g1"),)


def test_a_comment_that_ours_cannot_follow_is_taken_out_of_a_view() -> None:
    catalog = catalog_of(
        """
        CREATE TABLE ks.t (k int PRIMARY KEY, v int);
        CREATE MATERIALIZED VIEW ks.by_v AS SELECT * FROM ks.t WHERE v IS NOT NULL AND k IS NOT NULL PRIMARY KEY (v, k);
        """
    )
    live = catalog.views["ks", "by_v"]
    options = tuple((name, "one\ntwo" if name == "comment" else value) for name, value in live.shape.options)
    catalog.views["ks", "by_v"] = replace(live, comment="one\ntwo", shape=replace(live.shape, options=options))
    found = adopt_catalog(catalog, source="x")
    assert found.refused == ()
    view = found.adopted[1]
    assert (view.description, "comment" in view.body, len(view.changes)) == ("one two", False, 1)


def test_the_original_of_a_view_that_was_built_anew_is_left_out() -> None:
    catalog = catalog_of(
        """
        CREATE TABLE ks.t (k int PRIMARY KEY, v int);
        CREATE MATERIALIZED VIEW ks.by_v AS SELECT * FROM ks.t WHERE v IS NOT NULL AND k IS NOT NULL PRIMARY KEY (v, k);
        """
    )
    found = adopt_catalog(catalog, source="x", rebuilt={("ks", "by_v")})
    assert [one.name for one in found.adopted] == ["t"]
    assert found.generations == (("ks", "by_v"),)
