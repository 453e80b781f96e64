"""What the lexer makes of its matches: keywords told from names, and each value in its one spelling."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from lark import Token

from cassandra_client.names import RESERVED

KEYWORDS = {
    name.lower().lstrip("_"): name
    for name in """CREATE _MATERIALIZED _VIEW _TABLE _IF _NOT EXISTS AS _SELECT _FROM _WHERE _AND PRIMARY KEY
    _WITH CLUSTERING _ORDER _BY COMPACT STORAGE _IS _NULL _IN CONTAINS LIKE BETWEEN _TOKEN STATIC MASKED
    DEFAULT SET CAST""".split()  # noqa: SIM905
} | {"columnfamily": "_TABLE", "asc": "DIRECTION", "desc": "DIRECTION", "true": "BOOLEAN", "false": "BOOLEAN"}
"""Terminal of each word with a part in the grammar; reserved words without one become RESERVED."""

_TAKEN_AS_NAMES = frozenset(("mbean", "mbeans", "replace", "unset"))
"""Listed as reserved, and taken by servers as names without quotes (tried on 5.0.9); printed in quotes all the same."""

_WORDS = {word: "RESERVED" for word in RESERVED - _TAKEN_AS_NAMES} | KEYWORDS


def _word(token: Token) -> Token:
    lowered = token.lower()
    return Token.new_borrow_pos(_WORDS.get(lowered, "IDENT"), lowered, token)


def _quoted(token: Token) -> Token:
    return Token.new_borrow_pos("QUOTED", token[1:-1].replace('""', '"'), token)


def _string(token: Token) -> Token:
    text = token[2:-2] if token.startswith("$$") else token[1:-1].replace("''", "'")
    return Token.new_borrow_pos("STRING", text, token)


def _integer(token: Token) -> Token:
    sign = "-" if token.startswith("-") else ""
    return Token.new_borrow_pos("INTEGER", sign + (token.lstrip("-").lstrip("0") or "0"), token)


def _float(token: Token) -> Token:
    return Token.new_borrow_pos("FLOAT", canonical_float(token), token)


def canonical_float(text: str) -> str:
    """Return the one spelling of a number; its scale stays, for a decimal 1.0 and 1.00 are two keys."""
    lowered = text.lower()
    if lowered.endswith("nan"):
        return "NaN"
    if lowered.endswith("infinity"):
        return "-Infinity" if lowered.startswith("-") else "Infinity"
    spelled = str(Decimal(text)).lower()
    return spelled if "." in spelled or "e" in spelled else spelled + "e0"


def _lowered(token: Token) -> Token:
    return Token.new_borrow_pos(token.type, token.lower(), token)


def _duration(token: Token) -> Token:
    # The ISO form is taken in capitals only, and its letters mean months or minutes by their place.
    return token if "P" in token else _lowered(token)


CALLBACKS: dict[str, Callable[[Token], Token]] = {
    "IDENT": _word,
    "QUOTED": _quoted,
    "STRING": _string,
    "INTEGER": _integer,
    "FLOAT": _float,
    "UUID": _lowered,
    "BLOB": _lowered,
    "DURATION": _duration,
}
