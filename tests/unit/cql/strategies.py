"""Random statements that are valid by their form, for the property tests."""

from __future__ import annotations

import random
import re
import string

from hypothesis import strategies as st

from cassandra_client.names import RESERVED
from cassandra_views.cql.types import canonical_type
from cassandra_views.model.statement import (
    Arithmetic,
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
    Relation,
    Selected,
    Sequence,
    Shape,
    Subject,
    TableStatement,
    TypeHint,
    ViewStatement,
)

words = st.text(string.ascii_lowercase + string.digits + "_", min_size=1, max_size=8).filter(
    lambda text: text[0].isalpha()
)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
names = st.one_of(words, st.sampled_from(sorted(RESERVED)), st.sampled_from(["key", "as", "Ab", 'q"q', "ü x"]))
types = st.recursive(
    st.sampled_from(["int", "text", "timestamp", "frozen<address>", 'frozen<"Odd">', "vector<float, 3>"]),
    lambda inner: st.one_of(
        inner.map(lambda one: f"frozen<list<{one}>>"),
        st.tuples(inner, inner).map(lambda two: f"map<{two[0]}, {two[1]}>"),
        st.tuples(inner, inner).map(lambda two: f"frozen<tuple<{two[0]}, {two[1]}>>"),
    ),
    max_leaves=4,
).map(canonical_type)

literals = st.one_of(
    texts.map(lambda text: Literal(LiteralKind.STRING, text)),
    st.integers().map(lambda number: Literal(LiteralKind.INTEGER, str(number))),
    st.sampled_from(["1.50", "-0.0", "1e0", "1e+25", "-2.5e-7", "NaN", "Infinity", "-Infinity"]).map(
        lambda text: Literal(LiteralKind.FLOAT, text)
    ),
    st.sampled_from(["true", "false"]).map(lambda text: Literal(LiteralKind.BOOLEAN, text)),
    st.uuids().map(lambda one: Literal(LiteralKind.UUID, str(one))),
    st.binary(max_size=4).map(lambda one: Literal(LiteralKind.BLOB, "0x" + one.hex())),
    st.sampled_from(["1d", "-2mo3w", "P1Y2M3DT4H5M6S", "PT5M", "P2W", "3µs"]).map(
        lambda text: Literal(LiteralKind.DURATION, text)
    ),
)
terms = st.recursive(
    st.one_of(literals, st.just(Null())),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda items: Sequence(Shape.LIST, tuple(items))),
        st.lists(inner, max_size=3).map(lambda items: Sequence(Shape.SET, tuple(items))),
        st.lists(inner, min_size=1, max_size=3).map(lambda items: Sequence(Shape.TUPLE, tuple(items))),
        st.lists(st.tuples(inner, inner), min_size=1, max_size=2).map(lambda pairs: Mapping(tuple(pairs))),
        st.lists(st.tuples(words.map(Name), inner), min_size=1, max_size=2).map(lambda all_: Mapping(tuple(all_))),
        inner.map(lambda one: TypeHint("frozen<list<int>>", one)),
        inner.map(lambda one: Conversion(one, "text")),
        st.tuples(words, st.lists(inner, max_size=2)).map(lambda two: Call(f"f_{two[0]}", tuple(two[1]))),
    ),
    max_leaves=5,
).flatmap(
    # CQL has no parentheses for arithmetic, so it never stands inside of other terms but by itself.
    lambda term: st.one_of(
        st.just(term),
        st.tuples(st.sampled_from("+-*/%"), literals).map(lambda two: Arithmetic(two[0], term, two[1])),
    )
)
_comparisons = st.sampled_from([one for one in Operator if one.is_range or one is Operator.EQUAL])


