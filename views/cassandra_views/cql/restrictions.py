"""The WHERE clause of a view as a server restricts its base by it: what it refuses, in its order and its words.

Follows what StatementRestrictions of 5.0 does of a SELECT for a view, which may filter; tried on 5.0.9.
"""

from __future__ import annotations

from dataclasses import dataclass

from cassandra_client.names import quoted
from cassandra_views.cql.findings import Findings
from cassandra_views.cql.functions import UNORDERED
from cassandra_views.cql.java_order import identifier_order
from cassandra_views.cql.literals import UserNames, value_refusal
from cassandra_views.cql.printing import server_name, server_relation, server_table, server_term
from cassandra_views.cql.types import CqlType, parse_type
from cassandra_views.model.names import nearest
from cassandra_views.model.schema import Column, ColumnKind, TableShape
from cassandra_views.model.statement import (
    At,
    Operator,
    Relation,
    Sequence,
    Shape,
    Subject,
    Term,
    ViewStatement,
    WindowBound,
    terms_in,
)


class RefusedRelation(Exception):
    """A relation that the server refuses; ``hint`` is what the message may be followed by."""

    def __init__(self, code: str, message: str, fix: str, hint: str = "", *, has_words: bool = True) -> None:
        super().__init__(message)
        self.code = code
        self.fix = fix
        self.hint = hint
        self.server = message if has_words and not message.startswith(UNORDERED) else None


@dataclass(frozen=True, slots=True)
class Restriction:
    """What one or more relations say of a column, or of some columns together."""

    columns: tuple[Column, ...]
    kind: str
    sides: frozenset[str] = frozenset()
    is_tuple: bool = False

    @property
    def first(self) -> Column:
        """The first of its columns."""
        return self.columns[0]


def lint_restrictions(statement: ViewStatement, base: TableShape, user_names: UserNames, findings: Findings) -> None:
    """Report what a server refuses of the relations and of their meeting, in its order."""
    found: dict[str, Restriction] = {}
    for relation in statement.where:
        try:
            restriction = restriction_of(relation, base, user_names)
            if restriction is not None:
                merge_restriction(found, restriction)
        except RefusedRelation as refusal:
            message = str(refusal) + refusal.hint
            findings.add(refusal.code, message, relation.at, refusal.fix, server=refusal.server)
    _lint_filtering(statement, base, found, findings)
    _lint_free(statement, base, found, findings)
    outside = [column for one in found.values() for column in one.columns if not column.is_key]
    if outside:
        names = ",".join(column.name for column in dict.fromkeys(outside))
        what = "Non-primary key columns can only be restricted with 'IS NOT NULL'"
        message = f"{what} (got: {names} restricted illegally)"
        places = [one.at for one in statement.where if set(one.columns) & {column.name for column in outside}]
        fix = "Restrict columns of the base's key, or put the condition into the queries"
        findings.add("CV309", message, places[0], fix, server=message)


_ALONE = frozenset(("CV115", "CV123", "CV206"))


def lint_restrictions_alone(statement: ViewStatement, findings: Findings) -> None:
    """Report what is refused of the relations whatever the base is like."""
    names = dict.fromkeys(name for one in statement.where if one.subject is Subject.TUPLE for name in one.columns)
    names |= dict.fromkeys(name for one in statement.where for name in one.columns)
    columns = [
        Column(name=name, type="'?'", kind=ColumnKind.CLUSTERING, position=index) for index, name in enumerate(names)
    ]
    base = TableShape(keyspace="", name=statement.base, columns=tuple(columns))
    found: dict[str, Restriction] = {}
    for relation in statement.where:
        try:
            if relation.operator not in (Operator.CONTAINS, Operator.CONTAINS_KEY):
                restriction = restriction_of(relation, base, UserNames())
                if restriction is not None:
                    merge_restriction(found, restriction)
        except RefusedRelation as refusal:
            if refusal.code in _ALONE:
                message = str(refusal) + refusal.hint
                findings.add(refusal.code, message, relation.at, refusal.fix, server=refusal.server)


