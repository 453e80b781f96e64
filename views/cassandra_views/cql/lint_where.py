"""What servers accept in the WHERE clause of a view and are then harmed by, and what ours may not hold.

Tried on 5.0.5 and 5.0.9, each with a restart of the node.
"""

from __future__ import annotations

from cassandra_views.cql.findings import Findings
from cassandra_views.cql.literals import UserNames
from cassandra_views.cql.native_functions import CLOCKS
from cassandra_views.cql.printing import relation_cql, term_cql
from cassandra_views.cql.received_literals import is_clock, is_empty, lacks_zone, overflows, received_literals
from cassandra_views.cql.restrictions import place_of
from cassandra_views.cql.types import CqlType, parse_type
from cassandra_views.model.schema import TableShape
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
    Relation,
    Sequence,
    Subject,
    Term,
    TypeHint,
    ViewStatement,
    WindowBound,
    terms_in,
)

_UNQUOTED = "servers keep names of user-defined types and their fields unquoted in WHERE and may not read them again"
_BOUND_OPERATORS = {WindowBound.START: Operator.GREATER_OR_EQUAL, WindowBound.END: Operator.LESS}


def lint_where(statement: ViewStatement, base: TableShape | None, user_names: UserNames, findings: Findings) -> None:
    """Report what the WHERE clause holds that no view of ours may."""
    for relation in statement.where:
        _lint_form(relation, findings)
        for value in (*relation.values, *((relation.element,) if relation.element else ())):
            for term in terms_in(value):
                _lint_term(term, relation, findings)
        if base is not None:
            _lint_values(relation, base, user_names, findings)
        if relation.bounds:
            _lint_bounds(relation, findings)
    windowed = statement.windowed_columns
    if len(windowed) > 1:
        where = next(one.at for one in statement.where if one.bounds)
        what = f"a window bounds one column, not {len(windowed)} ({', '.join(windowed)})"
        findings.add("CV125", what, where, "Use {{ in_window() }} once")


def lint_empty_keys(statement: ViewStatement, base: TableShape, findings: Findings) -> None:
    """Report an empty value as a sole partition key of the base."""
    sole = [column.name for column in base.partition_key]
    for relation in statement.where:
        # Every other operator reads a range, for which no key is made of the value.
        if relation.operator not in (Operator.EQUAL, Operator.IN) or list(relation.columns) != sole:
            continue
        for value in relation.values:
            if is_empty(value, parse_type(base.partition_key[0].type)):
                what = f"{relation_cql(relation)} holds an empty value: as a sole partition key it makes every"
                fix = "Restrict the view by a value that is not empty"
                findings.add("CV203", f"{what} write to the base fail", place_of(value, relation.at), fix)


def _lint_form(relation: Relation, findings: Findings) -> None:
    text = relation_cql(relation)
    for name in relation.columns:
        if name in ("true", "false"):
            # Of 173 words tried on 5.0.9 the only two kept bare that cannot be read so: the node did not start again.
            what = f"{text} names a column '{name}': servers keep it unquoted in WHERE and cannot read it again"
            findings.add("CV210", what, relation.at, "Give the column of the base another name")
    if relation.operator is Operator.IN and not relation.values:
        findings.add("CV124", f"{text} is never true: the view would stay empty", relation.at, "Give IN its values")
    if relation.subject is Subject.TUPLE and len(relation.columns) < 2:
        harm = "servers accept it, and then every write to the base fails"
        fix = "Compare one column without parentheses"
        findings.add("CV211", f"{text} compares a tuple of one: {harm}", relation.at, fix)


def _lint_values(relation: Relation, base: TableShape, user_names: UserNames, findings: Findings) -> None:
    if relation.subject not in (Subject.COLUMN, Subject.TUPLE):
        return
    for index, name in enumerate(relation.columns):
        column = base.find_column(name)
        if column is None:
            continue
        type_ = _received_type(relation.operator, parse_type(column.type))
        for value in relation.values:
            one = value
            if relation.subject is Subject.TUPLE:
                items = value.items if isinstance(value, Sequence) else ()
                if index >= len(items):
                    continue
                one = items[index]
            for literal, inner in received_literals(one, type_, user_names):
                _lint_literal(literal, inner, relation, findings)


