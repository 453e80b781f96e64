"""Every rule a server has for CREATE MATERIALIZED VIEW, and those it lacks, before a server is asked.

Refusals are found in the order of the server's checks and told in its words (CreateViewStatement of 5.0), so the first
is its answer; ``lint_where`` has what servers accept and are then harmed by. Without the base table's shape only what
the statement says by itself is looked at.
"""

from __future__ import annotations

import math

from cassandra_client.names import quoted
from cassandra_views.cql.findings import Finding, Findings, doubled
from cassandra_views.cql.java_order import identifier_order
from cassandra_views.cql.lint_tables import java_type, lint_name
from cassandra_views.cql.lint_where import lint_empty_keys, lint_where
from cassandra_views.cql.literals import UserNames
from cassandra_views.cql.option_values import find_integer
from cassandra_views.cql.options import lint_options
from cassandra_views.cql.printing import server_name, server_table, server_term, term_cql
from cassandra_views.cql.restrictions import lint_restrictions, lint_restrictions_alone, place_of
from cassandra_views.cql.types import parse_type
from cassandra_views.model.names import NAME_LIMIT, PHYSICAL_NAME_LIMIT, nearest
from cassandra_views.model.schema import Column, ColumnKind, TableShape
from cassandra_views.model.statement import (
    Arithmetic,
    At,
    Call,
    Conversion,
    Literal,
    LiteralKind,
    Mapping,
    Name,
    Null,
    Operator,
    OptionValue,
    Relation,
    Selected,
    Sequence,
    Shape,
    Subject,
    Subscript,
    TypeHint,
    ViewStatement,
    terms_in,
)

_OURS = {"id": "makes doubled CREATEs harmless"}
COMMENT_LIMIT = 500
"""Characters of a view's own comment, which that of a generation follows."""
_NOT_IN_5_0 = frozenset((Operator.BETWEEN, Operator.NOT_IN, Operator.NOT_CONTAINS, Operator.NOT_CONTAINS_KEY))


def lint_view(
    statement: ViewStatement, base: TableShape | None, *, file: str, user_names: UserNames | None = None
) -> tuple[Finding, ...]:
    """Return what is wrong with the statement: refusals in the server's order, then the rest in that of the file.

    Args:
        statement: as parsed; the window's bounds may still be markers.
        base: the base table, None where it is not known: then its rules are left out.
        file: for the places of the findings.
        user_names: the user-defined types and functions, where they are known.
    """
    findings = Findings(file)
    lint_grammar(statement, findings)
    lint_rules(statement, base, user_names or UserNames(), findings)
    return findings.sorted()


def lint_rules(statement: ViewStatement, base: TableShape | None, user_names: UserNames, findings: Findings) -> None:
    """Report what breaks a rule, once it is read and its base found."""
    _lint_keyspaces(statement, findings)
    if base is not None:
        _lint_base(statement, base, findings)
    _lint_selection(statement, base, findings)
    _lint_key(statement, base, user_names, findings)
    _lint_subjects(statement, findings)
    if base is not None:
        lint_restrictions(statement, base, user_names, findings)
    else:
        lint_restrictions_alone(statement, findings)
        _lint_free(statement, findings)
    _lint_options(statement, findings)
    lint_name(statement.view, statement.keyspace or (base.keyspace if base else None), statement.at, findings, "CV101")
    _lint_policy(statement, findings)
    lint_where(statement, base, user_names, findings)
    if base is not None:
        lint_empty_keys(statement, base, findings)
        _lint_advice(statement, base, findings)


def lint_grammar(statement: ViewStatement, findings: Findings) -> None:
    """Report what our parser takes, to say it better, and the server's does not."""
    for relation in statement.where:
        _lint_grammar_of(relation, findings)
    for name in doubled(name for name, _ in statement.clustering_order):
        view = statement.view if statement.keyspace is None else f"{statement.keyspace}.{statement.view}"
        what = f"Duplicate column '{name}' in CLUSTERING ORDER BY clause for view '{view}'"
        findings.add("CV110", what, statement.order_at, f"Name '{name}' once", server=what)
    if statement.is_compact:
        what = "COMPACT STORAGE tables are not allowed starting with version 4.0"
        findings.add("CV116", what, statement.key_at, "Take COMPACT STORAGE out", server=what)