def _lint_filtering(
    statement: ViewStatement, base: TableShape, found: dict[str, Restriction], findings: Findings
) -> None:
    several = [column.name for column in base.partition_key if found.get(column.name, _NOTHING).kind == "IN"]
    if not several or not _needs_filtering(base, found):
        return
    what = "Select on indexed columns and with IN clause for the PRIMARY KEY are not supported"
    at = next(one.at for one in statement.where if one.operator is Operator.IN and one.columns[0] in several)
    fix = "Give IN one value, or leave the clustering columns that follow a free one unrestricted"
    findings.add("CV128", f"{what}: {several[0]} has several values", at, fix, server=what)


def _lint_free(statement: ViewStatement, base: TableShape, found: dict[str, Restriction], findings: Findings) -> None:
    restricted = set(found) | {
        name for one in statement.where if one.operator is Operator.IS_NOT_NULL for name in one.columns
    }
    # A relation that is refused above is meant as a restriction all the same.
    restricted |= {name for one in statement.where for name in one.columns}
    free = [name for name in identifier_order(statement.key) if name not in restricted and base.find_column(name)]
    if free:
        names = ", ".join(free)
        what = f"Primary key columns {names} must be restricted with 'IS NOT NULL' or otherwise"
        fix = "Add to WHERE: " + " AND ".join(f"{quoted(name)} IS NOT NULL" for name in free)
        findings.add("CV112", what, statement.key_at, fix, server=what)


_NOTHING = Restriction(columns=(), kind="")


def _needs_filtering(base: TableShape, found: dict[str, Restriction]) -> bool:
    position = 0
    met: list[Restriction] = []
    for column in base.clustering:
        restriction = found.get(column.name)
        if restriction is None or restriction in met:
            continue
        met.append(restriction)
        if restriction.kind == "CONTAINS" or position != restriction.first.position:
            return True
        if restriction.kind != "SLICE":
            position = restriction.columns[-1].position + 1
    return False


def _column(base: TableShape, name: str) -> Column:
    column = base.find_column(name)
    if column is None:
        guess = nearest(name, [one.name for one in base.columns]).rstrip("?")
        fix = "Name a column of the base: " + ", ".join(one.name for one in base.columns)
        raise RefusedRelation(
            "CV303", f"Undefined column name {server_name(name)} in table {server_table(base)}", fix, guess
        )
    return column


def restriction_of(relation: Relation, base: TableShape, user_names: UserNames) -> Restriction | None:
    """Return what a relation restricts; None where that is not by a value.

    Raises:
        RefusedRelation: the server refuses it.
    """
    if relation.subject in (Subject.TOKEN, Subject.INDEX):
        return None
    if relation.operator is Operator.NOT_EQUAL:
        fix = "Use =, IN, <, <=, >, >= on key columns of the base, and IS NOT NULL"
        raise RefusedRelation("CV115", f'Unsupported "!=" relation: {server_relation(relation)}', fix)
    if relation.operator is Operator.IS_NOT_NULL:
        _column(base, relation.columns[0])
        return None
    token = tuple(parse_type(column.type) for column in base.partition_key)
    if relation.subject is Subject.TUPLE:
        return _of_tuple(relation, base, user_names, token)
    column = _column(base, relation.columns[0])
    type_ = parse_type(column.type)
    if relation.operator.is_range and type_.mentions("duration", user_names.types):
        kinds = {"tuple": "tuples", "list": "collections", "set": "collections", "map": "collections"}
        kind = "UDTs" if type_.is_user_defined else kinds.get(type_.name, "")
        what = f"on {kind} containing durations" if kind else "on duration columns"
        raise RefusedRelation("CV115", f"Slice restrictions are not supported {what}", "Compare another column")
    name, wanted = _receiver(relation, column, type_)
    if relation.subject is Subject.ELEMENT:
        key, value = type_.arguments
        _take(relation.element, key, f"key({column.name})", user_names, token)
        _take(relation.values[0], value, f"value({column.name})", user_names, token)
        return Restriction((column,), "CONTAINS")
    for value_ in relation.values:
        _take(value_, wanted, name, user_names, token)
    for value_ in relation.values:
        _check_empty(value_, column)
    if relation.operator is Operator.LIKE:
        what = "LIKE restriction is only supported on properly indexed columns"
        message = f"{what}. {server_relation(relation)} is not valid."
        raise RefusedRelation("CV115", message, "Put the condition into the queries")
    if relation.operator in (Operator.CONTAINS, Operator.CONTAINS_KEY):
        return Restriction((column,), "CONTAINS")
    return _plain(relation, (column,), is_tuple=False)


