"""Every rule a server has for CREATE TABLE that can be told without it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from cassandra_views.cql.finding import Finding, Report
from cassandra_views.cql.lint_base import lint_key_type
from cassandra_views.cql.options import lint_options
from cassandra_views.cql.types import CqlType, parse_type
from cassandra_views.model.names import PHYSICAL_NAME_LIMIT, is_word, nearest
from cassandra_views.model.statement import ColumnDeclaration, TableStatement


def lint_table(statement: TableStatement, *, file: str) -> tuple[Finding, ...]:
    """Return what is wrong with the statement, in the order of the file."""
    report = Report(file)
    name = statement.table
    if not is_word(name) or len(name) > PHYSICAL_NAME_LIMIT:
        what = f"'{name}' cannot be a table's name: {PHYSICAL_NAME_LIMIT} letters, digits and underscores"
        report.add("CV401", f"{what} are the most", statement.at, "Choose another name")
    declared = {column.name: column for column in statement.columns}
    for doubled in _doubled(column.name for column in statement.columns):
        at = [column.at for column in statement.columns if column.name == doubled][1]
        what = f"Duplicate column '{doubled}' declaration for table '{name}'"
        report.add("CV402", what, at, "Declare it once")
    _lint_key(statement, declared, report)
    for column in statement.columns:
        _lint_type(column, parse_type(column.type), report)
        if column.is_static and not statement.clustering:
            what = "Static columns are only useful (and thus allowed) if the table has at least one clustering"
            report.add("CV406", f"{what} column", column.at, "Take STATIC out, or add a clustering column")
    _lint_counters(statement, report)
    if statement.is_compact:
        what = "COMPACT STORAGE tables are not allowed starting with version 4.0"
        report.add("CV411", what, statement.key_at, "Take COMPACT STORAGE out")
    lint_options(statement.options, report, unknown="CV412", twice="CV413", kind="CV414")
    for option in statement.options:
        if option.name == "gc_grace_seconds" and option.value == "0":
            what = "no view can be made on a table with gc_grace_seconds of 0"
            report.add("CV410", what, option.at, "Give a time longer than view updates may be late")
    return report.sorted()


def _lint_key(statement: TableStatement, declared: dict[str, ColumnDeclaration], report: Report) -> None:
    at = statement.key_at
    for name in dict.fromkeys(statement.key):
        column = declared.get(name)
        if column is None:
            what = f"Unknown column '{name}' referenced in PRIMARY KEY for table '{statement.table}'"
            guess = nearest(name, list(declared)).rstrip("?")
            report.add("CV403", what + guess, at, "Declare it, or correct its name")
        elif column.is_static:
            what = f"Static column '{name}' cannot be part of the PRIMARY KEY"
            report.add("CV406", what, column.at, "Take STATIC out")
    for key in statement.shape("").key_columns:
        lint_key_type(key, ("CV407", "CV407"), declared[key.name].at, report)
    for name in _doubled(statement.key):
        what = f"Duplicate column '{name}' in PRIMARY KEY clause for table '{statement.table}'"
        report.add("CV404", what, at, f"Name '{name}' once")
    ordered = tuple(name for name, _ in statement.clustering_order)
    # The server takes the first columns alone, too; all of them is what every version agrees on.
    if ordered and ordered != statement.clustering:
        report.add(
            "CV405",
            "Clustering key columns must exactly match columns in CLUSTERING ORDER BY directive",
            statement.order_at,
            f"Name there, in this order: {', '.join(statement.clustering) or 'nothing, there are none'}",
        )


def _lint_counters(statement: TableStatement, report: Report) -> None:
    others = [column for column in statement.columns if column.name not in statement.key]
    counters = [column for column in others if column.type == "counter"]
    if counters and len(counters) < len(others):
        what = "Cannot mix counter and non counter columns in the same table"
        report.add("CV408", what, counters[0].at, "Put the counters into a table of their own")
    elif counters:
        what = "no view can be made on a counter table"
        report.add("CV410", what, counters[0].at, "Roll the counters up into a plain table for views")


def _lint_type(column: ColumnDeclaration, type_: CqlType, report: Report) -> None:
    for inner in type_.arguments:
        what = ""
        if inner.mentions("counter"):
            what = f"Counters are not allowed inside collections: {type_}"
        elif inner.is_multi_cell and not type_.is_frozen and type_.name != "vector":
            kind = "UDTs" if inner.is_user_defined else "collections"
            what = f"Non-frozen {kind} are not allowed inside collections: {type_}"
        elif type_.name in ("set", "map") and inner is type_.arguments[0] and inner.mentions("duration"):
            place = "sets" if type_.name == "set" else "map keys"
            what = f"Durations are not allowed inside {place}: {type_}"
        if what:
            report.add("CV409", what, column.at, f"Use frozen<{inner}> or another type inside")
        _lint_type(column, inner, report)


def _doubled(names: Iterable[str]) -> list[str]:
    return [name for name, count in Counter(names).items() if count > 1]
