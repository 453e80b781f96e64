"""Parse a SELECT that a person asks about into what decides which table or view can answer it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cassandra_views.cql.parse import parse_where
from cassandra_views.model.errors import StatementError
from cassandra_views.model.statement import Relation

_NEXT = 'Write it as SELECT ... FROM keyspace.table WHERE ... ORDER BY ...; values may be "?"'
_CLAUSES = ("from", "where", "group", "order", "per", "limit", "allow")
_FOLLOWED = {"group": "by", "per": "partition"}
"""What stands after words that may be names, too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SelectStatement:
    """A SELECT, without its values.

    Args:
        columns: those that it names, also inside of functions; empty for ``*`` and ``count(*)``.
        order: pairs of column and whether it is descending.
    """

    table: str
    keyspace: str | None = None
    columns: tuple[str, ...] = ()
    where: tuple[Relation, ...] = ()
    order: tuple[tuple[str, bool], ...] = ()
    allows_filtering: bool = False


@dataclass(frozen=True, slots=True)
class _Word:
    text: str
    value: str
    is_name: bool

    @property
    def keyword(self) -> str:
        return "" if self.text.startswith('"') else self.text.lower()


def is_select(text: str) -> bool:
    """Tell whether a text is a SELECT, and no name of a view."""
    words = text.split(None, 1)
    return len(words) == 2 and words[0].lower() == "select"


def parse_select(text: str) -> SelectStatement:
    """Return the SELECT that a text is.

    Raises:
        StatementError: it is none, or groups or joins in a way that no key decides.
    """
    words = list(_words(text))
    clauses = _clauses(words)
    if "from" not in clauses or not words or words[0].keyword != "select":
        raise StatementError("this is no SELECT with FROM", next=_NEXT)
    keyspace, table = _table(clauses["from"])
    where = " ".join("0" if word.text == "?" or word.text.startswith(":") else word.text for word in clauses["where"])
    return SelectStatement(
        table=table,
        keyspace=keyspace,
        columns=tuple(dict.fromkeys(_columns(clauses["select"]))),
        where=parse_where(where, file="<SELECT>") if where.strip() else (),
        order=tuple(_order(clauses["order"])),
        allows_filtering=bool(clauses["allow"]),
    )


def _words(text: str) -> Iterator[_Word]:
    from lark.exceptions import UnexpectedCharacters

    from cassandra_views.cql.parser import lex

    last = ""
    try:
        for token in lex(text):
            raw = text[token.start_pos : token.end_pos]
            if last == ":":
                yield _Word(f":{raw}", raw, False)
            elif raw not in (":", ";"):
                yield _Word(raw, str(token), raw.startswith('"') or raw.isidentifier())
            last = raw
    except UnexpectedCharacters as error:
        raise StatementError(f"'{error.char}' has no meaning in CQL", next=_NEXT) from error


class _Clauses(dict[str, list[_Word]]):
    def __missing__(self, key: str) -> list[_Word]:
        return []


def _clauses(words: Sequence[_Word]) -> _Clauses:
    """Return the words of each clause, without those that begin it."""
    found, clause, depth = _Clauses(), "select", 0
    for index, word in enumerate(words):
        depth += {"(": 1, ")": -1}.get(word.text, 0)
        begins = depth == 0 and word.keyword in _CLAUSES and (word.keyword == "from" or "from" in found)
        after = words[index + 1].keyword if index + 1 < len(words) else ""
        if begins and _FOLLOWED.get(word.keyword, after) == after:
            clause = word.keyword
            found.setdefault(clause, [])
        elif not (index == 0 or (clause in ("group", "order") and word.keyword == "by")):
            found.setdefault(clause, []).append(word)
        if clause == "allow":
            found["allow"].append(word)
    return found


def _table(words: Sequence[_Word]) -> tuple[str | None, str]:
    match [word.value for word in words if word.text != "."]:
        case [table]:
            return None, table
        case [keyspace, table]:
            return keyspace, table
        case _:
            raise StatementError("FROM names no single table or view", next=_NEXT)


def _columns(words: Sequence[_Word]) -> Iterator[str]:
    """Yield the names that are no functions, types or aliases."""
    for index, word in enumerate(words):
        after = words[index + 1].text if index + 1 < len(words) else ""
        before = words[index - 1].keyword if index else ""
        if word.is_name and after != "(" and before != "as" and word.keyword not in ("distinct", "json", "as", "cast"):
            yield word.value


def _order(words: Sequence[_Word]) -> Iterator[tuple[str, bool]]:
    for index, word in enumerate(words):
        if word.is_name and word.keyword not in ("asc", "desc"):
            after = words[index + 1].keyword if index + 1 < len(words) else ""
            yield word.value, after == "desc"


__all__ = ["SelectStatement", "is_select", "parse_select"]
