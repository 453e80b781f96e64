"""The tokens of a text of statements, and a reader of those that the grammar does not hold."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from lark import Token
from lark.exceptions import UnexpectedCharacters

from cassandra_views.cql.parser import lex
from cassandra_views.cql.types import BadType, CqlType, parse_type
from cassandra_views.model.statement import At


def split_statements(text: str) -> Iterator[tuple[list[Token], str]]:
    """Yield the statements of a text that ``;`` parts: the tokens of each, and its text on its lines.

    What cannot be read as tokens ends in a statement that cannot be parsed either.
    """
    tokens: list[Token] = []
    last = 0
    try:
        for token in lex(text):
            if token.type != "SEMICOLON":
                tokens.append(token)
                last = token.end_pos or 0
            elif tokens:
                yield tokens, _on_its_lines(text, tokens[0].start_pos or 0, last)
                tokens = []
    except UnexpectedCharacters as error:
        start = tokens[0].start_pos or 0 if tokens else error.pos_in_stream or 0
        broken = Token("IDENT", text[error.pos_in_stream or 0 :][:1], error.pos_in_stream, error.line, error.column)
        yield tokens or [broken], _on_its_lines(text, start, len(text))
        return
    if tokens:
        yield tokens, _on_its_lines(text, tokens[0].start_pos or 0, last)


class UnreadableStatement(Exception):
    """A statement breaks the grammar: the server's parser refuses it too."""


_NAMES = frozenset(
    """IDENT QUOTED AS BETWEEN CAST CLUSTERING COMPACT CONTAINS DEFAULT EXISTS KEY LIKE MASKED STATIC
    STORAGE""".split()  # noqa: SIM905
)
"""The tokens of the grammar's rule ``name``."""
_OPENING, _CLOSING = frozenset("([{<"), frozenset(")]}>")


def is_keyword(token: Token, word: str) -> bool:
    """Tell whether a token is this keyword or mark, and no quoted name or text that reads like it."""
    return token.type not in ("QUOTED", "STRING") and token.lower() == word


@dataclass(slots=True)
class TokenReader:
    """The tokens of one statement, read from the left; for statements that the grammar does not hold.

    Raises:
        UnreadableStatement: by each method but ``peek`` and ``take``: something else comes next.
    """

    tokens: list[Token]
    source: str
    position: int = 0

    def peek(self) -> str:
        """Return the next token, empty at the end."""
        return str(self.tokens[self.position]) if self.position < len(self.tokens) else ""

    def next(self) -> Token:
        """Read a token."""
        if self.position >= len(self.tokens):
            raise UnreadableStatement("it ends too early")
        self.position += 1
        return self.tokens[self.position - 1]

    def take(self, *words: str) -> bool:
        """Read these words, or nothing where others come next; tell whether they were read."""
        ahead = self.tokens[self.position : self.position + len(words)]
        if len(ahead) < len(words) or not all(map(is_keyword, ahead, words)):
            return False
        self.position += len(words)
        return True

    def name(self) -> str:
        """Read a name."""
        token = self.next()
        if token.type not in _NAMES:
            is_keyword = token.type.strip("_").isalpha() and token[:1].isalpha()
            raise UnreadableStatement(f"'{token}' is a reserved word" if is_keyword else f"'{token}' is no name")
        return str(token)

    def written(self, start: int) -> str:
        """Return a type that was read from a token on as servers print what was written."""
        return "".join(map(_spelled, self.tokens[start : self.position])).replace(",", ", ")

    def skip(self, *until: str) -> None:
        """Read up to one of these marks, which is left, or to the end; marks inside brackets do not count."""
        depth = 0
        while self.position < len(self.tokens):
            mark = self._mark()
            if not depth and mark in until:
                return
            depth += (mark in _OPENING) - (mark in _CLOSING)
            self.position += 1

    def _mark(self) -> str:
        token = self.tokens[self.position]
        return "" if token.type in ("QUOTED", "STRING") else str(token)

    def end(self) -> None:
        """Read the end of the statement."""
        if self.position < len(self.tokens):
            raise UnreadableStatement(f"unexpected '{self.peek()}'")

    def rest(self) -> tuple[str, At]:
        """Return what is left of the statement on its lines, and where it begins."""
        if self.position >= len(self.tokens):
            raise UnreadableStatement("it ends too early")
        first, last = self.tokens[self.position], self.tokens[-1]
        text = _on_its_lines(self.source, first.start_pos or 0, last.end_pos or 0)
        return text, At(first.line or 0, first.column or 0)

    def qualified(self) -> tuple[str | None, str]:
        """Read a name and the keyspace before it, None where there is none."""
        first = self.name()
        return (first, self.name()) if self.take(".") else (None, first)

    def type(self) -> CqlType:
        """Read a type."""
        parts = [_spelled(self.next())]
        while self.take("."):
            parts = [_spelled(self.next())]
        depth = 0
        while self.position < len(self.tokens) and (depth or self._mark() == "<"):
            mark = self._mark()
            depth += (mark == "<") - (mark == ">")
            parts.append(_spelled(self.next()))
        try:
            return parse_type(" ".join(parts))
        except BadType as error:
            raise UnreadableStatement(str(error)) from error


def _spelled(token: Token) -> str:
    return '"' + str(token).replace('"', '""') + '"' if token.type == "QUOTED" else str(token)


def _on_its_lines(text: str, start: int, end: int) -> str:
    before = text[:start]
    line_begin = before.rfind("\n") + 1
    return "\n" * before.count("\n") + " " * (start - line_begin) + text[start:end]
