"""Every rule a server has for CREATE MATERIALIZED VIEW, and those it lacks, before a server is asked.

Without the base table's shape only what the statement says by itself is looked at. Errors carry the server's own
wording where it has one (CreateViewStatement.java of 4.1 and 5.0, in the order of its checks); what servers accept and
are then harmed by was tried on 5.0.5 and 5.0.9.
"""

from __future__ import annotations

from collections import Counter

from cassandra_client.names import quoted
from cassandra_views.cql.findings import Finding, Findings, doubled
from cassandra_views.cql.lint_tables import lint_base
from cassandra_views.cql.options import lint_options
from cassandra_views.cql.printing import relation_cql, string_cql, term_cql
from cassandra_views.cql.types import CqlType, parse_type
from cassandra_views.model.names import VIEW_NAME_LIMIT, is_word
from cassandra_views.model.schema import TableShape
from cassandra_views.model.statement import (
    NOWHERE,
    Arithmetic,
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
    Shape,
    Subject,
    Subscript,
    Term,
    TypeHint,
    ViewStatement,
    WindowBound,
    terms_in,
)

_OURS = {"id": "makes doubled CREATEs harmless"}
_COMMENT_LIMIT = 500


def lint_view(statement: ViewStatement, base: TableShape | None, *, file: str) -> tuple[Finding, ...]:
    """Return what is wrong with the statement, in the order of the file.

    Args:
        statement: as parsed; the window's bounds may still be markers.
        base: the base table, None where it is not known: then its rules are left out.
        file: for the places of the findings.
    """
    findings = Findings(file)
    _lint_head(statement, findings)
    _lint_selection(statement, findings)
    _lint_key(statement, findings)
    _lint_where(statement, findings)
    _lint_options(statement, findings)
    if base is not None:
        lint_base(statement, base, findings)
    return findings.sorted()


def _lint_head(statement: ViewStatement, findings: Findings) -> None:
    view = statement.view
    if not is_word(view) or len(view) > VIEW_NAME_LIMIT:
        findings.add(
            "CV101",
            f"'{view}' cannot be a view's name: at most {VIEW_NAME_LIMIT} letters, digits and underscores "
            "are possible, since ours get a suffix and servers break on long ones",
            statement.at,
            "Choose another name",
        )
    if statement.if_not_exists:
        findings.add(
            "CV102",
            "IF NOT EXISTS has no effect here: each generation gets a name of its own",
            statement.at,
            "Take IF NOT EXISTS out",
        )
    if statement.keyspace and statement.base_keyspace and statement.keyspace != statement.base_keyspace:
        findings.add(
            "CV103",
            "Cannot create a materialized view on a table in a different keyspace "
            f"({statement.keyspace}, {statement.base_keyspace})",
            statement.base_at,
            "Create the view in the keyspace of its base",
        )