def _lint_grammar_of(relation: Relation, findings: Findings) -> None:
    if relation.operator in _NOT_IN_5_0:
        findings.add(
            "CV115",
            f"a view's WHERE cannot hold {relation.operator.value}",
            relation.at,
            "Use =, IN, <, <=, >, >= on key columns of the base, and IS NOT NULL",
        )
    for value in (*relation.values, *((relation.element,) if relation.element else ())):
        fields = {id(key) for term in terms_in(value) if isinstance(term, Mapping) for key, _ in term.entries}
        for term in terms_in(value):
            if isinstance(term, Literal) and term.kind is LiteralKind.FLOAT and _is_endless(term.text):
                what = f"{term.written or term.text} is beyond what servers can read, whatever the column's type"
                findings.add("CV310", what, place_of(term, relation.at), "Give a smaller number")
            if isinstance(term, Subscript) or (isinstance(term, Name) and id(term) not in fields and term.name != "*"):
                text = term_cql(term)
                is_name = isinstance(term, Name) and term.qualifier is None
                fix = (
                    f"Write '{term.name}' if a text is meant"
                    if is_name and isinstance(term, Name)
                    else "Write a literal"
                )
                at = getattr(term, "at", At())
                findings.add(
                    "CV207",
                    f"{text} is a name and not a value" if is_name else f"{text} is not a value",
                    at if at.line else relation.at,
                    fix,
                )
    if relation.subject is Subject.TUPLE and any(
        not isinstance(value, Sequence) or value.shape is not Shape.TUPLE for value in relation.values
    ):
        names = len(relation.columns)
        what = f"Expected {names} elements in value tuple, but got 0: a tuple of columns takes tuples of values"
        findings.add("CV206", what, relation.at, "Put the values into parentheses")


def _is_endless(text: str) -> bool:
    return text not in ("NaN", "Infinity", "-Infinity") and math.isinf(float(text))


def _lint_keyspaces(statement: ViewStatement, findings: Findings) -> None:
    if statement.keyspace and statement.base_keyspace and statement.keyspace != statement.base_keyspace:
        what = "Cannot create a materialized view on a table in a different keyspace"
        findings.add(
            "CV103",
            f"{what} ({statement.keyspace}, {statement.base_keyspace})",
            statement.base_at,
            "Create the view in the keyspace of its base",
            server=what,
        )


def _lint_base(statement: ViewStatement, base: TableShape, findings: Findings) -> None:
    if base.is_counter:
        what = "Materialized views are not supported on counter tables"
        findings.add("CV301", what, statement.base_at, "Roll the counters up into a plain table", server=what)
    if find_integer(base.find_option("gc_grace_seconds")) == 0:
        what = (
            f"Cannot create materialized view '{statement.view}' for base table '{base.name}' "
            "with gc_grace_seconds of 0, since this value is used to TTL undelivered updates"
        )
        rest = " too low might cause undelivered updates to expire before being replayed."
        fix = "Set gc_grace_seconds of the base to a time longer than updates may be late, 864000 by default"
        findings.add("CV302", what, statement.base_at, fix, server=f"{what}. Setting gc_grace_seconds{rest}")


def _selectable(item: Selected) -> str:
    package = "org.apache.cassandra.cql3.selection.Selectable$"
    match item.term:
        case Conversion():
            kind = "WithCast$Raw"
        case Call(function="writetime" | "ttl" | "maxwritetime"):
            kind = "WritetimeOrTTL$Raw"
        case Call() | Arithmetic():
            kind = "WithFunction$Raw"
        case Subscript(field=str()):
            kind = "WithFieldSelection$Raw"
        case Subscript():
            return server_term(item.term).replace(" .. ", "..")
        case TypeHint():
            kind = "WithTypeHint$Raw"
        case Sequence(shape=Shape.LIST):
            kind = "WithArrayLiteral$Raw"
        case Sequence(shape=Shape.SET):
            kind = "WithSet$Raw"
        case Sequence():
            kind = "BetweenParenthesesOrWithTuple$Raw"
        case Mapping():
            kind = "WithMapOrUdt$Raw"
        case Literal() | Null():
            kind = "WithTerm$Raw"
        case _:
            kind = "WithFieldSelection$Raw"
    return f"{package}{kind}@..."


def _lint_selection(statement: ViewStatement, base: TableShape | None, findings: Findings) -> None:
    for item in statement.selected:
        text = term_cql(item.term)
        if item.alias is not None:
            what = "Cannot use aliases when defining a materialized view"
            fix = (
                f"Select {text} under its own name; a query can rename it when it reads the view, as in "
                f"SELECT {text} AS {item.alias}"
            )
            server = f"{what} (got org.apache.cassandra.cql3.selection.RawSelector@...)"
            findings.add("CV105", f"{what} (got {text} AS {item.alias})", item.at, fix, server=server)
        elif item.column is None:
            what = "Can only select columns by name when defining a materialized view"
            fix = "Select plain columns; compute the rest into a table by a job"
            findings.add("CV106", f"{what} (got {text})", item.at, fix, server=f"{what} (got {_selectable(item)})")
        elif base is not None and base.find_column(item.column) is None:
            _unknown(item.column, base, item.at, findings)
    for name in doubled(statement.columns):
        at = [item.at for item in statement.selected if item.column == name][1]
        findings.add("CV107", f"column '{name}' is selected twice", at, f"Select '{name}' once")
    if base is not None:
        _lint_statics(statement, base, findings)


