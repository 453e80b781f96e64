"""The Lark parser of ``cql.lark``; built at the first call and kept (about 0.2 s)."""

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
from cassandra_views.model.term import At

_STARTS = ("view_file", "table_file", "where_file", "term_file", "type_file")


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


def parse(start: str, text: str, file: str, line_offset: int) -> Any:
    """Return the value of a text; arguments and errors as ``cql.parse.parse_view``."""
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
