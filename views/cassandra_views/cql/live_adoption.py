"""What the tables and views of a running cluster say in files of their own; pure.

The cluster keeps no text, so each statement is printed from what its schema tables hold. Options are left out where
their value is every server's default; compaction and compression stay, since servers have their own defaults for them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from cassandra_views.cql.adopted_options import repair_options, repaired
from cassandra_views.cql.adopted_text import statement_of_shape, template_of
from cassandra_views.cql.adoption import AdoptedStatement, Adoption, NotAdopted, not_adopted
from cassandra_views.cql.findings import Severity
from cassandra_views.cql.lint import lint_view
from cassandra_views.cql.options import is_same_value
from cassandra_views.cql.parse import parse_where
from cassandra_views.cql.printing import table_cql, view_cql
from cassandra_views.cql.statement_source import StatementSource
from cassandra_views.model.errors import StatementError
from cassandra_views.model.schema import Catalog, Column, ColumnKind, LiveView, TableShape
from cassandra_views.model.statement import At, Name, Option, OptionValue, Selected, ViewStatement

_DEFAULTS: dict[str, OptionValue] = {
    "additional_write_policy": "99p",
    "allow_auto_snapshot": "true",
    "bloom_filter_fp_chance": "0.01",
    "cdc": "false",
    "comment": "",
    "crc_check_chance": "1.0",
    "default_time_to_live": "0",
    "gc_grace_seconds": "864000",
    "incremental_backups": "true",
    "max_index_interval": "2048",
    "memtable": "default",
    "memtable_flush_period_in_ms": "0",
    "min_index_interval": "128",
    "read_repair": "BLOCKING",
    "speculative_retry": "99p",
}
_CACHING = {"keys": "ALL", "rows_per_partition": "NONE"}
_NOT_OURS = frozenset(("dclocal_read_repair_chance", "extensions", "id", "read_repair_chance"))
"""Columns of ``system_schema`` that are no options of a statement; the chances are kept there and have no effect."""
_KINDS = tuple(ColumnKind)


def adopt_catalog(catalog: Catalog, *, source: str, rebuilt: Collection[tuple[str, str]] = frozenset()) -> Adoption:
    """Return what the files of a cluster's tables and views say, by keyspace: tables first, then views.

    Args:
        source: for messages about options, which stand in no file.
        rebuilt: views, by keyspace and name, of which this program ever built a generation: of these the hand-made
            original is a former generation and says nothing about the file.
    """
    adopted: list[AdoptedStatement] = []
    refused: list[NotAdopted] = []
    generations: list[tuple[str, str]] = []
    keyspaces = sorted({keyspace for keyspace, _name in (*catalog.tables, *catalog.views)})
    for keyspace in keyspaces:
        adopted += [
            _adopt_table(table, source) for (space, _name), table in sorted(catalog.tables.items()) if space == keyspace
        ]
        for (space, name), live in sorted(catalog.views.items()):
            if space != keyspace:
                continue
            if live.mark() is not None or (space, name) in rebuilt:
                generations.append((space, name))
                continue
            found = _adopt_view(live, catalog, source)
            if isinstance(found, NotAdopted):
                refused.append(found)
            else:
                adopted.append(found)
    return Adoption(adopted=tuple(adopted), refused=tuple(refused), generations=tuple(generations))


def _adopt_table(table: TableShape, source: str) -> AdoptedStatement:
    options, changes = _options(table, source, of_view=False)
    statement = statement_of_shape(table, columns=_in_order(table.columns), options=options)
    return AdoptedStatement(
        kind="table",
        keyspace=table.keyspace,
        name=table.name,
        body=template_of(StatementSource.of(table_cql(statement, keyspace=table.keyspace))),
        description=_description(table),
        changes=changes,
    )


def _adopt_view(live: LiveView, catalog: Catalog, source: str) -> AdoptedStatement | NotAdopted:
    base = catalog.find_table(live.keyspace, live.base)
    try:
        where = parse_where(live.where_clause, file=source)
    except StatementError as error:
        return NotAdopted(
            kind="view",
            keyspace=live.keyspace,
            name=live.name,
            base=live.base,
            what=f"its WHERE cannot be read: {error.what}",
            fix="Write its file by hand",
        )
    options, changes = _options(live.shape, source, of_view=True)
    columns = () if live.include_all_columns else _in_order(live.shape.columns)
    view = ViewStatement(
        view=live.name,
        base=live.base,
        selected=tuple(Selected(term=Name(column.name)) for column in columns),
        where=where,
        partition_key=tuple(column.name for column in live.shape.partition_key),
        clustering=tuple(column.name for column in live.shape.clustering),
        clustering_order=tuple((column.name, column.is_descending) for column in live.shape.clustering),
        options=options,
        keyspace=live.keyspace,
    )
    findings = lint_view(view, base, file=source)
    first = next((finding for finding in findings if finding.severity is Severity.ERROR), None)
    if first is not None:
        return not_adopted("view", live.keyspace, live.name, first, base=live.base, place=None)
    printed = view_cql(view, keyspace=live.keyspace, physical=live.name, window_start=None, window_end=None)
    return AdoptedStatement(
        kind="view",
        keyspace=live.keyspace,
        name=live.name,
        base=live.base,
        body=template_of(StatementSource.of(printed), base=live.base),
        description=_description(live.shape),
        changes=changes,
    )


def _in_order(columns: Iterable[Column]) -> tuple[Column, ...]:
    """Return columns as people write them: the key first; the schema tables have them by name."""
    return tuple(sorted(columns, key=lambda column: (_KINDS.index(column.kind), column.position, column.name)))


def _description(shape: TableShape) -> str:
    comment = shape.find_option("comment")
    return " ".join(comment.split()) if isinstance(comment, str) else ""


def _options(shape: TableShape, source: str, *, of_view: bool) -> tuple[tuple[Option, ...], tuple[str, ...]]:
    """Return the options that a statement needs, and what is changed of those that no server takes."""
    given = [
        # Each on a line of its own, by which a finding is known.
        Option(name=name, value=value, at=At(line, 1))
        for line, (name, value) in enumerate(sorted(shape.options), 1)
        if name not in _NOT_OURS and not _is_default(name, value, shape)
    ]
    values, changes = repair_options(given, of_view=of_view, file=source)
    return repaired(given, values), changes


def _is_default(name: str, value: OptionValue, shape: TableShape) -> bool:
    if name == "caching":
        return not isinstance(value, str) and dict(value) == _CACHING
    if name == "bloom_filter_fp_chance":
        compaction = shape.find_option("compaction") or ()
        strategy = "" if isinstance(compaction, str) else dict(compaction).get("class", "")
        if not strategy.endswith("SizeTieredCompactionStrategy"):
            return False  # the default depends on the strategy
    return name in _DEFAULTS and is_same_value(name, _DEFAULTS[name], value)