def _lint_statics(statement: ViewStatement, base: TableShape, findings: Findings) -> None:
    selected = [(item.column, item.at) for item in statement.selected if item.column is not None]
    if statement.selects_all:
        selected = [(name, statement.at) for name in identifier_order(column.name for column in base.columns)]
    for name, at in selected:
        column = base.find_column(name)
        if column is not None and column.kind is ColumnKind.STATIC:
            what = f"Cannot include static column '{name}' in materialized view '{statement.view}'"
            fix = "Name the columns without it" if statement.selects_all else f"Take '{name}' out"
            findings.add("CV304", what, at, fix, server=what)


def _unknown(name: str, base: TableShape, at: At, findings: Findings) -> None:
    guess = nearest(name, [column.name for column in base.columns]).rstrip("?")
    what = f"Undefined column name {server_name(name)} in table {server_table(base)}"
    fix = "Name a column of the base: " + ", ".join(one.name for one in base.columns)
    findings.add("CV303", what + guess, at, fix, server=what)


def _lint_key(statement: ViewStatement, base: TableShape | None, user_names: UserNames, findings: Findings) -> None:
    view, at = statement.view, statement.key_at
    selected = {column.name for column in base.columns} if base and statement.selects_all else set(statement.columns)
    seen: set[str] = set()
    columns: list[Column] = []
    for name in statement.key:
        column = base.find_column(name) if base is not None else None
        if name in seen:
            what = f"Duplicate column '{name}' in PRIMARY KEY clause for materialized view '{view}'"
            findings.add("CV109", what, at, f"Name '{name}' once", server=what)
            continue
        seen.add(name)
        what = f"Unknown column '{name}' referenced in PRIMARY KEY for materialized view '{view}'"
        if base is not None and column is None:
            guess = nearest(name, [one.name for one in base.columns]).rstrip("?")
            fix = "Name a column of the base: " + ", ".join(one.name for one in base.columns)
            findings.add("CV303", what + guess, at, fix, server=what)
        elif name not in selected and not (base is None and statement.selects_all):
            findings.add("CV108", f"{what} (it is not selected)", at, f"Add '{name}' after SELECT", server=what)
        if column is not None:
            columns.append(column)
            lint_key_type(column, base.keyspace if base else "", user_names, at, findings)
    ordered = tuple(dict.fromkeys(name for name, _ in statement.clustering_order))
    if ordered and ordered != statement.clustering:
        what = "Clustering key columns must exactly match columns in CLUSTERING ORDER BY directive"
        fix = f"Name there, in this order: {', '.join(statement.clustering) or 'nothing, there are none'}"
        findings.add("CV111", what, statement.order_at, fix, server=what)
    if base is None:
        return
    missing = [column.name for column in base.key_columns if column.name not in statement.key]
    if missing:
        names = ", ".join(missing)
        what = f"Cannot create materialized view '{view}' without primary key columns {names} from base table"
        findings.add(
            "CV307", f"{what} '{base.name}'", at, f"Add to PRIMARY KEY: {names}", server=f"{what} '{base.name}'"
        )
    added = {column.name for column in columns if not column.is_key}
    if len(added) > 1:
        what = "Cannot include more than one non-primary key column in materialized view primary key"
        names = ", ".join(name for name in identifier_order(statement.key) if name in added)
        fix = "Keep one of them, or roll the data up into a table with that key"
        findings.add("CV308", f"{what} (got {names})", at, fix, server=f"{what} (got {names})")


def lint_key_type(column: Column, keyspace: str, user_names: UserNames, at: At, findings: Findings) -> None:
    """Report a type that no key of a view can have."""
    type_ = parse_type(column.type)
    if type_.is_multi_cell:
        kind = "user-defined" if type_.is_user_defined else "collection"
        what = f"Invalid non-frozen {kind} type '{{}}' for PRIMARY KEY column '{column.name}'"
        fix = f"Take another column, or make it frozen<{type_}>"
        findings.add(
            "CV305", what.format(type_), at, fix, server=what.format(java_type(type_, keyspace, user_names.types))
        )
        return
    for name in ("counter", "duration"):
        if type_.mentions(name, user_names.types):
            what = f"{name} type is not supported for PRIMARY KEY column '{column.name}'"
            findings.add("CV306", what, at, "Take another column", server=what)


