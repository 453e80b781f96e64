"""Rules of tables: every one a server has for CREATE TABLE, and those of a view that its base table decides."""

from __future__ import annotations

from cassandra_views.cql.findings import Finding, Findings, doubled
from cassandra_views.cql.literals import lacks_zone, mismatch
from cassandra_views.cql.options import lint_options
from cassandra_views.cql.printing import relation_cql, term_cql
from cassandra_views.cql.types import CqlType, parse_type
from cassandra_views.model.names import PHYSICAL_NAME_LIMIT, is_word, nearest
from cassandra_views.model.schema import Column, ColumnKind, TableShape
from cassandra_views.model.statement import (
    Arithmetic,
    At,
    Call,
    ColumnDeclaration,
    Conversion,
    Literal,
    LiteralKind,
    Operator,
    Relation,
    Sequence,
    Subject,
    TableStatement,
    Term,
    ViewStatement,
    WindowBound,
    terms_in,
)


def lint_table(statement: TableStatement, *, file: str) -> tuple[Finding, ...]:
    """Return what is wrong with the statement, in the order of the file."""
    findings = Findings(file)
    name = statement.table
    if not is_word(name) or len(name) > PHYSICAL_NAME_LIMIT:
        what = f"'{name}' cannot be a table's name: {PHYSICAL_NAME_LIMIT} letters, digits and underscores"
        findings.add("CV401", f"{what} are the most", statement.at, "Choose another name")
    declared = {column.name: column for column in statement.columns}
    for twice in doubled(column.name for column in statement.columns):
        at = [column.at for column in statement.columns if column.name == twice][1]
        what = f"Duplicate column '{twice}' declaration for table '{name}'"
        findings.add("CV402", what, at, "Declare it once")
    _lint_table_key(statement, declared, findings)
    for column in statement.columns:
        _lint_type(column, parse_type(column.type), findings)
        if column.is_static and not statement.clustering:
            what = "Static columns are only useful (and thus allowed) if the table has at least one clustering"
            findings.add("CV406", f"{what} column", column.at, "Take STATIC out, or add a clustering column")
    _lint_counters(statement, findings)
    if statement.is_compact:
        what = "COMPACT STORAGE tables are not allowed starting with version 4.0"
        findings.add("CV411", what, statement.key_at, "Take COMPACT STORAGE out")
    lint_options(statement.options, findings, unknown="CV412", twice="CV413", kind="CV414")
    for option in statement.options:
        if option.name == "gc_grace_seconds" and option.value == "0":
            what = "no view can be made on a table with gc_grace_seconds of 0"
            findings.add("CV410", what, option.at, "Give a time longer than view updates may be late")
    return findings.sorted()


def _lint_table_key(statement: TableStatement, declared: dict[str, ColumnDeclaration], findings: Findings) -> None:
    at = statement.key_at
    for name in dict.fromkeys(statement.key):
        column = declared.get(name)
        if column is None:
            what = f"Unknown column '{name}' referenced in PRIMARY KEY for table '{statement.table}'"
            guess = nearest(name, list(declared)).rstrip("?")
            findings.add("CV403", what + guess, at, "Declare it, or correct its name")
        elif column.is_static:
            what = f"Static column '{name}' cannot be part of the PRIMARY KEY"
            findings.add("CV406", what, column.at, "Take STATIC out")
    for key in statement.shape("").key_columns:
        lint_key_type(key, ("CV407", "CV407"), declared[key.name].at, findings)
    for name in doubled(statement.key):
        what = f"Duplicate column '{name}' in PRIMARY KEY clause for table '{statement.table}'"
        findings.add("CV404", what, at, f"Name '{name}' once")
    ordered = tuple(name for name, _ in statement.clustering_order)
    # The server takes the first columns alone, too; all of them is what every version agrees on.
    if ordered and ordered != statement.clustering:
        findings.add(
            "CV405",
            "Clustering key columns must exactly match columns in CLUSTERING ORDER BY directive",
            statement.order_at,
            f"Name there, in this order: {', '.join(statement.clustering) or 'nothing, there are none'}",
        )


def _lint_counters(statement: TableStatement, findings: Findings) -> None:
    others = [column for column in statement.columns if column.name not in statement.key]
    counters = [column for column in others if column.type == "counter"]
    if counters and len(counters) < len(others):
        what = "Cannot mix counter and non counter columns in the same table"
        findings.add("CV408", what, counters[0].at, "Put the counters into a table of their own")
    elif counters:
        what = "no view can be made on a counter table"
        findings.add("CV410", what, counters[0].at, "Roll the counters up into a plain table for views")


def _lint_type(column: ColumnDeclaration, type_: CqlType, findings: Findings) -> None:
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
            findings.add("CV409", what, column.at, f"Use frozen<{inner}> or another type inside")
        _lint_type(column, inner, findings)


