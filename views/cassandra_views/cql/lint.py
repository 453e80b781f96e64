"""Every rule a server has for CREATE MATERIALIZED VIEW, and those it lacks, before a server is asked.

Without the base table's shape only what the statement says by itself is looked at. Errors carry
the server's own wording where it has one (CreateViewStatement.java, in the order of its checks).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from cassandra_views.cql.finding import CODES, Finding, Report, Severity, raise_on_errors
from cassandra_views.cql.lint_base import lint_base
from cassandra_views.cql.lint_table import lint_table
from cassandra_views.cql.lint_where import lint_where
from cassandra_views.cql.options import lint_options
from cassandra_views.cql.printing import term_cql
from cassandra_views.model.names import VIEW_NAME_LIMIT, is_word
from cassandra_views.model.statement import ViewStatement
from cassandra_views.model.table import TableShape

__all__ = ["CODES", "Finding", "Severity", "lint_table", "lint_view", "raise_on_errors"]

_OURS = {"id": "makes doubled CREATEs harmless"}
_COMMENT_LIMIT = 500


def lint_view(statement: ViewStatement, base: TableShape | None, *, file: str) -> tuple[Finding, ...]:
    """Return what is wrong with the statement, in the order of the file.

    Args:
        statement: as parsed; the window's bounds may still be markers.
        base: the base table, None where it is not known: then its rules are left out.
        file: for the places of the findings.
    """
    report = Report(file)
    _lint_head(statement, report)
    _lint_selection(statement, report)
    _lint_key(statement, report)
    lint_where(statement, report)
    _lint_options(statement, report)
    if base is not None:
        lint_base(statement, base, report)
    return report.sorted()


def _lint_head(statement: ViewStatement, report: Report) -> None:
    view = statement.view
    if not is_word(view) or len(view) > VIEW_NAME_LIMIT:
        report.add(
            "CV101",
            f"'{view}' cannot be a view's name: at most {VIEW_NAME_LIMIT} letters, digits and underscores "
            "are possible, since ours get a suffix and servers break on long ones",
            statement.at,
            "Choose another name",
        )
    if statement.if_not_exists:
        report.add(
            "CV102",
            "IF NOT EXISTS has no effect here: each generation gets a name of its own",
            statement.at,
            "Take IF NOT EXISTS out",
        )
    if statement.keyspace and statement.base_keyspace and statement.keyspace != statement.base_keyspace:
        report.add(
            "CV103",
            "Cannot create a materialized view on a table in a different keyspace "
            f"({statement.keyspace}, {statement.base_keyspace})",
            statement.base_at,
            "Create the view in the keyspace of its base",
        )


def _lint_selection(statement: ViewStatement, report: Report) -> None:
    if statement.selects_all:
        report.add(
            "CV104",
            "SELECT * takes each column that is ever added to the base into the view",
            statement.at,
            "Name the columns",
        )
    for item in statement.selected:
        text = term_cql(item.term)
        if item.alias is not None:
            what = f"Cannot use aliases when defining a materialized view (got {text} AS {item.alias})"
            fix = (
                f"Select {text} under its own name; a query can rename it when it reads the view, as in "
                f"SELECT {text} AS {item.alias}"
            )
            report.add("CV105", what, item.at, fix)
        elif item.column is None:
            what = f"Can only select columns by name when defining a materialized view (got {text})"
            report.add("CV106", what, item.at, "Select plain columns; compute the rest into a table by a job")
    for name in _doubled(statement.columns):
        at = [item.at for item in statement.selected if item.column == name][1]
        report.add("CV107", f"column '{name}' is selected twice", at, f"Select '{name}' once")


def _lint_key(statement: ViewStatement, report: Report) -> None:
    view, at = statement.view, statement.key_at
    if not statement.selects_all:
        for name in dict.fromkeys(statement.key):
            if name not in statement.columns:
                what = f"Unknown column '{name}' referenced in PRIMARY KEY for materialized view '{view}'"
                report.add("CV108", f"{what} (it is not selected)", at, f"Add '{name}' after SELECT")
    for name in _doubled(statement.key):
        what = f"Duplicate column '{name}' in PRIMARY KEY clause for materialized view '{view}'"
        report.add("CV109", what, at, f"Name '{name}' once")
    ordered = [name for name, _ in statement.clustering_order]
    for name in _doubled(ordered):
        what = f"Duplicate column '{name}' in CLUSTERING ORDER BY clause for view '{view}'"
        report.add("CV110", what, statement.order_at, f"Name '{name}' once")
    if ordered and tuple(ordered) != statement.clustering:
        report.add(
            "CV111",
            "Clustering key columns must exactly match columns in CLUSTERING ORDER BY directive",
            statement.order_at,
            f"Name there, in this order: {', '.join(statement.clustering) or 'nothing, there are none'}",
        )
    restricted = {name for relation in statement.where for name in relation.columns}
    free = [name for name in dict.fromkeys(statement.key) if name not in restricted]
    if free:
        report.add(
            "CV112",
            f"Primary key columns {', '.join(free)} must be restricted with 'IS NOT NULL' or otherwise",
            at,
            "Add to WHERE: " + " AND ".join(f"{name} IS NOT NULL" for name in free),
        )


def _lint_options(statement: ViewStatement, report: Report) -> None:
    if statement.is_compact:
        what = "COMPACT STORAGE tables are not allowed starting with version 4.0"
        report.add("CV116", what, statement.key_at, "Take COMPACT STORAGE out")
    lint_options(statement.options, report, unknown="CV120", twice="CV121", kind="CV122")
    for option in statement.options:
        fix = f"Take {option.name} out"
        if option.name == "default_time_to_live" and option.value != "0":
            report.add(
                "CV117",
                "Cannot set default_time_to_live for a materialized view. Data in a materialized view always "
                "expire at the same time than the corresponding data in the parent table",
                option.at,
                f"{fix}; give the base a TTL, or the view a window",
            )
        elif option.name == "comment":
            if (
                not isinstance(option.value, str)
                or len(option.value) > _COMMENT_LIMIT
                or not option.value.isprintable()
            ):
                what = f"the comment is no plain text of at most {_COMMENT_LIMIT} characters on one line"
                report.add("CV118", f"{what}; ours follows it", option.at, "Shorten the comment")
        elif option.name in _OURS:
            what = f"option '{option.name}' is written by the manager: it {_OURS[option.name]}"
            report.add("CV118", what, option.at, fix)
        elif option.name == "gc_grace_seconds" and option.value == "0":
            report.add(
                "CV119",
                "gc_grace_seconds of 0 on a view lets deleted rows come back: view updates may arrive late",
                option.at,
                "Give a time longer than updates may be late, 864000 by default",
            )


def _doubled(names: Iterable[str]) -> list[str]:
    return [name for name, count in Counter(names).items() if count > 1]
