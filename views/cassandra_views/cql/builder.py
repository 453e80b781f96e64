# ruff: noqa: D102 (methods are named after the grammar's rules, which say what they are)
"""From grammar rules to the values of ``model.statement``; called by the parser as it reduces.

Each method is a rule or an alias of ``cql.lark``. Refuses what no statement of ours may hold (bind markers) and what
has no value (an option that is no constant); leaves every other rule to lint.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

from lark import Token, Transformer, v_args

from cassandra_views.cql.types import NATIVE, BadType, canonical_type
from cassandra_views.model.statement import (
    Arithmetic,
    At,
    Call,
    ColumnDeclaration,
    Conversion,
    Literal,
    LiteralKind,
    Mapping,
    Name,
    Null,
    Operator,
    Option,
    OptionValue,
    Relation,
    Selected,
    Sequence,
    Shape,
    Subject,
    Subscript,
    TableStatement,
    Term,
    TypeHint,
    ViewStatement,
    WindowBound,
    terms_in,
)


class _Key(tuple[tuple[Token, ...], tuple[Token, ...], At]):
    """A PRIMARY KEY: partition key, clustering columns, place."""


class _Column(tuple[ColumnDeclaration, Token | None]):
    """A column, and its PRIMARY token where it is the key by itself."""


Qualified = tuple[Token | None, Token]


class UnsupportedSyntax(Exception):
    """Something that parses and that no statement may hold; ``parse`` makes a StatementError of it."""

    def __init__(self, what: str, next: str, token: Token | At) -> None:
        super().__init__(what)
        self.what = what
        self.next = next
        self.at = token if isinstance(token, At) else _at(token)


def _at(token: Token) -> At:
    """Return where a token begins."""
    return At(token.line or 0, token.column or 0)


def _texts(name: Qualified) -> tuple[str | None, str]:
    """Return qualifier and name as texts."""
    return (None if name[0] is None else str(name[0])), str(name[1])


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
            raise UnsupportedSyntax("CLUSTERING ORDER BY is given twice", "Keep one CLUSTERING ORDER BY", orders[1][1])
        self.order = tuple((str(name), is_descending) for name, is_descending in orders[0][0]) if orders else ()
        self.order_at = orders[0][1] if orders else At()
        self.is_compact = any(isinstance(item, Compact) for item in items)


_BARE_VALUES = (
    frozenset(
        """keys as cluster clustering compact storage tables type types values map list filtering permission permissions
        keyspaces all user users role roles superuser superusers nosuperuser login nologin options password exists
        custom trigger contains internals only static frozen tuple function functions aggregate aggregates sfunc stype
        finalfunc initcond returns language called input like per partition group datacenters cidrs access default
        mbean mbeans replace unset masked unmask select_masked vector ann ttl count writetime maxwritetime key cast json
        distinct identity generated hashed""".split()  # noqa: SIM905
    )
    | NATIVE
)
"""Words that servers take as an option's value without quotes (Parser.g, ``unreserved_keyword``)."""


def _option_text(term: Term, name: Token, *, is_in_map: bool = False) -> str:
    if isinstance(term, Literal):
        return term.text
    if isinstance(term, Name) and term.qualifier is None and term.name in _BARE_VALUES and not is_in_map:
        return term.name
    raise UnsupportedSyntax(
        f"the value of option '{name}' is neither a constant nor a map of constants",
        "Write a number, true, false, a text in single quotes, or a map such as {'class': 'X'}",
        name,
    )


OPERATORS = {operator.value: operator for operator in Operator}


def _on_many(names: tuple[Token, ...], subject: Subject, operator: Operator, values: tuple[Term, ...]) -> Relation:
    return Relation(columns=tuple(map(str, names)), operator=operator, values=values, subject=subject, at=_at(names[0]))


def _operator(operator: Operator) -> Callable[..., Operator]:
    return lambda _builder, *_words: operator


