# ruff: noqa: D102 (methods are named after the grammar's rules, which say what they are)
"""From grammar rules to the properties after WITH: options, clustering order, COMPACT STORAGE."""

from __future__ import annotations

from typing import Any

from lark import Token, Transformer, v_args

from cassandra_views.cql.build_base import Refusal, at
from cassandra_views.model.statement import Option, OptionValue
from cassandra_views.model.term import At, Literal, Mapping, Name, Sequence, Shape, Term


class Order(tuple[tuple[tuple[Token, bool], ...], At]):
    """A CLUSTERING ORDER BY among the properties."""


class Compact(At):
    """A COMPACT STORAGE among the properties."""


class Properties:
    """Everything after WITH."""

    def __init__(self, items: tuple[Option | Order | Compact, ...] = ()) -> None:
        self.options = tuple(item for item in items if isinstance(item, Option))
        orders = [item for item in items if isinstance(item, Order)]
        if len(orders) > 1:
            raise Refusal("CLUSTERING ORDER BY is given twice", "Keep one CLUSTERING ORDER BY", orders[1][1])
        self.order = tuple((str(name), is_descending) for name, is_descending in orders[0][0]) if orders else ()
        self.order_at = orders[0][1] if orders else At()
        self.is_compact = any(isinstance(item, Compact) for item in items)


@v_args(inline=True)
class BuildProperties(Transformer[Token, Any]):
    """The rules of what follows WITH."""

    def properties(self, *items: Option | Order | Compact) -> Properties:
        return Properties(items)

    def option(self, name: Token, _equal: Token, value: Term) -> Option:
        text: OptionValue
        match value:
            case Mapping(entries=entries):
                text = tuple(sorted((_option_text(key, name), _option_text(one, name)) for key, one in entries))
                if len({key for key, _ in text}) < len(text):
                    raise Refusal(f"option '{name}' gives a key twice", "Keep one of the two", name)
            case Sequence(shape=Shape.SET, items=()):
                text = ()
            case _:
                text = _option_text(value, name)
        return Option(name=str(name), value=text, at=at(name))

    def clustering_order(self, clustering: Token, *orders: tuple[Token, bool]) -> Order:
        return Order((orders, at(clustering)))

    def order(self, name: Token, direction: Token | None) -> tuple[Token, bool]:
        return name, direction == "desc"

    def compact_storage(self, compact: Token, _storage: Token) -> Compact:
        return Compact(compact.line or 0, compact.column or 0)


def _option_text(term: Term, name: Token) -> str:
    if isinstance(term, Literal):
        return term.text
    if isinstance(term, Name) and term.qualifier is None:
        return term.name
    raise Refusal(
        f"the value of option '{name}' is neither a constant nor a map of constants",
        "Write a number, true, false, a text in single quotes, or a map such as {'class': 'X'}",
        name,
    )
