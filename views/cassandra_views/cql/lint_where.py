"""Rules of WHERE that need no base table, among them what servers accept and are then harmed by.

Source: CreateViewStatement.java (4.1, 5.0), and statements tried on 5.0.5 and 5.0.9.
"""

from __future__ import annotations

from collections import Counter

from cassandra_client.names import quoted
from cassandra_views.cql.finding import Report
from cassandra_views.cql.printing import relation_cql, string_cql, term_cql
from cassandra_views.cql.types import CqlType, parse_type
from cassandra_views.model.relation import Operator, Relation, Subject
from cassandra_views.model.statement import ViewStatement
from cassandra_views.model.term import (
    NOWHERE,
    Arithmetic,
    Call,
    Conversion,
    Literal,
    LiteralKind,
    Mapping,
    Name,
    Null,
    Part,
    Sequence,
    Shape,
    Term,
    TypeHint,
    WindowBound,
    terms_in,
)

_ALLOWED = frozenset((Operator.EQUAL, Operator.IN, Operator.IS_NOT_NULL, Operator.CONTAINS, Operator.CONTAINS_KEY))
_CLOCKS = frozenset(("now", "uuid", "currenttimestamp", "currentdate", "currenttime", "currenttimeuuid"))
_UNQUOTED = "servers keep names of user-defined types and their fields unquoted in WHERE and may not read them again"
_BOUND_OPERATORS = {WindowBound.START: Operator.GREATER_OR_EQUAL, WindowBound.END: Operator.LESS}


def lint_where(statement: ViewStatement, report: Report) -> None:
    """Report what the WHERE clause holds that no view of ours may."""
    for relation in statement.where:
        _lint_form(statement, relation, report)
        for value in (*relation.values, *((relation.element,) if relation.element else ())):
            for term in terms_in(value):
                _lint_term(term, relation, report)
        if relation.bounds:
            _lint_bounds(relation, report)
    _lint_together(statement, report)


def _lint_form(statement: ViewStatement, relation: Relation, report: Report) -> None:
    text = relation_cql(relation)
    for name in relation.columns:
        if name in ("true", "false"):
            # Of 173 words tried on 5.0.9 the only two kept bare that cannot be read so: the node did not start again.
            what = f"{text} names a column '{name}': servers keep it unquoted in WHERE and cannot read it again"
            report.add("CV210", what, relation.at, "Give the column of the base another name")
    match relation.subject:
        case Subject.TOKEN:
            what = "Cannot use token relation when defining a materialized view"
            report.add("CV113", what, relation.at, "Restrict the columns themselves")
            return
        case Subject.INDEX:
            what = f"WHERE clause for materialized view '{statement.view}' cannot contain"
            report.add("CV114", f"{what} custom index expressions", relation.at, "Restrict the columns themselves")
            return
        case Subject.ELEMENT:
            what = f"a view cannot be restricted by an element of a column ({text})"
            report.add("CV115", what, relation.at, "Restrict key columns of the base as a whole")
            return
        case Subject.TUPLE | Subject.COLUMN:
            pass
    if relation.operator not in _ALLOWED and not relation.operator.is_range:
        report.add(
            "CV115",
            f"a view's WHERE cannot hold {relation.operator.value} ({text})",
            relation.at,
            "Use =, IN, <, <=, >, >= on key columns of the base, and IS NOT NULL",
        )
        return
    if relation.operator is Operator.IN and not relation.values:
        report.add("CV124", f"{text} is never true: the view would stay empty", relation.at, "Give IN its values")
    _lint_tuples(relation, text, report)


def _lint_tuples(relation: Relation, text: str, report: Report) -> None:
    fix = "Give both sides the same number, two or more, or compare one column without parentheses"
    if relation.subject is Subject.TUPLE:
        names = len(relation.columns)
        values = [
            len(value.items) if isinstance(value, Sequence) and value.shape is Shape.TUPLE else 0
            for value in relation.values
        ]
        wrong = next((count for count in values if count != names), None)
        if names < 2:
            harm = "servers accept it, and then every write to the base fails"
            report.add("CV206", f"{text} compares a tuple of one: {harm}", relation.at, fix)
        elif wrong is not None:
            report.add(
                "CV206",
                f"Expected {names} elements in value tuple, but got {wrong}: {text}",
                relation.at,
                fix,
            )
        elif len(set(relation.columns)) < names:
            report.add("CV206", f"{text} names a column twice", relation.at, fix)
    elif any(
        isinstance(value, Sequence) and value.shape is Shape.TUPLE and len(value.items) < 2 for value in relation.values
    ):
        what = f"{text} compares one value with a tuple of one, which servers accept and cannot apply"
        report.add("CV206", what, relation.at, fix)