def relations(columns: st.SearchStrategy[str] = names) -> st.SearchStrategy[Relation]:
    one = columns.map(lambda name: (name,))
    many = st.lists(columns, min_size=1, max_size=3, unique=True).map(tuple)
    value = terms.map(lambda term: (term,))
    values = st.lists(terms, max_size=3).map(tuple)
    return st.one_of(
        st.builds(Relation, columns=one, operator=st.just(Operator.IS_NOT_NULL)),
        st.builds(Relation, columns=one, operator=_comparisons, values=value),
        st.builds(Relation, columns=one, operator=st.sampled_from([Operator.IN, Operator.NOT_IN]), values=values),
        st.builds(
            Relation,
            columns=one,
            operator=st.sampled_from([Operator.LIKE, Operator.CONTAINS, Operator.CONTAINS_KEY]),
            values=value,
        ),
        st.builds(Relation, columns=one, operator=st.just(Operator.BETWEEN), values=st.tuples(terms, terms)),
        st.builds(
            Relation,
            columns=many,
            operator=_comparisons,
            values=value,
            subject=st.sampled_from([Subject.TUPLE, Subject.TOKEN]),
        ),
        st.builds(Relation, columns=many, operator=st.just(Operator.IN), values=values, subject=st.just(Subject.TUPLE)),
        st.builds(
            Relation, columns=one, operator=_comparisons, values=value, subject=st.just(Subject.ELEMENT), element=terms
        ),
    )


_option_values = st.one_of(
    st.integers(0, 99).map(str),
    texts,
    st.dictionaries(texts, texts, max_size=2).map(lambda pairs: tuple(sorted(pairs.items()))),
)
options = st.lists(
    st.builds(Option, name=words, value=_option_values), max_size=3, unique_by=lambda option: option.name
).map(tuple)
optional_names = st.one_of(st.none(), words)


@st.composite
def view_statements(draw: st.DrawFn) -> ViewStatement:
    columns = draw(st.lists(names, min_size=1, max_size=6, unique=True))
    split = draw(st.integers(1, len(columns)))
    key = columns[:split]
    border = draw(st.integers(1, split))
    clustering = tuple(key[border:])
    order = tuple((name, draw(st.booleans())) for name in clustering) if draw(st.booleans()) else ()
    return ViewStatement(
        view=draw(words),
        base=draw(names),
        selected=tuple(Selected(term=Name(name)) for name in columns) if draw(st.booleans()) else (),
        where=tuple(draw(st.lists(relations(st.sampled_from(columns)), max_size=4))),
        partition_key=tuple(key[:border]),
        clustering=clustering,
        clustering_order=order,
        options=draw(options),
        keyspace=draw(words),
        base_keyspace=draw(words),
    )


@st.composite
def table_statements(draw: st.DrawFn) -> TableStatement:
    columns = draw(st.lists(names, min_size=1, max_size=6, unique=True))
    split = draw(st.integers(1, len(columns)))
    border = draw(st.integers(1, split))
    clustering = tuple(columns[border:split])
    return TableStatement(
        table=draw(names),
        columns=tuple(
            ColumnDeclaration(name=name, type=draw(types), is_static=draw(st.booleans())) for name in columns
        ),
        partition_key=tuple(columns[:border]),
        clustering=clustering,
        clustering_order=tuple((name, draw(st.booleans())) for name in clustering),
        options=draw(options),
        keyspace=draw(words),
        if_not_exists=draw(st.booleans()),
    )


_PIECES = re.compile(r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|(?<!\w)[A-Z]{2,}(?!\w)|\s+""")


def in_another_layout(cql: str, seed: int) -> str:
    """Return the statement with other white space, comments and case of keywords, outside of quotes."""
    chance = random.Random(seed)
    spaces = [" ", "\n", "\t", " /* x ' \" */ ", " -- it's\n", ' // "\n', "\r\n"]

    def other(match: re.Match[str]) -> str:
        piece = match[0]
        if piece.isspace():
            return chance.choice(spaces)
        if piece[0] in "'\"":
            return piece
        return "".join(chance.choice((letter.lower(), letter)) for letter in piece)

    return chance.choice(spaces) + _PIECES.sub(other, cql) + chance.choice(["", ";", " ;\n", "\n--end"])
