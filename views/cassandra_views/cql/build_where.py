# ruff: noqa: D102 (methods are named after the grammar's rules, which say what they are)
"""From grammar rules to the relations of a WHERE clause."""

from __future__ import annotations

from typing import Any

from lark import Token, Transformer, v_args

from cassandra_views.cql.build_base import Qualified, Refusal, at
from cassandra_views.model.relation import Operator, Relation, Subject
from cassandra_views.model.term import Term, WindowBound

OPERATORS = {operator.value: operator for operator in Operator}


@v_args(inline=True)
class BuildWhere(Transformer[Token, Any]):
    """The rules of relations and their operators."""

    def relations(self, *relations: Relation) -> tuple[Relation, ...]:
        return relations

    def names(self, *names: Token) -> tuple[Token, ...]:
        return names

    def compare(self, name: Token, operator: Token | Operator, term: Term) -> Relation:
        if isinstance(operator, Token):
            operator = OPERATORS[operator.upper()]
        return Relation(columns=(str(name),), operator=operator, values=(term,), at=at(name))

    def is_not_null(self, name: Token) -> Relation:
        return Relation(columns=(str(name),), operator=Operator.IS_NOT_NULL, at=at(name))

    def within(self, name: Token, operator: Operator, values: tuple[Term, ...]) -> Relation:
        return Relation(columns=(str(name),), operator=operator, values=values, at=at(name))

    def between(self, name: Token, _between: Token, first: Term, last: Term) -> Relation:
        return Relation(columns=(str(name),), operator=Operator.BETWEEN, values=(first, last), at=at(name))

    def compare_element(self, name: Token, key: Term, operator: Token, term: Term) -> Relation:
        return Relation(
            columns=(str(name),),
            operator=OPERATORS[operator],
            values=(term,),
            subject=Subject.ELEMENT,
            element=key,
            at=at(name),
        )

    def index_expression(self, function: Token, index: Qualified, term: Term) -> Relation:
        if function != "expr":
            raise Refusal(
                f"'{function}(...)' cannot stand where a column is expected",
                "Write a condition on a column, such as column = 1",
                function,
            )
        return Relation(
            columns=(str(index[1]),),
            operator=Operator.INDEX_EXPRESSION,
            values=(term,),
            subject=Subject.INDEX,
            at=at(function),
        )

    def compare_token(self, names: tuple[Token, ...], operator: Token, term: Term) -> Relation:
        return _on_many(names, Subject.TOKEN, OPERATORS[operator], (term,))

    def between_tokens(self, names: tuple[Token, ...], _between: Token, first: Term, last: Term) -> Relation:
        return _on_many(names, Subject.TOKEN, Operator.BETWEEN, (first, last))

    def compare_tuple(self, names: tuple[Token, ...], operator: Token, term: Term) -> Relation:
        return _on_many(names, Subject.TUPLE, OPERATORS[operator], (term,))

    def within_tuples(self, names: tuple[Token, ...], operator: Operator, values: tuple[Term, ...]) -> Relation:
        return _on_many(names, Subject.TUPLE, operator, values)

    def between_tuples(self, names: tuple[Token, ...], _between: Token, first: Term, last: Term) -> Relation:
        return _on_many(names, Subject.TUPLE, Operator.BETWEEN, (first, last))

    def is_in(self) -> Operator:
        return Operator.IN

    def is_not_in(self) -> Operator:
        return Operator.NOT_IN

    def contains(self, *_: Token) -> Operator:
        return Operator.CONTAINS

    def contains_key(self, *_: Token) -> Operator:
        return Operator.CONTAINS_KEY

    def not_contains(self, *_: Token) -> Operator:
        return Operator.NOT_CONTAINS

    def not_contains_key(self, *_: Token) -> Operator:
        return Operator.NOT_CONTAINS_KEY

    def in_values(self, values: tuple[Term, ...] | WindowBound | None) -> tuple[Term, ...]:
        return (values,) if isinstance(values, WindowBound) else values or ()


def _on_many(names: tuple[Token, ...], subject: Subject, operator: Operator, values: tuple[Term, ...]) -> Relation:
    return Relation(columns=tuple(map(str, names)), operator=operator, values=values, subject=subject, at=at(names[0]))
