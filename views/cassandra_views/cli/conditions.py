"""The conditions of ``views query``: CQL text into what the reader takes."""

from __future__ import annotations

import uuid
from typing import Any

from cassandra_views.cql.parse import parse_relations
from cassandra_views.model.errors import BadRead
from cassandra_views.model.relation import Operator, Relation, Subject
from cassandra_views.model.term import Literal, LiteralKind, Term

_OPERATORS = {
    Operator.EQUAL: "=",
    Operator.LESS: "<",
    Operator.LESS_OR_EQUAL: "<=",
    Operator.GREATER: ">",
    Operator.GREATER_OR_EQUAL: ">=",
    Operator.IN: "IN",
}


def conditions(text: str) -> dict[str, Any]:
    """Return the reader's ``where`` of a text such as ``day = '2026-11-23' AND total_count > 5``.

    Raises:
        BadRead: it holds something that the reader does not take.
    """
    found: dict[str, Any] = {}
    for relation in parse_relations(text) if text.strip() else ():
        key = f"{relation.columns[0]} {_operator(relation)}"
        if key in found:
            raise BadRead(f"'{key}' is given twice", next="Give each condition once")
        values = [_value(term) for term in relation.values]
        found[key] = values if relation.operator is Operator.IN else values[0]
    return found


def _operator(relation: Relation) -> str:
    if relation.subject is not Subject.COLUMN or relation.operator not in _OPERATORS:
        raise BadRead(
            f"a condition on {', '.join(relation.columns)} with {relation.operator.value} cannot be read",
            next="Use column = value, <, <=, >, >= and IN (...), joined by AND",
        )
    return _OPERATORS[relation.operator]


def _value(term: Term) -> Any:
    match term:
        case Literal(kind=LiteralKind.STRING, text=text):
            return text
        case Literal(kind=LiteralKind.INTEGER, text=text):
            return int(text)
        case Literal(kind=LiteralKind.FLOAT, text=text):
            return float(text)
        case Literal(kind=LiteralKind.BOOLEAN, text=text):
            return text.lower() == "true"
        case Literal(kind=LiteralKind.UUID, text=text):
            return uuid.UUID(text)
        case Literal(kind=LiteralKind.BLOB, text=text):
            return bytes.fromhex(text[2:])
        case _:
            raise BadRead("only plain values can stand in a condition", next="Write numbers, 'texts', uuids or blobs")