def lint_base(statement: ViewStatement, base: TableShape, findings: Findings) -> None:
    """Report what of the statement the base table does not allow."""
    if base.is_counter:
        what = "Materialized views are not supported on counter tables"
        findings.add("CV301", what, statement.base_at, "Roll the counters up into a plain table")
    if base.find_option("gc_grace_seconds") == "0":
        findings.add(
            "CV302",
            f"Cannot create materialized view '{statement.view}' for base table '{base.name}' "
            "with gc_grace_seconds of 0, since this value is used to TTL undelivered updates",
            statement.base_at,
            "Set gc_grace_seconds of the base to a time longer than updates may be late, 864000 by default",
        )
    _lint_selected(statement, base, findings)
    _lint_view_key(statement, base, findings)
    for relation in statement.where:
        _lint_relation(relation, statement, base, findings)


def lint_key_type(column: Column, codes: tuple[str, str], at: At, findings: Findings) -> None:
    """Report a type that no key can have, under the codes for not frozen and for counter or duration."""
    type_ = parse_type(column.type)
    if type_.is_multi_cell:
        kind = "user-defined" if type_.is_user_defined else "collection"
        what = f"Invalid non-frozen {kind} type '{type_}' for PRIMARY KEY column '{column.name}'"
        findings.add(codes[0], what, at, f"Take another column, or make it frozen<{type_}>")
    for name in ("counter", "duration"):
        if type_.mentions(name):
            what = f"{name} type is not supported for PRIMARY KEY column '{column.name}'"
            findings.add(codes[1], what, at, "Take another column")


def _lint_selected(statement: ViewStatement, base: TableShape, findings: Findings) -> None:
    selected = [(item.column, item.at) for item in statement.selected if item.column is not None]
    if statement.selects_all:
        selected = [(column.name, statement.at) for column in base.columns]
    for name, at in selected:
        column = base.find_column(name)
        if column is None:
            _unknown(name, base, at, findings)
        elif column.kind is ColumnKind.STATIC:
            what = f"Cannot include static column '{name}' in materialized view '{statement.view}'"
            fix = "Name the columns without it" if statement.selects_all else f"Take '{name}' out"
            findings.add("CV304", what, at, fix)
    if statement.selects_all:
        return
    names = {name for name, _ in selected}
    left = sorted(one.name for one in base.columns if one.kind is ColumnKind.REGULAR and one.name not in names)
    if left:
        findings.add(
            "CV312",
            f"columns of the base are not selected ({', '.join(left)}): where they are deleted "
            "or expire on their own, rows may vanish from the view or stay in it (CASSANDRA-13826)",
            statement.at,
            "Select them too where that happens; else leave it",
        )


def _unknown(name: str, base: TableShape, at: At, findings: Findings) -> None:
    guess = nearest(name, [column.name for column in base.columns]).rstrip("?")
    what = f"Undefined column name {name} in table {base}{guess}"
    findings.add("CV303", what, at, "Name a column of the base: " + ", ".join(one.name for one in base.columns))


def _lint_view_key(statement: ViewStatement, base: TableShape, findings: Findings) -> None:
    view, at = statement.view, statement.key_at
    found = [base.find_column(name) for name in dict.fromkeys(statement.key)]
    columns = [column for column in found if column is not None]
    for name in dict.fromkeys(statement.key):
        if base.find_column(name) is None:
            _unknown(name, base, at, findings)
    for column in columns:
        lint_key_type(column, ("CV305", "CV306"), at, findings)
        if column.kind is ColumnKind.STATIC:
            what = f"Cannot include static column '{column.name}' in materialized view '{view}'"
            findings.add("CV304", what, at, f"Take '{column.name}' out")
    missing = [column.name for column in base.key_columns if column.name not in statement.key]
    if missing:
        names = ", ".join(missing)
        what = f"Cannot create materialized view '{view}' without primary key columns {names} from base table"
        findings.add("CV307", f"{what} '{base.name}'", at, f"Add to PRIMARY KEY: {names}")
    added = [column.name for column in columns if not column.is_key]
    if len(added) > 1:
        findings.add(
            "CV308",
            "Cannot include more than one non-primary key column in materialized view primary key "
            f"(got {', '.join(sorted(added))})",
            at,
            "Keep one of them, or roll the data up into a table with that key",
        )
    partition = [base.find_column(name) for name in statement.partition_key]
    if partition and all(column is not None and column.type == "boolean" for column in partition):
        what = "the partition key holds booleans alone: the view would be a handful of partitions"
        findings.add("CV314", what, at, "Add a column with many values to the partition key")