def _lint_subjects(statement: ViewStatement, findings: Findings) -> None:
    for relation in statement.where:
        if relation.subject is Subject.TOKEN:
            what = "Cannot use token relation when defining a materialized view"
            findings.add("CV113", what, relation.at, "Restrict the columns themselves", server=what)
    for relation in statement.where:
        if relation.subject is Subject.INDEX:
            what = f"WHERE clause for materialized view '{statement.view}' cannot contain custom index expressions"
            findings.add("CV114", what, relation.at, "Restrict the columns themselves", server=what)


def _lint_free(statement: ViewStatement, findings: Findings) -> None:
    restricted = {name for relation in statement.where for name in relation.columns}
    free = [name for name in identifier_order(statement.key) if name not in restricted]
    if free:
        what = f"Primary key columns {', '.join(free)} must be restricted with 'IS NOT NULL' or otherwise"
        fix = "Add to WHERE: " + " AND ".join(f"{quoted(name)} IS NOT NULL" for name in free)
        findings.add("CV112", what, statement.key_at, fix, server=what)


def _lint_options(statement: ViewStatement, findings: Findings) -> None:
    lint_options(statement.options, findings, unknown="CV120", twice="CV121", kind="CV122")
    lifetime = statement.find_option("default_time_to_live")
    if lifetime is not None and find_integer(lifetime.value) not in (None, 0):
        what = (
            "Cannot set default_time_to_live for a materialized view. Data in a materialized view always "
            "expire at the same time than the corresponding data in the parent table"
        )
        fix = "Take default_time_to_live out; give the base a TTL, or the view a window"
        findings.add("CV117", what, lifetime.at, fix, server=what + ".")


def is_short_comment(value: OptionValue) -> bool:
    """Tell whether that of a generation can follow a view's own comment."""
    return isinstance(value, str) and len(value) <= COMMENT_LIMIT and value.isprintable()


def _lint_policy(statement: ViewStatement, findings: Findings) -> None:
    if PHYSICAL_NAME_LIMIT < len(statement.view) <= NAME_LIMIT:
        what = f"'{statement.view}' is longer than the {PHYSICAL_NAME_LIMIT} characters that every version takes"
        fix = "Choose a shorter name, unless the view exists already: its generations get shorter ones"
        findings.add("CV126", what, statement.at, fix)
    if statement.if_not_exists:
        what = "IF NOT EXISTS has no effect here: each generation gets a name of its own"
        findings.add("CV102", what, statement.at, "Take IF NOT EXISTS out")
    if statement.selects_all:
        what = "SELECT * takes each column that is ever added to the base into the view"
        findings.add("CV104", what, statement.at, "Name the columns")
    for option in statement.options:
        value = option.value
        if option.name == "comment":
            if not is_short_comment(value):
                what = f"the comment is no plain text of at most {COMMENT_LIMIT} characters on one line"
                findings.add("CV118", f"{what}; ours follows it", option.at, "Shorten the comment")
        elif option.name in _OURS:
            what = f"option '{option.name}' is written by the manager: it {_OURS[option.name]}"
            findings.add("CV118", what, option.at, f"Take {option.name} out")
        elif option.name == "gc_grace_seconds" and find_integer(value) == 0:
            findings.add(
                "CV119",
                "gc_grace_seconds of 0 on a view lets deleted rows come back: view updates may arrive late",
                option.at,
                "Give a time longer than updates may be late, 864000 by default",
            )


def _lint_advice(statement: ViewStatement, base: TableShape, findings: Findings) -> None:
    if not statement.selects_all:
        names = set(statement.columns)
        left = sorted(one.name for one in base.columns if one.kind is ColumnKind.REGULAR and one.name not in names)
        if left:
            findings.add(
                "CV312",
                f"columns of the base are not selected ({', '.join(left)}): where they are deleted "
                "or expire on their own, rows may vanish from the view or stay in it (CASSANDRA-13826)",
                statement.at,
                "Select them too where that happens; else leave it",
            )
    for relation in statement.where:
        column = base.find_column(relation.columns[0]) if relation.operator is Operator.IS_NOT_NULL else None
        if column is not None and not column.is_key and column.name not in statement.key:
            what = f"{quoted(column.name)} IS NOT NULL would be ignored by the server"
            fix = f"Take it out, or make '{column.name}' a column of the view's key"
            findings.add("CV313", f"{what}: rows with a null there would be in the view", relation.at, fix)
    partition = [base.find_column(name) for name in statement.partition_key]
    if partition and all(column is not None and column.type == "boolean" for column in partition):
        what = "the partition key holds booleans alone: the view would be a handful of partitions"
        findings.add("CV314", what, statement.key_at, "Add a column with many values to the partition key")
