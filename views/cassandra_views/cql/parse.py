"""Parse CREATE MATERIALIZED VIEW, CREATE TABLE and WHERE text into values.

Importing this imports no parser: the first call does.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from cassandra_views.model.errors import StatementError
from cassandra_views.model.statement import Literal, Option, Relation, Selected, TableStatement, Term, ViewStatement


@lru_cache(maxsize=4096)
def parse_view(text: str, *, file: str = "<text>") -> ViewStatement:
    """Return the one CREATE MATERIALIZED VIEW that the text holds.

    Args:
        text: without anything else; a ``;`` may end it.
        file: for error messages.

    Raises:
        StatementError: it does not parse, is another statement, or holds a foreign bind marker.
    """
    statement: ViewStatement = _parse("view_file", text, file)
    return statement


@lru_cache(maxsize=1024)
def parse_table(text: str, *, file: str = "<text>") -> TableStatement:
    """Return the one CREATE TABLE that the text holds; arguments and errors as ``parse_view``."""
    statement: TableStatement = _parse("table_file", text, file)
    return statement


def parse_options(text: str, *, file: str = "<text>") -> tuple[Option, ...]:
    """Return the options that stand after WITH in a text; arguments and errors as ``parse_view``."""
    options: tuple[Option, ...] = _parse("options_file", text, file)
    return options


def parse_where(text: str, *, file: str = "<text>") -> tuple[Relation, ...]:
    """Return the relations of a WHERE clause's text, without the word WHERE; errors as ``parse_view``."""
    if not text.strip():
        return ()
    relations: tuple[Relation, ...] = _parse("where_file", text, file)
    return relations


def parse_selection(text: str, *, file: str = "<text>") -> tuple[Selected, ...]:
    """Return what stands after SELECT in a text; empty for ``*``; errors as ``parse_view``."""
    selection: tuple[Selected, ...] = _parse("selection_file", text, file)
    return selection


def parse_term(text: str, *, file: str = "<text>") -> Term:
    """Return the single term that the text holds.

    Raises:
        StatementError: it does not parse.
    """
    term: Term = _parse("term_file", text, file)
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


def _parse(start: str, text: str, file: str) -> Any:
    # Where every file is as it was the last time nothing is parsed, and importing Lark takes 0.1 s.
    from cassandra_views.cql.parser import parse

    return parse(start, text, file)