def _lint_relation(relation: Relation, statement: ViewStatement, base: TableShape, findings: Findings) -> None:
    if relation.subject is Subject.INDEX:
        return
    columns = [base.find_column(name) for name in relation.columns]
    for name, column in zip(relation.columns, columns, strict=True):
        if column is None:
            _unknown(name, base, relation.at, findings)
    known = [column for column in columns if column is not None]
    if len(known) < len(columns):
        return
    if relation.operator is Operator.IS_NOT_NULL:
        if not known[0].is_key and known[0].name not in statement.key:
            what = (
                f"{relation_cql(relation)} would be ignored by the server: rows with a null there would be in the view"
            )
            next_step = f"Take it out, or make '{known[0].name}' a column of the view's key"
            findings.add("CV313", what, relation.at, next_step)
        return
    outside = [column.name for column in known if not column.is_key]
    if outside:
        findings.add(
            "CV309",
            "Non-primary key columns can only be restricted with 'IS NOT NULL' "
            f"(got: {', '.join(outside)} restricted illegally)",
            relation.at,
            "Restrict columns of the base's key, or put the condition into the queries",
        )
        return
    if [column.name for column in base.partition_key] == [column.name for column in known]:
        _lint_empty(relation, findings)
    if relation.operator in (Operator.CONTAINS, Operator.CONTAINS_KEY):
        _lint_contains(relation, known[0], findings)
    elif relation.subject is Subject.TUPLE:
        _lint_tuple(relation, known, findings)
    elif relation.subject is Subject.COLUMN:
        for value in relation.values:
            _lint_value(value, known[0], relation, findings)


def _lint_empty(relation: Relation, findings: Findings) -> None:
    for value in relation.values:
        for term in terms_in(value):
            if isinstance(term, Literal) and (term.kind, term.text) in (
                (LiteralKind.STRING, ""),
                (LiteralKind.BLOB, "0x"),
            ):
                findings.add(
                    "CV203",
                    f"{relation_cql(relation)} holds an empty value: as a sole partition key it makes every "
                    "write to the base fail",
                    term.at if term.at.line else relation.at,
                    "Restrict the view by a value that is not empty",
                )


def _lint_contains(relation: Relation, column: Column, findings: Findings) -> None:
    type_, operator = parse_type(column.type), relation.operator.value
    kinds = ("map",) if relation.operator is Operator.CONTAINS_KEY else ("list", "set", "map")
    if type_.name not in kinds or type_.is_user_defined:
        what = f"Cannot use {operator} on column {column.name} of type {type_}"
        findings.add("CV310", what, relation.at, f"Use {operator} on a {' or '.join(kinds)} of the base's key")
        return
    element = type_.arguments[0 if relation.operator is Operator.CONTAINS_KEY else -1]
    for value in relation.values:
        reason = mismatch(value, element, column.name)
        if reason:
            findings.add("CV310", reason, relation.at, f"Give {_example(element)}")


def _lint_tuple(relation: Relation, columns: list[Column], findings: Findings) -> None:
    text = relation_cql(relation)
    if any(column.kind is not ColumnKind.CLUSTERING for column in columns):
        names = ", ".join(column.name for column in columns if column.kind is not ColumnKind.CLUSTERING)
        what = f"Multi-column relations can only be applied to clustering columns but was applied to: {names}"
        findings.add("CV311", what, relation.at, "Restrict those columns one by one")
    elif [column.position for column in columns] != list(
        range(columns[0].position, columns[0].position + len(columns))
    ):
        what = f"Clustering columns must appear in the PRIMARY KEY order in multi-column relations: {text}"
        findings.add("CV311", what, relation.at, "Name them in the order of the base's key, leaving none out")
    for value in relation.values:
        if isinstance(value, Sequence) and len(value.items) == len(columns):
            for item, column in zip(value.items, columns, strict=True):
                _lint_value(item, column, relation, findings)


def _lint_value(value: Term, column: Column, relation: Relation, findings: Findings) -> None:
    if any(isinstance(term, WindowBound) for term in terms_in(value)):
        return
    if any(isinstance(term, Call | Conversion | Arithmetic) for term in terms_in(value)):
        return  # refused for what it is; its type is the server's to tell
    at = getattr(value, "at", relation.at)
    type_ = parse_type(column.type)
    reason = mismatch(value, type_, column.name)
    if reason:
        findings.add("CV310", reason, at, f"Give {_example(type_)}")
    elif lacks_zone(value, type_):
        what = f"{term_cql(value)} has no time zone: each server reads it in its own"
        findings.add("CV208", what, at, "Write the time with its zone, such as '2026-01-01T00:00:00Z'")


_EXAMPLES = {
    "text": "a text in single quotes",
    "ascii": "a text in single quotes, of ASCII characters",
    "boolean": "true or false",
    "uuid": "a uuid without quotes",
    "timeuuid": "a uuid of version 1, without quotes",
    "blob": "a blob such as 0x00ff",
    "inet": "an address such as '192.0.2.1'",
    "timestamp": "a time such as '2026-01-01T00:00:00Z'",
    "date": "a day such as '2026-01-31'",
    "time": "a time such as '12:30:00'",
}


def _example(type_: CqlType) -> str:
    return _EXAMPLES.get(type_.name, f"a literal of type {type_}")
