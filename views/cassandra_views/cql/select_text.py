"""Parse a SELECT that a person asks about into what decides which table or view can answer it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cassandra_views.cql.parse import parse_selection, parse_where
from cassandra_views.model.errors import StatementError
from cassandra_views.model.statement import Call, Name, Relation, Selected, Term, WindowBound, terms_in

_NEXT = 'Write it as SELECT ... FROM keyspace.table WHERE ... ORDER BY ...; values may be "?"'
_CLAUSES = ("from", "where", "group", "order", "per", "limit", "allow")
_FOLLOWED = {"group": "by", "per": "partition"}
"""What stands after words that may be names, too."""
_AGGREGATES = ("avg", "count", "max", "min", "sum")
_FILE = "<SELECT>"


@dataclass(frozen=True, slots=True, kw_only=True)
class SelectStatement:
    """A SELECT. A marker for a value is a window bound: nothing is known of it.

    Args:
        columns: those that it names, also inside of functions.
        selects_all: it says ``*``; ``count(*)`` names no column and does not ask for all.
        is_aggregate: it counts or sums up rows, or the like.
        group: pairs of column and whether it stands in a function.
        order: pairs of column and whether it is descending.
        limit: the number after LIMIT, None where there is none.
        has_marked_limit: a marker stands after LIMIT.
        has_partition_limit: it says PER PARTITION LIMIT.
        unjudged: parts of which nothing is known here.
    """

    table: str
    keyspace: str | None = None
    columns: tuple[str, ...] = ()
    selects_all: bool = False
    is_distinct: bool = False
    is_aggregate: bool = False
    where: tuple[Relation, ...] = ()
    group: tuple[tuple[str, bool], ...] = ()
    order: tuple[tuple[str, bool], ...] = ()
    limit: int | None = None
    has_marked_limit: bool = False
    has_partition_limit: bool = False
    allows_filtering: bool = False
    unjudged: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Word:
    text: str
    value: str
    is_name: bool = False

    @property
    def keyword(self) -> str:
        return "" if self.text.startswith('"') else self.text.lower()


_MARKER = _Word(f":{WindowBound.START.value}", WindowBound.START.value)


def is_select(text: str) -> bool:
    """Tell whether a text is a SELECT, and no name of a view."""
    words = text.split(None, 1)
    return len(words) == 2 and words[0].lower() == "select"


def parse_select(text: str) -> SelectStatement:
    """Return the SELECT that a text is. ``?``, ``:name``, ``%s`` and ``%(name)s`` are markers of values.

    Raises:
        StatementError: it is none.
    """
    words = list(_without_markers(list(_words(text))))
    clauses = _clauses(words)
    if "from" not in clauses or not words or words[0].keyword != "select":
        raise StatementError("this is no SELECT with FROM", next=_NEXT)
    keyspace, table = _table(clauses["from"])
    is_distinct, selection = _selection(clauses["select"])
    where = _text(clauses["where"])
    order, unjudged = _order(clauses["order"])
    limit = clauses["limit"]
    return SelectStatement(
        table=table,
        keyspace=keyspace,
        columns=tuple(dict.fromkeys(name for each in selection for name in _names(each.term))),
        selects_all=not selection,
        is_distinct=is_distinct,
        is_aggregate=any(_is_aggregate(one) for each in selection for one in terms_in(each.term)),
        where=parse_where(where, file=_FILE) if where else (),
        group=tuple(_group(clauses["group"])),
        order=order,
        limit=int(limit[0].text) if len(limit) == 1 and limit[0].text.isdigit() else None,
        has_marked_limit=_MARKER in limit,
        has_partition_limit=bool(clauses["per"]),
        allows_filtering=bool(clauses["allow"]),
        unjudged=unjudged,
    )


def _words(text: str) -> Iterator[tuple[_Word, bool]]:
    """Yield words, and whether each follows the one before it without a space."""
    from lark.exceptions import UnexpectedCharacters

    from cassandra_views.cql.parser import lex

    last = 0
    try:
        for token in lex(text):
            start, end = token.start_pos or 0, token.end_pos or 0
            raw = text[start:end]
            if raw != ";":
                yield _Word(raw, str(token), raw.startswith('"') or raw.isidentifier()), start == last
            last = end
    except UnexpectedCharacters as error:
        raise StatementError(f"'{error.char}' has no meaning in CQL", next=_NEXT) from error


def _without_markers(found: Sequence[tuple[_Word, bool]]) -> Iterator[_Word]:
    """Yield words with one marker for every kind; those of a whole list after IN are two in parentheses."""
    index, last, braces = 0, "", 0
    while index < len(found):
        word, _ = found[index]
        length = _marker_length(found, index, is_in_braces=braces > 0, last=last)
        if not length:
            braces += {"{": 1, "}": -1}.get(word.text, 0)
            yield word
        elif last.lower() == "in":
            yield from (_Word("(", "("), _MARKER, _Word(",", ","), _MARKER, _Word(")", ")"))
        else:
            yield _MARKER
        last = word.text
        index += length or 1


def _marker_length(found: Sequence[tuple[_Word, bool]], index: int, *, is_in_braces: bool, last: str) -> int:
    """Return of how many words a marker consists that begins there; 0 where none does."""

    def joined(length: int) -> str:
        part = found[index : index + length]
        return "".join(word.text for word, _ in part) if all(near for _, near in part[1:]) else ""

    first = found[index][0].text
    if first == "?":
        return 1
    if first == "%":
        return 2 if joined(2) == "%s" else 5 if joined(2) == "%(" and joined(5).endswith(")s") else 0
    is_colon_of_entry = is_in_braces and last not in ("{", ",", ":", "(", "[")
    follows = index + 1 < len(found) and found[index + 1][0].is_name
    return 2 if first == ":" and follows and not is_colon_of_entry else 0


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
        is_of_partition = word.keyword == "limit" and clause == "per" and len(found["per"]) == 1
        if begins and _FOLLOWED.get(word.keyword, after) == after and not is_of_partition:
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


def _text(words: Sequence[_Word]) -> str:
    return " ".join(word.text for word in words)


_NO_SELECTION = ("", ",", ".", "as", "[")
"""What follows a column that has the name of a modifier."""


def _selection(words: Sequence[_Word]) -> tuple[bool, tuple[Selected, ...]]:
    """Return whether a SELECT is DISTINCT, and what it selects."""
    rest, is_distinct = list(words), False
    for modifier in ("json", "distinct"):
        after = rest[1].text.lower() if len(rest) > 1 else ""
        if rest and rest[0].keyword == modifier and after not in _NO_SELECTION:
            rest = rest[1:]
            is_distinct = modifier == "distinct"
    return is_distinct, parse_selection(_text(rest), file=_FILE)


def _names(term: Term) -> Iterator[str]:
    """Yield the columns of a term; before the dot of a field stands the column."""
    for each in terms_in(term):
        if isinstance(each, Name) and each.name != "*":
            yield each.qualifier or each.name


def _is_aggregate(term: Term) -> bool:
    return isinstance(term, Call) and term.keyspace in (None, "system") and term.function in _AGGREGATES


def _group(words: Sequence[_Word]) -> Iterator[tuple[str, bool]]:
    for each in parse_selection(_text(words), file=_FILE) if words else ():
        for name in _names(each.term):
            yield name, isinstance(each.term, Call)


def _order(words: Sequence[_Word]) -> tuple[tuple[tuple[str, bool], ...], tuple[str, ...]]:
    """Return the columns of ORDER BY, and what of it is not judged."""
    found: list[tuple[str, bool]] = []
    rest = [*words, _Word(",", ",")] if words else []
    while rest:
        match [word.keyword or word.text for word in rest[:3]]:
            case [_, ",", *_]:
                found.append((rest[0].value, False))
                rest = rest[2:]
            case [_, ("asc" | "desc") as direction, ","]:
                found.append((rest[0].value, direction == "desc"))
                rest = rest[3:]
            case _:
                return (), (f"ORDER BY {_text(words)}",)
    return tuple(found), ()


__all__ = ["SelectStatement", "is_select", "parse_select"]