def _received_type(operator: Operator, type_: CqlType) -> CqlType:
    if type_.arguments and operator in (Operator.CONTAINS, Operator.CONTAINS_KEY):
        return type_.arguments[0 if operator is Operator.CONTAINS_KEY else -1]
    return type_


def _lint_literal(literal: Literal, type_: CqlType, relation: Relation, findings: Findings) -> None:
    at = literal.at if literal.at.line else relation.at
    text = term_cql(literal)
    if type_.name in ("tuple", "tinyint") and literal.kind is LiteralKind.BLOB:
        harm = "servers accept its bytes unread, and then every write to the base may fail"
        findings.add("CV212", f"{text} for a {type_}: {harm}", at, "Write the value itself, such as 1 or (1, 'x')")
    elif is_clock(literal, type_):
        _add_clock(f"the timestamp {text}", at, findings)
    elif lacks_zone(literal, type_):
        what = f"{text} has no time zone: each server reads it in its own"
        findings.add("CV208", what, at, "Write the time with its zone, such as '2026-01-01T00:00:00Z'")
    elif overflows(literal, type_):
        what = f"{text} is no value of type {type_}: servers make an infinite number of it"
        findings.add("CV129", what, at, f"Give a literal of type {type_}, or Infinity if that is meant")


def _add_clock(text: str, at: At, findings: Findings) -> None:
    findings.add(
        "CV205",
        f"{text} in WHERE is taken once on each server, at another moment on each, and never again",
        at,
        "Give the view a window and write {{ in_window() }}, which puts literals there",
    )


def _lint_term(term: Term, relation: Relation, findings: Findings) -> None:
    at = place_of(term, relation.at)
    text = term_cql(term)
    match term:
        case Literal(kind=LiteralKind.STRING, text=content) if "'" in content:
            findings.add(
                "CV201",
                f"{text} holds a quote: servers keep it undoubled in their schema and do not start again",
                at,
                "Restrict the view by another value or column; no spelling of a quote is safe there",
            )
        case Null():
            findings.add(
                "CV202",
                f"{relation_cql(relation)}: servers accept null, and then every write to the base fails",
                at,
                "Write IS NOT NULL, or a value",
            )
        case Arithmetic(operator="/" | "%"):
            what = f"{text} in WHERE: a division by zero makes every write to the base fail"
            findings.add("CV204", what, at, "Write its result as a literal")
        case Call(function=function) if function.replace("_", "") in CLOCKS:
            _add_clock(text, at, findings)
        case Call() | Conversion():
            what = f"a function in WHERE ({text}): servers keep its text and call it again at each start"
            findings.add("CV127", what, at, "Write its result as a literal")
        case Arithmetic():
            findings.add("CV127", f"arithmetic in WHERE ({text})", at, "Write its result as a literal")
        case Mapping(entries=entries) if any(isinstance(key, Name) for key, _ in entries):
            findings.add("CV209", f"{text}: {_UNQUOTED}", at, "Restrict the view by another column")
        case TypeHint(type=hint) if _mentions_user_type(hint):
            findings.add("CV209", f"{text}: {_UNQUOTED}", at, "Take the type in parentheses out")
        case _:
            pass


def _mentions_user_type(text: str) -> bool:
    def mentions(type_: CqlType) -> bool:
        return type_.is_user_defined or any(mentions(one) for one in type_.arguments)

    return mentions(parse_type(text))


def _lint_bounds(relation: Relation, findings: Findings) -> None:
    value = relation.values[0]
    fix = "Write {{ in_window() }} and leave the bounds to it"
    if (
        relation.subject is not Subject.COLUMN
        or not isinstance(value, WindowBound)
        or relation.operator is not _BOUND_OPERATORS[value]
    ):
        what = "a window's bounds are 'column >= :window_start' and 'column < :window_end'"
        findings.add("CV125", f"{what}, not {relation_cql(relation)}", relation.at, fix)