def _receiver(relation: Relation, column: Column, type_: CqlType) -> tuple[str, CqlType]:
    """Return what receives the value, by its name for the server and its type."""
    name, operator = column.name, relation.operator
    fix = "Restrict key columns of the base as a whole"
    is_collection = not type_.is_user_defined and type_.name in ("list", "set", "map")
    is_map = is_collection and type_.name == "map"
    if column.is_descending:
        # The server looks at the type as it is kept, in which a descending one is wrapped.
        is_map = is_collection = False
    if operator is Operator.CONTAINS_KEY and not is_map:
        raise RefusedRelation("CV310", f"Cannot use CONTAINS KEY on non-map column {name}", "Use CONTAINS KEY on a map")
    if operator is Operator.CONTAINS and not is_collection:
        message = f"Cannot use CONTAINS on non-collection column {name}"
        raise RefusedRelation("CV310", message, "Use CONTAINS on a list, set or map of the base's key")
    if relation.subject is Subject.ELEMENT:
        if is_collection and type_.name == "list":
            message = f"Indexes on list entries ({name}[index] = value) are not currently supported."
            raise RefusedRelation("CV115", message, fix)
        if not is_map:
            raise RefusedRelation("CV115", f"Column {name} cannot be used as a map", fix)
        if type_.is_frozen:
            message = f"Map-entry equality predicates on frozen map column {name} are not supported"
            raise RefusedRelation("CV115", message, fix)
        if operator is not Operator.EQUAL:
            raise RefusedRelation("CV115", "Only EQ relations are supported on map entries", fix)
    if type_.is_user_defined and not type_.is_frozen:
        message = f"Non-frozen UDT column '{name}' ({type_}) cannot be restricted by any relation"
        raise RefusedRelation("CV309", message, fix)
    is_contains = operator in (Operator.CONTAINS, Operator.CONTAINS_KEY)
    if is_collection and not type_.is_frozen and not is_contains and relation.subject is not Subject.ELEMENT:
        message = f"Collection column '{name}' ({type_}) cannot be restricted by a '{operator.value}' relation"
        raise RefusedRelation("CV309", message, fix)
    if operator is Operator.CONTAINS_KEY:
        return f"key({name})", type_.arguments[0]
    if operator is Operator.CONTAINS:
        return f"value({name})", type_.arguments[-1]
    return name, type_


def _of_tuple(relation: Relation, base: TableShape, user_names: UserNames, token: tuple[CqlType, ...]) -> Restriction:
    columns: list[Column] = []
    text = server_relation(relation)
    for name in relation.columns:
        column = _column(base, name)
        if column.kind is not ColumnKind.CLUSTERING:
            what = "Multi-column relations can only be applied to clustering columns but was applied to"
            raise RefusedRelation("CV311", f"{what}: {column.name}", "Restrict those columns one by one")
        if column in columns:
            message = f'Column "{column.name}" appeared twice in a relation: {text}'
            raise RefusedRelation("CV206", message, "Name each column once")
        if columns and column.position != columns[-1].position + 1:
            what = "Clustering columns must appear in the PRIMARY KEY order in multi-column relations"
            fix = "Name them in the order of the base's key, leaving none out"
            raise RefusedRelation("CV311", f"{what}: {text}", fix)
        columns.append(column)
    for value in relation.values:
        if isinstance(value, Sequence) and value.shape is Shape.TUPLE:
            if len(value.items) != len(columns):
                what = f"Expected {len(columns)} elements in value tuple, but got {len(value.items)}"
                fix = "Give both sides the same number, two or more, or compare one column without parentheses"
                raise RefusedRelation("CV206", f"{what}: {server_term(value)}", fix)
            for item, column in zip(value.items, columns, strict=True):
                _take(item, parse_type(column.type), column.name, user_names, token)
                _check_empty(item, column)
    return _plain(relation, tuple(columns), is_tuple=True)