def _lint_selection(statement: ViewStatement, findings: Findings) -> None:
    if statement.selects_all:
        findings.add(
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
            findings.add("CV105", what, item.at, fix)
        elif item.column is None:
            what = f"Can only select columns by name when defining a materialized view (got {text})"
            findings.add("CV106", what, item.at, "Select plain columns; compute the rest into a table by a job")
    for name in doubled(statement.columns):
        at = [item.at for item in statement.selected if item.column == name][1]
        findings.add("CV107", f"column '{name}' is selected twice", at, f"Select '{name}' once")


def _lint_key(statement: ViewStatement, findings: Findings) -> None:
    view, at = statement.view, statement.key_at
    if not statement.selects_all:
        for name in dict.fromkeys(statement.key):
            if name not in statement.columns:
                what = f"Unknown column '{name}' referenced in PRIMARY KEY for materialized view '{view}'"
                findings.add("CV108", f"{what} (it is not selected)", at, f"Add '{name}' after SELECT")
    for name in doubled(statement.key):
        what = f"Duplicate column '{name}' in PRIMARY KEY clause for materialized view '{view}'"
        findings.add("CV109", what, at, f"Name '{name}' once")
    ordered = [name for name, _ in statement.clustering_order]
    for name in doubled(ordered):
        what = f"Duplicate column '{name}' in CLUSTERING ORDER BY clause for view '{view}'"
        findings.add("CV110", what, statement.order_at, f"Name '{name}' once")
    if ordered and tuple(ordered) != statement.clustering:
        findings.add(
            "CV111",
            "Clustering key columns must exactly match columns in CLUSTERING ORDER BY directive",
            statement.order_at,
            f"Name there, in this order: {', '.join(statement.clustering) or 'nothing, there are none'}",
        )
    restricted = {name for relation in statement.where for name in relation.columns}
    free = [name for name in dict.fromkeys(statement.key) if name not in restricted]
    if free:
        findings.add(
            "CV112",
            f"Primary key columns {', '.join(free)} must be restricted with 'IS NOT NULL' or otherwise",
            at,
            "Add to WHERE: " + " AND ".join(f"{name} IS NOT NULL" for name in free),
        )


def _lint_options(statement: ViewStatement, findings: Findings) -> None:
    if statement.is_compact:
        what = "COMPACT STORAGE tables are not allowed starting with version 4.0"
        findings.add("CV116", what, statement.key_at, "Take COMPACT STORAGE out")
    lint_options(statement.options, findings, unknown="CV120", twice="CV121", kind="CV122")
    for option in statement.options:
        fix = f"Take {option.name} out"
        if option.name == "default_time_to_live" and option.value != "0":
            findings.add(
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
                findings.add("CV118", f"{what}; ours follows it", option.at, "Shorten the comment")
        elif option.name in _OURS:
            what = f"option '{option.name}' is written by the manager: it {_OURS[option.name]}"
            findings.add("CV118", what, option.at, fix)
        elif option.name == "gc_grace_seconds" and option.value == "0":
            findings.add(
                "CV119",
                "gc_grace_seconds of 0 on a view lets deleted rows come back: view updates may arrive late",
                option.at,
                "Give a time longer than updates may be late, 864000 by default",
            )


_ALLOWED = frozenset((Operator.EQUAL, Operator.IN, Operator.IS_NOT_NULL, Operator.CONTAINS, Operator.CONTAINS_KEY))
_CLOCKS = frozenset(("now", "uuid", "currenttimestamp", "currentdate", "currenttime", "currenttimeuuid"))
_UNQUOTED = "servers keep names of user-defined types and their fields unquoted in WHERE and may not read them again"
_BOUND_OPERATORS = {WindowBound.START: Operator.GREATER_OR_EQUAL, WindowBound.END: Operator.LESS}


def _lint_where(statement: ViewStatement, findings: Findings) -> None:
    """Report what the WHERE clause holds that no view of ours may."""
    for relation in statement.where:
        _lint_form(statement, relation, findings)
        for value in (*relation.values, *((relation.element,) if relation.element else ())):
            for term in terms_in(value):
                _lint_term(term, relation, findings)
        if relation.bounds:
            _lint_bounds(relation, findings)
    _lint_together(statement, findings)


def _lint_form(statement: ViewStatement, relation: Relation, findings: Findings) -> None:
    text = relation_cql(relation)
    for name in relation.columns:
        if name in ("true", "false"):
            # Of 173 words tried on 5.0.9 the only two kept bare that cannot be read so: the node did not start again.
            what = f"{text} names a column '{name}': servers keep it unquoted in WHERE and cannot read it again"
            findings.add("CV210", what, relation.at, "Give the column of the base another name")
    match relation.subject:
        case Subject.TOKEN:
            what = "Cannot use token relation when defining a materialized view"
            findings.add("CV113", what, relation.at, "Restrict the columns themselves")
            return
        case Subject.INDEX:
            what = f"WHERE clause for materialized view '{statement.view}' cannot contain"
            findings.add("CV114", f"{what} custom index expressions", relation.at, "Restrict the columns themselves")
            return
        case Subject.ELEMENT:
            what = f"a view cannot be restricted by an element of a column ({text})"
            findings.add("CV115", what, relation.at, "Restrict key columns of the base as a whole")
            return
        case Subject.TUPLE | Subject.COLUMN:
            pass
    if relation.operator not in _ALLOWED and not relation.operator.is_range:
        findings.add(
            "CV115",
            f"a view's WHERE cannot hold {relation.operator.value} ({text})",
            relation.at,
            "Use =, IN, <, <=, >, >= on key columns of the base, and IS NOT NULL",
        )
        return
    if relation.operator is Operator.IN and not relation.values:
        findings.add("CV124", f"{text} is never true: the view would stay empty", relation.at, "Give IN its values")
    _lint_tuples(relation, text, findings)


def _lint_tuples(relation: Relation, text: str, findings: Findings) -> None:
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
            findings.add("CV206", f"{text} compares a tuple of one: {harm}", relation.at, fix)
        elif wrong is not None:
            findings.add(
                "CV206",
                f"Expected {names} elements in value tuple, but got {wrong}: {text}",
                relation.at,
                fix,
            )
        elif len(set(relation.columns)) < names:
            findings.add("CV206", f"{text} names a column twice", relation.at, fix)
    elif any(
        isinstance(value, Sequence) and value.shape is Shape.TUPLE and len(value.items) < 2 for value in relation.values
    ):
        what = f"{text} compares one value with a tuple of one, which servers accept and cannot apply"
        findings.add("CV206", what, relation.at, fix)


def _lint_term(term: Term, relation: Relation, findings: Findings) -> None:
    at = getattr(term, "at", NOWHERE)
    at = at if at.line else relation.at
    text = term_cql(term)
    literal = "Write a literal"
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
        case Arithmetic():
            what = f"arithmetic in WHERE ({text}): a division by zero makes every write to the base fail"
            findings.add("CV204", what, at, "Write its result as a literal")
        case Call(function=function) if function.replace("_", "") in _CLOCKS:
            findings.add(
                "CV205",
                f"{text} in WHERE is taken once on each server, at another moment on each, and never again",
                at,
                "Give the view a window and write {{ in_window() }}, which puts literals there",
            )
        case Call() | Conversion():
            what = f"a function in WHERE ({text}): servers keep its text and call it again at each start"
            findings.add("CV205", what, at, "Write its result as a literal")
        case Mapping(entries=entries) if any(isinstance(key, Name) for key, _ in entries):
            findings.add("CV209", f"{text}: {_UNQUOTED}", at, "Restrict the view by another column")
        case TypeHint(type=hint) if _mentions_user_type(hint):
            findings.add("CV209", f"{text}: {_UNQUOTED}", at, "Take the type in parentheses out")
        case Name(name=name, qualifier=None) if not _is_field(term, relation):
            findings.add(
                "CV207",
                f"{text} is a name and not a value",
                at,
                f"Write {string_cql(name)} if a text is meant",
            )
        case Name(qualifier=str()) | Subscript():
            findings.add("CV207", f"{text} is not a value", at, literal)
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


def _lint_together(statement: ViewStatement, findings: Findings) -> None:
    windowed = statement.windowed_columns
    if len(windowed) > 1:
        where = next(one.at for one in statement.where if one.bounds)
        what = f"a window bounds one column, not {len(windowed)} ({', '.join(windowed)})"
        findings.add("CV125", what, where, "Use {{ in_window() }} once")
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
            findings.add("CV123", what, at, fix)
        elif any(not relation.operator.is_range for relation in relations):
            what = f"{name} cannot be restricted by more than one relation if it includes an Equal"
            findings.add("CV123", what, at, fix)
        else:
            sides = Counter("start" if one.operator.value[0] == ">" else "end" for one in relations)
            side = next((side for side, count in sides.items() if count > 1), None)
            if side:
                findings.add("CV123", f"More than one restriction was found for the {side} bound on {name}", at, fix)
