"""Parse CREATE MATERIALIZED VIEW, CREATE TABLE and WHERE text into values.

The parser is built at the first call and kept (about 0.2 s); importing builds nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from functools import lru_cache
from importlib import resources
from typing import Any, NoReturn

from lark import Lark, Token
from lark.exceptions import UnexpectedCharacters, UnexpectedEOF, UnexpectedInput, UnexpectedToken

from cassandra_client.errors import Place
from cassandra_views.cql.build import Build
from cassandra_views.cql.build_base import Refusal
from cassandra_views.cql.expected import explain
from cassandra_views.cql.tokens import CALLBACKS
from cassandra_views.model.errors import StatementError
from cassandra_views.model.relation import Relation
from cassandra_views.model.statement import TableStatement, ViewStatement
from cassandra_views.model.term import At, Literal, Term

_STARTS = ("view_file", "table_file", "where_file", "term_file", "type_file")


@lru_cache(maxsize=1024)
def parse_view(text: str, *, file: str = "<text>", line_offset: int = 0) -> ViewStatement:
    """Return the one CREATE MATERIALIZED VIEW that the text holds.

    Args:
        text: without anything else; a ``;`` may end it.
        file: for error messages.
        line_offset: lines of the file before the text.

    Raises:
        StatementError: it does not parse, is another statement, or holds a foreign bind marker.
    """
    statement: ViewStatement = _parse("view_file", text, file, line_offset)
    return statement


def parse_table(text: str, *, file: str = "<text>", line_offset: int = 0) -> TableStatement:
    """Return the one CREATE TABLE that the text holds; arguments and errors as ``parse_view``."""
    statement: TableStatement = _parse("table_file", text, file, line_offset)
    return statement


def parse_where(text: str, *, file: str = "<text>", line_offset: int = 0) -> tuple[Relation, ...]:
    """Return the relations of a WHERE clause's text, without the word WHERE; errors as ``parse_view``."""
    if not text.strip():
        return ()
    relations: tuple[Relation, ...] = _parse("where_file", text, file, line_offset)
    return relations


def parse_relations(text: str) -> tuple[Relation, ...]:
    """Return the relations of a user's query text such as ``day = '2026-01-01' AND total >= 5``.

    Raises:
        StatementError: it does not parse.
    """
    return parse_where(text, file="query")


def parse_term(text: str, *, file: str = "<text>") -> Term:
    """Return the single term that the text holds.

    Raises:
        StatementError: it does not parse.
    """
    term: Term = _parse("term_file", text, file, 0)
    return term


@lru_cache(maxsize=1024)
def parse_literal(text: str) -> Literal:
    """Return the literal that the text is.

    Raises:
        StatementError: it does not parse, or is no literal.
    """
    term = parse_term(text)
    if not isinstance(term, Literal):
        raise StatementError(f"{text} is not a literal", next="Write a constant, such as 5 or 'text'")
    return term


@lru_cache(maxsize=1)
def _parser() -> Lark:
    grammar = resources.files(__package__).joinpath("cql.lark").read_text(encoding="utf-8")
    return Lark(
        grammar,
        parser="lalr",
        lexer="basic",
        start=list(_STARTS),
        transformer=Build(),
        lexer_callbacks=CALLBACKS,
        maybe_placeholders=True,
    )


def _parse(start: str, text: str, file: str, line_offset: int) -> Any:
    # Lines put before it make every place, in errors and in values, one of the file.
    text = "\n" * line_offset + text
    try:
        return _parser().parse(text, start=start)
    except Refusal as refusal:
        _fail(refusal.what, refusal.next, refusal.at, file, refusal)
    except (UnexpectedToken, UnexpectedCharacters, UnexpectedEOF) as error:
        what, next_, place = explain(error, text, start, _tokens(text))
        _fail(what, next_, place, file, error)


def _tokens(text: str) -> Iterator[Token]:
    with suppress(UnexpectedCharacters):
        yield from _parser().lex(text)


def _fail(what: str, next_: str, at: At, file: str, cause: Refusal | UnexpectedInput) -> NoReturn:
    raise StatementError(what, next=next_, place=Place(file=file, line=at.line, column=at.column)) from cause
