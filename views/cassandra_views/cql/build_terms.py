# ruff: noqa: D102 (methods are named after the grammar's rules, which say what they are)
"""From grammar rules to terms: constants, collections, calls, arithmetic, and the types they name."""

from __future__ import annotations

from typing import Any, NoReturn

from lark import Token, Transformer, v_args

from cassandra_views.cql.build_base import Qualified, Refusal, at, plain
from cassandra_views.cql.types import BadType, canonical_type
from cassandra_views.model.term import (
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
)

KINDS = {kind.name: kind for kind in LiteralKind}
MARKERS = {bound.value: bound for bound in WindowBound}


@v_args(inline=True)
class BuildTerms(Transformer[Token, Any]):
    """The rules of names, terms and types."""

    def qualified(self, *names: Token) -> Qualified:
        return (None, names[0]) if len(names) == 1 else (names[0], names[1])

    def literal(self, token: Token) -> Literal:
        return Literal(KINDS[token.type], str(token), at(token))

    def null(self) -> Null:
        return Null()

    def marker(self, name: Token) -> WindowBound:
        bound = MARKERS.get(str(name))
        if bound is None:
            raise Refusal(
                f"bind variables are not allowed (got ':{name}')",
                "Write a literal; a view's moving time bound comes from in_window() in its template",
                name,
            )
        return bound

    def anonymous_marker(self, question: Token) -> NoReturn:
        raise Refusal(
            "bind variables are not allowed (got '?')",
            "Write a literal; a view's moving time bound comes from in_window() in its template",
            question,
        )

    def terms(self, *terms: Term) -> tuple[Term, ...]:
        return terms

    def listed(self, items: tuple[Term, ...] | None) -> Sequence:
        return Sequence(Shape.LIST, items or ())

    def braced(self, items: tuple[Term, ...] | None) -> Sequence:
        return Sequence(Shape.SET, items or ())

    def tupled(self, items: tuple[Term, ...]) -> Sequence:
        return Sequence(Shape.TUPLE, items)

    def tupled_name(self, name: Qualified) -> Sequence:
        return Sequence(Shape.TUPLE, (self.bare_name(name),))

    def mapped(self, *entries: tuple[Term, Term]) -> Mapping:
        return Mapping(entries)

    def entry(self, key: Term, value: Term) -> tuple[Term, Term]:
        return key, value

    def bare_name(self, name: Qualified) -> Name:
        qualifier, text = plain(name)
        return Name(text, qualifier, at(name[1]))

    def type_hint(self, type_: Qualified | str, term: Term) -> TypeHint:
        return TypeHint(self.typed(type_), term)

    def conversion(self, _cast: Token, term: Term, _as: Token, type_: str) -> Conversion:
        return Conversion(term, type_)

    def call(self, name: Qualified, arguments: tuple[Term, ...] | None) -> Call:
        keyspace, function = plain(name)
        return Call(function, arguments or (), keyspace, at(name[1]))

    def call_all(self, name: Qualified) -> Call:
        keyspace, function = plain(name)
        return Call(function, (Name("*"),), keyspace, at(name[1]))

    def call_token(self, arguments: tuple[Term, ...] | None) -> Call:
        return Call("token", arguments or ())

    def add(self, left: Term, right: Term) -> Arithmetic:
        return Arithmetic("+", left, right)

    def subtract(self, left: Term, right: Term) -> Arithmetic:
        return Arithmetic("-", left, right)

    def multiply(self, left: Term, right: Term) -> Arithmetic:
        return Arithmetic("*", left, right)

    def divide(self, left: Term, right: Term) -> Arithmetic:
        return Arithmetic("/", left, right)

    def remainder(self, left: Term, right: Term) -> Arithmetic:
        return Arithmetic("%", left, right)

    def negate(self, right: Term) -> Arithmetic:
        return Arithmetic("-", None, right)

    def element(self, term: Term, key: Term) -> Part:
        return Part(term, first=key)

    def slice(self, term: Term, first: Term | None, _range: Token, last: Term | None) -> Part:
        return Part(term, first=first, last=last, is_slice=True)

    def field(self, term: Term, name: Token) -> Part:
        return Part(term, field=str(name))

    # Types
    def typed(self, type_: Qualified | str) -> str:
        return type_ if isinstance(type_, str) else _typed(type_text(type_), type_[1])

    def custom_type(self, name: Token) -> str:
        return f"'{name}'"

    def generic(self, name: Qualified | Token, *arguments: str) -> str:
        outer = (None, name) if isinstance(name, Token) else name
        return _typed(f"{outer[1]}<{', '.join(arguments)}>", outer[1])


def type_text(name: Qualified) -> str:
    """Return how a type's name is spelled: as quoted as it was."""
    text = str(name[1])
    return '"' + text.replace('"', '""') + '"' if name[1].type == "QUOTED" else text


def _typed(text: str, token: Token) -> str:
    try:
        return canonical_type(text)
    except BadType as error:
        raise Refusal(str(error), "Write a CQL type, such as text or frozen<list<int>>", token) from error