def _arithmetic(sign: str) -> Callable[[Any, Term, Term], Arithmetic]:
    return lambda _builder, left, right: Arithmetic(sign, left, right)


def _compared(subject: Subject) -> Callable[[Any, tuple[Token, ...], Token, Term], Relation]:
    return lambda _builder, names, operator, term: _on_many(names, subject, OPERATORS[operator], (term,))


def _between(subject: Subject) -> Callable[[Any, tuple[Token, ...], Token, Term, Term], Relation]:
    return lambda _builder, names, _between, first, last: _on_many(names, subject, Operator.BETWEEN, (first, last))


KINDS = {kind.name: kind for kind in LiteralKind}
MARKERS = {bound.value: bound for bound in WindowBound}


def _foreign_marker(text: str, token: Token) -> UnsupportedSyntax:
    return UnsupportedSyntax(
        f"bind variables are not allowed (got '{text}')",
        "Write a literal; a view's moving time bound comes from in_window() in its template",
        token,
    )


def type_text(name: Qualified) -> str:
    """Return how a type's name is spelled: as quoted as it was."""
    text = str(name[1])
    return '"' + text.replace('"', '""') + '"' if name[1].type == "QUOTED" else text


def _typed(text: str, token: Token) -> str:
    try:
        return canonical_type(text)
    except BadType as error:
        raise UnsupportedSyntax(str(error), "Write a CQL type, such as text or frozen<list<int>>", token) from error