def _lint_term(term: Term, relation: Relation, report: Report) -> None:
    at = getattr(term, "at", NOWHERE)
    at = at if at.line else relation.at
    text = term_cql(term)
    literal = "Write a literal"
    match term:
        case Literal(kind=LiteralKind.STRING, text=content) if "'" in content:
            report.add(
                "CV201",
                f"{text} holds a quote: servers keep it undoubled in their schema and do not start again",
                at,
                "Restrict the view by another value or column; no spelling of a quote is safe there",
            )
        case Null():
            report.add(
                "CV202",
                f"{relation_cql(relation)}: servers accept null, and then every write to the base fails",
                at,
                "Write IS NOT NULL, or a value",
            )
        case Arithmetic():
            what = f"arithmetic in WHERE ({text}): a division by zero makes every write to the base fail"
            report.add("CV204", what, at, "Write its result as a literal")
        case Call(function=function) if function.replace("_", "") in _CLOCKS:
            report.add(
                "CV205",
                f"{text} in WHERE is taken once on each server, at another moment on each, and never again",
                at,
                "Give the view a window and write {{ in_window() }}, which puts literals there",
            )
        case Call() | Conversion():
            what = f"a function in WHERE ({text}): servers keep its text and call it again at each start"
            report.add("CV205", what, at, "Write its result as a literal")
        case Mapping(entries=entries) if any(isinstance(key, Name) for key, _ in entries):
            report.add("CV209", f"{text}: {_UNQUOTED}", at, "Restrict the view by another column")
        case TypeHint(type=hint) if _mentions_user_type(hint):
            report.add("CV209", f"{text}: {_UNQUOTED}", at, "Take the type in parentheses out")
        case Name(name=name, qualifier=None) if not _is_field(term, relation):
            report.add(
                "CV207",
                f"{text} is a name and not a value",
                at,
                f"Write {string_cql(name)} if a text is meant",
            )
        case Name(qualifier=str()) | Part():
            report.add("CV207", f"{text} is not a value", at, literal)
        case _:
            pass


def _mentions_user_type(text: str) -> bool:
    def mentions(type_: CqlType) -> bool:
        return type_.is_user_defined or any(mentions(one) for one in type_.arguments)

    return mentions(parse_type(text))


def _is_field(name: Term, relation: Relation) -> bool:
    return any(
        key is name for value in relation.values for term in terms_in(value) for key, _ in getattr(term, "entries", ())
    )


def _lint_bounds(relation: Relation, report: Report) -> None:
    value = relation.values[0]
    fix = "Write {{ in_window() }} and leave the bounds to it"
    if (
        relation.subject is not Subject.COLUMN
        or not isinstance(value, WindowBound)
        or relation.operator is not _BOUND_OPERATORS[value]
    ):
        what = "a window's bounds are 'column >= :window_start' and 'column < :window_end'"
        report.add("CV125", f"{what}, not {relation_cql(relation)}", relation.at, fix)


def _lint_together(statement: ViewStatement, report: Report) -> None:
    windowed = statement.windowed_columns
    if len(windowed) > 1:
        where = next(one.at for one in statement.where if one.bounds)
        what = f"a window bounds one column, not {len(windowed)} ({', '.join(windowed)})"
        report.add("CV125", what, where, "Use {{ in_window() }} once")
    tuples = {name for one in statement.where if one.subject is Subject.TUPLE for name in one.columns}
    by_column: dict[str, list[Relation]] = {}
    for relation in statement.where:
        if relation.operator is not Operator.IS_NOT_NULL and relation.subject in (
            Subject.COLUMN,
            Subject.TUPLE,
        ):
            for name in dict.fromkeys(relation.columns):
                by_column.setdefault(name, []).append(relation)
    for name, relations in by_column.items():
        if len(relations) == 1:
            continue
        fix = f"Keep one restriction of {quoted(name)}, or one lower and one upper bound"
        at = relations[1].at
        if name in tuples and len({one.columns[0] for one in relations}) > 1:
            what = f"{name} cannot be restricted by two inequalities not starting with the same column"
            report.add("CV123", what, at, fix)
        elif any(not relation.operator.is_range for relation in relations):
            what = f"{name} cannot be restricted by more than one relation if it includes an Equal"
            report.add("CV123", what, at, fix)
        else:
            sides = Counter("start" if one.operator.value[0] == ">" else "end" for one in relations)
            side = next((side for side, count in sides.items() if count > 1), None)
            if side:
                report.add("CV123", f"More than one restriction was found for the {side} bound on {name}", at, fix)
