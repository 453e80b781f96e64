"""The Lark parser of ``cql.lark``, and its errors in words; built at the first call and kept (about 0.2 s)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from importlib import resources
from typing import Any, NoReturn

from lark import Lark, Token
from lark.exceptions import UnexpectedCharacters, UnexpectedEOF, UnexpectedInput, UnexpectedToken

from cassandra_client.errors import Place
from cassandra_client.names import RESERVED
from cassandra_views.cql.builder import Builder, UnsupportedSyntax
from cassandra_views.model.errors import StatementError
from cassandra_views.model.names import nearest
from cassandra_views.model.statement import At

_KEYWORDS = {
    name.lower().lstrip("_"): name
    for name in """CREATE _MATERIALIZED _VIEW _TABLE _IF _NOT EXISTS AS _SELECT _FROM _WHERE _AND PRIMARY KEY
    _WITH CLUSTERING _ORDER _BY COMPACT STORAGE _IS _NULL _IN CONTAINS LIKE BETWEEN _TOKEN STATIC MASKED
    DEFAULT SET CAST""".split()  # noqa: SIM905
} | {"columnfamily": "_TABLE", "asc": "DIRECTION", "desc": "DIRECTION", "true": "BOOLEAN", "false": "BOOLEAN"}
"""Terminal of each word with a part in the grammar; reserved words without one become RESERVED."""

_TAKEN_AS_NAMES = frozenset(("mbean", "mbeans", "replace", "unset"))
"""Listed as reserved, and taken by servers as names without quotes (tried on 5.0.9); printed in quotes all the same."""

_WORDS = {word: "RESERVED" for word in RESERVED - _TAKEN_AS_NAMES} | _KEYWORDS


def _word(token: Token) -> Token:
    lowered = token.lower()
    kind = _WORDS.get(lowered, "IDENT")
    return _as_written(token, kind, lowered) if kind == "BOOLEAN" else Token.new_borrow_pos(kind, lowered, token)


def _quoted(token: Token) -> Token:
    return Token.new_borrow_pos("QUOTED", token[1:-1].replace('""', '"'), token)


def _string(token: Token) -> Token:
    text = token[2:-2] if token.startswith("$$") else token[1:-1].replace("''", "'")
    return Token.new_borrow_pos("STRING", text, token)


def _integer(token: Token) -> Token:
    sign = "-" if token.startswith("-") else ""
    return _as_written(token, "INTEGER", sign + (token.lstrip("-").lstrip("0") or "0"))


def _float(token: Token) -> Token:
    return _as_written(token, "FLOAT", canonical_float(token))


def _as_written(token: Token, kind: str, canonical: str) -> Token:
    made = Token.new_borrow_pos(kind, canonical, token)
    made.value = str(token)
    return made


def canonical_float(text: str) -> str:
    """Return the one spelling of a number; its scale stays, for a decimal 1.0 and 1.00 are two keys."""
    lowered = text.lower()
    if lowered.endswith("nan"):
        return "NaN"
    if lowered.endswith("infinity"):
        return "-Infinity" if lowered.startswith("-") else "Infinity"
    try:
        spelled = str(Decimal(text)).lower()
    except InvalidOperation:
        return lowered  # an exponent of more than 18 digits, which no server reads
    return spelled if "." in spelled or "e" in spelled else spelled + "e0"


def _lowered(token: Token) -> Token:
    return _as_written(token, token.type, token.lower())


def _duration(token: Token) -> Token:
    # The ISO form is taken in capitals only, and its letters mean months or minutes by their place.
    return token if "P" in token else _lowered(token)


_CALLBACKS: dict[str, Callable[[Token], Token]] = {
    "IDENT": _word,
    "QUOTED": _quoted,
    "STRING": _string,
    "INTEGER": _integer,
    "FLOAT": _float,
    "UUID": _lowered,
    "BLOB": _lowered,
    "DURATION": _duration,
}


_STATEMENTS = {
    "view_file": "CREATE MATERIALIZED VIEW statement",
    "table_file": "CREATE TABLE statement",
    "where_file": "WHERE clause",
    "term_file": "value",
    "type_file": "type",
    "options_file": "options",
    "selection_file": "selection",
}
_BEGINS = {"view_file": "CREATE MATERIALIZED VIEW", "table_file": "CREATE TABLE"}
_NOT_IN_A_VIEW = {
    "limit": "LIMIT",
    "group": "GROUP BY",
    "order": "ORDER BY",
    "allow": "ALLOW FILTERING",
    "filtering": "ALLOW FILTERING",
    "per": "PER PARTITION LIMIT",
    "or": "OR",
}
_SYMBOLS = {
    "EQUAL": "'='",
    "LESS": "'<'",
    "GREATER": "'>'",
    "COMPARISON": "'<=', '>='",
    "LPAR": "'('",
    "RPAR": "')'",
    "LSQB": "'['",
    "RSQB": "']'",
    "LBRACE": "'{'",
    "RBRACE": "'}'",
    "COMMA": "','",
    "COLON": "':'",
    "SEMICOLON": "';'",
    "DOT": "'.'",
    "STAR": "'*'",
    "DIRECTION": "ASC or DESC",
    "$END": "the end of the text",
}
_LITERALS = frozenset(("STRING", "INTEGER", "FLOAT", "BOOLEAN", "UUID", "BLOB", "DURATION"))
_SELDOM = frozenset(
    """PLUS MINUS SLASH PERCENT QUESTION RANGE _NULL QUOTED AS BETWEEN CAST CLUSTERING COMPACT CONTAINS EXISTS
    KEY LIKE MASKED STATIC STORAGE DOT COLON LSQB LBRACE""".split()  # noqa: SIM905
)
"""Left out of a long list: rarely meant, or (unreserved words) as a name only."""


def _explain(error: UnexpectedInput, text: str, start: str, tokens: Iterable[Token]) -> tuple[str, str, At]:
    """Return what failed, what to do next, and where, for an error of the parser.

    The tokens are those of the whole text, to see what stood before.
    """
    kind = _STATEMENTS[start]
    if isinstance(error, UnexpectedCharacters):
        return _bad_character(error, text, kind)
    assert isinstance(error, UnexpectedToken)
    token = error.token
    place = At(token.line or 0, token.column or 0)
    expected = _in_words(error.accepts or error.expected)
    if token.type == "$END":
        lines = text.rstrip().splitlines() or [""]
        place = At(len(lines), len(lines[-1]) + 1)
        what = f"the {kind} ends too early; expected {expected}" if text.strip() else f"there is no {kind}"
        return what, f"Write the whole {kind}", place
    begin = (token.start_pos or 0) - 1
    if text[begin : begin + 2] == "/*":
        what = f"a comment begins here and is not closed in the {kind}"
        return what, "Close it with */", At(place.line, place.column - 1)
    found = _shown(token, text)
    what = f"unexpected {found} in the {kind}; expected {expected}"
    before = None
    for other in tokens:
        if other.start_pos == token.start_pos:
            break
        before = other
    return what, _advice(error, token, before, kind, start), place


def _advice(error: UnexpectedToken, token: Token, before: Token | None, kind: str, start: str) -> str:
    if before is not None and before.type == "SEMICOLON":
        return f"Keep one {kind} in this file; put others in files of their own"
    if start in _BEGINS and (before is None or before.type == "CREATE"):
        return f"Begin with {_BEGINS[start]}; other statements do not belong here"
    word = str(token).lower()
    if start == "view_file" and word in _NOT_IN_A_VIEW:
        return f"Take {_NOT_IN_A_VIEW[word]} out: a view has none; CLUSTERING ORDER BY is what orders it"
    if start == "view_file" and before is not None and str(before) in ("distinct", "json"):
        return f"Take {str(before).upper()} out: a materialized view selects plain columns"
    if "IDENT" in error.expected and word in RESERVED and token.type != "QUOTED":
        return f"If '{word}' is meant as a name, write it in double quotes: \"{word}\" (it is a reserved word)"
    if token.type == "QUOTED":
        return "Write texts in single quotes; double quotes are for names"
    if token.type == "IDENT":
        words = [one.strip("_").lower() for one in error.expected if one.strip("_").isalpha()]
        guess = nearest(word, words)
        if guess:
            return f"Check the spelling{guess}".rstrip("?")
    return f"Correct the {kind} there"


def _bad_character(error: UnexpectedCharacters, text: str, kind: str) -> tuple[str, str, At]:
    place = At(error.line, error.column)
    rest = text[error.pos_in_stream or 0 :]
    if rest.startswith('""'):
        return f"an empty name in the {kind}", "Write a name between the double quotes", place
    if rest.startswith(("'", "$$")):
        return (
            f"a text begins here and is not closed in the {kind}",
            "Close it with the quote it began with",
            place,
        )
    if rest.startswith('"'):
        return (
            f"a quoted name begins here and is not closed in the {kind}",
            "Close it with a double quote",
            place,
        )
    return f"unexpected character {rest[:1]!r} in the {kind}", "Take it out, or put it in quotes", place


def _shown(token: Token, text: str) -> str:
    if token.start_pos is not None and token.end_pos is not None:
        source = text[token.start_pos : token.end_pos]
        return f"'{source}'" if len(source) <= 40 else f"'{source[:37]}...'"
    return f"'{token}'"


def _in_words(expected: Iterable[str]) -> str:
    names = set(expected)
    words: list[str] = []
    if "IDENT" in names:
        words.append("a name")
    if names & _LITERALS:
        words.append("a value")
    rest = names - _LITERALS - {"IDENT"}
    if "IDENT" in names or len(rest) > 6:
        rest -= _SELDOM
    words += sorted(_SYMBOLS.get(name) or name.strip("_") for name in rest)
    words = words[:8]
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + " or " + words[-1] if words else "nothing more"


_STARTS = tuple(_STATEMENTS)


@lru_cache(maxsize=1)
def _parser() -> Lark:
    grammar = resources.files(__package__).joinpath("cql.lark").read_text(encoding="utf-8")
    return Lark(
        grammar,
        parser="lalr",
        lexer="basic",
        start=list(_STARTS),
        transformer=Builder(),
        lexer_callbacks=_CALLBACKS,
        maybe_placeholders=True,
    )


def parse(start: str, text: str, file: str) -> Any:
    """Return the value of a text; arguments and errors as ``cql.parse.parse_view``."""
    try:
        return _parser().parse(text, start=start)
    except UnsupportedSyntax as refusal:
        _fail(refusal.what, refusal.next, refusal.at, file, refusal)
    except (UnexpectedToken, UnexpectedCharacters, UnexpectedEOF) as error:
        what, next_, place = _explain(error, text, start, _tokens(text))
        _fail(what, next_, place, file, error)


def lex(text: str) -> Iterator[Token]:
    """Yield the tokens of a text; raises Lark's UnexpectedCharacters at what is none."""
    yield from _parser().lex(text)


def ends_in_comment(text: str) -> bool:
    """Tell whether a line comment is the last of the text, without the line end that servers want after one."""
    last = 0
    with suppress(UnexpectedCharacters):
        for token in lex(text):
            last = token.end_pos or 0
    line = re.split(r"[\r\n]", text[last:])[-1]
    return "--" in line or "//" in line


def _tokens(text: str) -> Iterator[Token]:
    with suppress(UnexpectedCharacters):
        yield from lex(text)


def _fail(what: str, next_: str, at: At, file: str, cause: UnsupportedSyntax | UnexpectedInput) -> NoReturn:
    raise StatementError(what, next=next_, place=Place(file=file, line=at.line, column=at.column)) from cause