def _check_empty(value: Term, column: Column) -> None:
    """Refuse ``{}`` for a map that is kept in descending order: the server takes it for a set and fails to cast it."""
    if column.is_descending and parse_type(column.type).name == "map" and value == Sequence(Shape.SET, ()):
        what = f"servers fail on {{}} as a value of {server_name(column.name)}, which is kept in descending order"
        raise RefusedRelation("CV310", what, "Leave {} out", has_words=False)


def _plain(relation: Relation, columns: tuple[Column, ...], *, is_tuple: bool) -> Restriction:
    match relation.operator:
        case Operator.IN if len(relation.values) != 1:
            return Restriction(columns, "IN", is_tuple=is_tuple)
        case operator if operator.is_range:
            side = "start" if operator.value[0] == ">" else "end"
            return Restriction(columns, "SLICE", frozenset((side,)), is_tuple)
        case _:
            return Restriction(columns, "EQ", is_tuple=is_tuple)


def _take(term: Term | None, type_: CqlType, name: str, user_names: UserNames, token: tuple[CqlType, ...]) -> None:
    if term is None or any(isinstance(one, WindowBound) for one in terms_in(term)):
        return
    if reason := value_refusal(term, type_, name, user_names, token):
        raise RefusedRelation("CV310", reason, f"Give {example(type_)}")


def merge_restriction(found: dict[str, Restriction], new: Restriction) -> None:
    """Add a restriction to those of each column.

    Raises:
        RefusedRelation: the server refuses them together.
    """
    existing: list[Restriction] = []
    for column in new.columns:
        one = found.get(column.name)
        if one is not None and one not in existing:
            existing.append(one)
    for merged in [_merged(one, new) for one in existing] or [new]:
        for column in new.columns:
            found[column.name] = merged


def _merged(old: Restriction, new: Restriction) -> Restriction:
    is_tuple = (old.is_tuple and (new.is_tuple or new.kind != "CONTAINS")) or (new.is_tuple and old.kind != "CONTAINS")
    common = [column.name for column in old.columns if column in new.columns]
    names = " ,".join(common) if is_tuple else old.first.name
    fix = f"Keep one restriction of {', '.join(map(quoted, common))}, or one lower and one upper bound"
    match old.kind:
        case "EQ" | "IN":
            what = "an Equal" if old.kind == "EQ" else "a IN"
            message = f"{names} cannot be restricted by more than one relation if it includes {what}"
            raise RefusedRelation("CV123", message, fix)
        case "CONTAINS":
            if new.kind != "CONTAINS":
                kinds = "CONTAINS, CONTAINS KEY, or map-entry equality"
                raise RefusedRelation("CV123", f"Collection column {names} can only be restricted by {kinds}", fix)
            return old
    if new.kind != "SLICE":
        message = f'Column "{names}" cannot be restricted by both an equality and an inequality relation'
        raise RefusedRelation("CV123", message, fix)
    if is_tuple and old.first != new.first:
        later = max(old.first, new.first, key=lambda column: column.position)
        message = f'Column "{later.name}" cannot be restricted by two inequalities not starting with the same column'
        raise RefusedRelation("CV123", message, fix)
    for side in ("start", "end"):
        if side in old.sides and side in new.sides:
            raise RefusedRelation("CV123", f"More than one restriction was found for the {side} bound on {names}", fix)
    columns = old.columns if len(old.columns) >= len(new.columns) else new.columns
    return Restriction(columns, "SLICE", old.sides | new.sides, is_tuple)


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


def example(type_: CqlType) -> str:
    """Say what a value of the type looks like."""
    return _EXAMPLES.get(type_.name, f"a literal of type {type_}")


def place_of(term: Term, otherwise: At) -> At:
    """Return where a term begins, as far as it is known."""
    return next((at for one in terms_in(term) if (at := getattr(one, "at", At())).line), otherwise)