@v_args(inline=True)
class Builder(Transformer[Token, Any]):
    """Builds values bottom-up, without a parse tree in between."""

    def view_file(self, statement: ViewStatement, *_: Token) -> ViewStatement:
        return statement

    table_file = where_file = term_file = type_file = view_file

    def options_file(self, properties: Properties, *_: Token) -> tuple[Option, ...]:
        if properties.order or properties.is_compact:
            what = "CLUSTERING ORDER BY and COMPACT STORAGE can only be given where a table is created"
            raise UnsupportedSyntax(what, "Take it out", properties.order_at)
        return properties.options

    def view(
        self,
        create: Token,
        exists: Token | None,
        name: Qualified,
        _as: Token,
        selected: tuple[Selected, ...],
        base: Qualified,
        where: tuple[Relation, ...] | None,
        key: _Key,
        properties: Properties | None,
    ) -> ViewStatement:
        properties = properties or Properties()
        keyspace, view = _texts(name)
        base_keyspace, base_name = _texts(base)
        return ViewStatement(
            view=view,
            base=base_name,
            selected=selected,
            where=where or (),
            partition_key=tuple(map(str, key[0])),
            clustering=tuple(map(str, key[1])),
            clustering_order=properties.order,
            options=properties.options,
            keyspace=keyspace,
            base_keyspace=base_keyspace,
            if_not_exists=exists is not None,
            is_compact=properties.is_compact,
            at=_at(name[1]),
            base_at=_at(base[1]),
            key_at=key[2],
            order_at=properties.order_at,
        )

    def table(self, _create: Token, exists: Token | None, name: Qualified, *rest: Any) -> TableStatement:
        properties = rest[-1] or Properties()
        columns = [item for item in rest[:-1] if isinstance(item, _Column)]
        keys = [item for item in rest[:-1] if isinstance(item, _Key)]
        keys += [_Key(((Token("IDENT", column.name),), (), _at(key))) for column, key in columns if key]
        if len(keys) != 1:
            what = "has no PRIMARY KEY" if not keys else "has more than one PRIMARY KEY"
            raise UnsupportedSyntax(
                f"table '{name[1]}' {what}", "Give exactly one PRIMARY KEY", keys[-1][2] if keys else name[1]
            )
        keyspace, table = _texts(name)
        return TableStatement(
            table=table,
            columns=tuple(column for column, _ in columns),
            partition_key=tuple(map(str, keys[0][0])),
            clustering=tuple(map(str, keys[0][1])),
            clustering_order=properties.order,
            options=properties.options,
            keyspace=keyspace,
            if_not_exists=exists is not None,
            is_compact=properties.is_compact,
            at=_at(name[1]),
            key_at=keys[0][2],
            order_at=properties.order_at,
        )

    def column(self, name: Token, type_: str, static: Token | None, mask: Call | None, *key: Token | None) -> _Column:
        declaration = ColumnDeclaration(
            name=str(name), type=type_, is_static=static is not None, mask=mask, at=_at(name)
        )
        return _Column((declaration, key[0]))

    def mask(self, _masked: Token, function: Token | Call) -> Call:
        return Call("default", ()) if isinstance(function, Token) else function

    def primary_key(self, primary: Token, _key: Token, partition: tuple[Token, ...], *names: Token) -> _Key:
        return _Key((partition, names, _at(primary)))

    def partition_key(self, *names: Token) -> tuple[Token, ...]:
        return names

    # SELECT
    def everything(self) -> tuple[Selected, ...]:
        return ()

    def selection(self, *items: Selected) -> tuple[Selected, ...]:
        return items

    def selection_file(self, items: tuple[Selected, ...]) -> tuple[Selected, ...]:
        return items

    def selected(self, term: Term, *alias: Token | None) -> Selected:
        places = (one.at for one in terms_in(term) if isinstance(one, (Name, Literal, Call)))
        name = alias[-1]
        return Selected(term=term, alias=None if name is None else str(name), at=next(places, At()))

    def selected_word(self, name: Token, *alias: Token | None) -> Selected:
        return self.selected(Name(str(name), at=_at(name)), *alias)

    def properties(self, *items: Option | Order | Compact) -> Properties:
        return Properties(items)

    def option(self, name: Token, _equal: Token, value: Term) -> Option:
        text: OptionValue
        match value:
            case Mapping(entries=entries):
                text = tuple(
                    sorted(
                        (_option_text(key, name, is_in_map=True), _option_text(one, name, is_in_map=True))
                        for key, one in entries
                    )
                )
                if len({key for key, _ in text}) < len(text):
                    raise UnsupportedSyntax(f"option '{name}' gives a key twice", "Keep one of the two", name)
            case Sequence(shape=Shape.SET, items=()):
                text = ()
            case _:
                text = _option_text(value, name)
        return Option(name=str(name), value=text, at=_at(name))

    def clustering_order(self, clustering: Token, *orders: tuple[Token, bool]) -> Order:
        return Order((orders, _at(clustering)))

    def order(self, name: Token, direction: Token | None) -> tuple[Token, bool]:
        return name, direction == "desc"

    def compact_storage(self, compact: Token, _storage: Token) -> Compact:
        return Compact(compact.line or 0, compact.column or 0)

    def relations(self, *relations: Relation) -> tuple[Relation, ...]:
        return relations

    def names(self, *names: Token) -> tuple[Token, ...]:
        return names

    def compare(self, name: Token, operator: Token | Operator, term: Term) -> Relation:
        if isinstance(operator, Token):
            operator = OPERATORS[operator.upper()]
        return Relation(columns=(str(name),), operator=operator, values=(term,), at=_at(name))

    def is_not_null(self, name: Token) -> Relation:
        return Relation(columns=(str(name),), operator=Operator.IS_NOT_NULL, at=_at(name))

    def within(self, name: Token, operator: Operator, values: tuple[Term, ...]) -> Relation:
        return Relation(columns=(str(name),), operator=operator, values=values, at=_at(name))

    def between(self, name: Token, _between: Token, first: Term, last: Term) -> Relation:
        return Relation(columns=(str(name),), operator=Operator.BETWEEN, values=(first, last), at=_at(name))

    def compare_element(self, name: Token, key: Term, operator: Token, term: Term) -> Relation:
        return Relation(
            columns=(str(name),),
            operator=OPERATORS[operator],
            values=(term,),
            subject=Subject.ELEMENT,
            element=key,
            at=_at(name),
        )

    def index_expression(self, function: Token, index: Qualified, term: Term) -> Relation:
        if function != "expr":
            raise UnsupportedSyntax(
                f"'{function}(...)' cannot stand where a column is expected",
                "Write a condition on a column, such as column = 1",
                function,
            )
        return Relation(
            columns=(str(index[1]),),
            operator=Operator.INDEX_EXPRESSION,
            values=(term,),
            subject=Subject.INDEX,
            at=_at(function),
        )

    compare_token = _compared(Subject.TOKEN)
    between_tokens = _between(Subject.TOKEN)
    compare_tuple = _compared(Subject.TUPLE)
    between_tuples = _between(Subject.TUPLE)

    def within_tuples(self, names: tuple[Token, ...], operator: Operator, values: tuple[Term, ...]) -> Relation:
        return _on_many(names, Subject.TUPLE, operator, values)

    is_in = _operator(Operator.IN)
    is_not_in = _operator(Operator.NOT_IN)
    contains = _operator(Operator.CONTAINS)
    contains_key = _operator(Operator.CONTAINS_KEY)
    not_contains = _operator(Operator.NOT_CONTAINS)
    not_contains_key = _operator(Operator.NOT_CONTAINS_KEY)

    def in_values(self, values: tuple[Term, ...] | WindowBound | None) -> tuple[Term, ...]:
        return (values,) if isinstance(values, WindowBound) else values or ()

    def qualified(self, *names: Token) -> Qualified:
        return (None, names[0]) if len(names) == 1 else (names[0], names[1])

    def literal(self, token: Token) -> Literal:
        is_word = token.type == "FLOAT" and not token.value[-1:].isdigit()
        written = "" if is_word or token.type in ("STRING", "DURATION") else str(token.value)
        return Literal(KINDS[token.type], str(token), _at(token), written)

    def null(self) -> Null:
        return Null()

    def marker(self, name: Token) -> WindowBound:
        bound = MARKERS.get(str(name))
        if bound is None:
            raise _foreign_marker(f":{name}", name)
        return bound

    def anonymous_marker(self, question: Token) -> NoReturn:
        raise _foreign_marker("?", question)

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
        qualifier, text = _texts(name)
        return Name(text, qualifier, _at(name[1]))

    def type_hint(self, type_: Qualified | str, term: Term) -> TypeHint:
        return TypeHint(self.typed(type_), term)

    def conversion(self, _cast: Token, term: Term, _as: Token, type_: str) -> Conversion:
        return Conversion(term, type_)

    def call(self, name: Qualified, arguments: tuple[Term, ...] | None) -> Call:
        keyspace, function = _texts(name)
        return Call(function, arguments or (), keyspace, _at(name[1]))

    def call_all(self, name: Qualified) -> Call:
        keyspace, function = _texts(name)
        return Call(function, (Name("*"),), keyspace, _at(name[1]))

    def call_token(self, arguments: tuple[Term, ...] | None) -> Call:
        return Call("token", arguments or ())

    add = _arithmetic("+")
    subtract = _arithmetic("-")
    multiply = _arithmetic("*")
    divide = _arithmetic("/")
    remainder = _arithmetic("%")

    def negate(self, right: Term) -> Arithmetic:
        return Arithmetic("-", None, right)

    def element(self, term: Term, key: Term) -> Subscript:
        return Subscript(term, first=key)

    def slice(self, term: Term, first: Term | None, _range: Token, last: Term | None) -> Subscript:
        return Subscript(term, first=first, last=last, is_slice=True)

    def field(self, term: Term, name: Token) -> Subscript:
        return Subscript(term, field=str(name))

    # Types
    def typed(self, type_: Qualified | str) -> str:
        return type_ if isinstance(type_, str) else _typed(type_text(type_), type_[1])

    def custom_type(self, name: Token) -> str:
        return f"'{name}'"

    def generic(self, name: Qualified | Token, *arguments: str) -> str:
        outer = (None, name) if isinstance(name, Token) else name
        return _typed(f"{outer[1]}<{', '.join(arguments)}>", outer[1])
