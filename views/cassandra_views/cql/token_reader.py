"""The tokens of a text of statements, and a reader of those that the grammar does not hold."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from lark import Token
from lark.exceptions import UnexpectedCharacters

from cassandra_views.cql.parser import lex
from cassandra_views.cql.types import BadType, CqlType, parse_type
from cassandra_views.model.statement import At


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitStatement:
    """One statement of a text.

    Args:
        tokens: without the ``;``; at least one.
        source: the text that the tokens' positions are in.
        text: the statement alone, on the lines where it stands in the whole text.
        end: where it ends in the source, its ``;`` included.
    """

    tokens: list[Token]
    source: str
    text: str
    end: int

    @property
    def at(self) -> At:
        """Where it begins."""
        return At(self.tokens[0].line or 0, self.tokens[0].column or 0)

    @classmethod
    def edited(cls, text: str, original: SplitStatement) -> SplitStatement:
        """Return another text of a statement, on the lines of the original; it has no ``;``."""
        at = original.at
        text = "\n" * (at.line - 1) + " " * (at.column - 1) + text
        return cls(tokens=list(lex(text)), source=text, text=text, end=len(text))


_LINE_COMMANDS = frozenset(
    """capture clear cls consistency debug desc describe exit expand help history login paging quit serial show source
    tracing unicode""".split()  # noqa: SIM905
)
"""How those commands of cqlsh begin that end with their line, whether a ``;`` stands there or not."""


def split_statements(text: str) -> Iterator[SplitStatement]:
    """Yield the statements of a text that ``;`` parts; a command of cqlsh ends with its line.

    What cannot be read as tokens ends in a statement that cannot be parsed either; reading goes on behind its ``;``.
    """
    start = 0
    while start < len(text):
        tokens: list[Token] = []
        try:
            # Positions stay those of the whole text.
            for token in lex(re.sub(r"[^\n]", " ", text[:start]) + text[start:]):
                if tokens and _ends_with_line(tokens[0]) and token.line != tokens[0].line:
                    yield _split(tokens, text, tokens[-1].end_pos or 0)
                    tokens = []
                if token.type != "SEMICOLON":
                    tokens.append(token)
                elif tokens:
                    yield _split(tokens, text, token.end_pos or 0)
                    tokens = []
        except UnexpectedCharacters as error:
            position = error.pos_in_stream or 0
            is_command = bool(tokens) and _ends_with_line(tokens[0]) and tokens[0].line == error.line
            start = text.find("\n" if is_command else ";", position) + 1 or len(text)
            broken = Token("IDENT", text[position : position + 1], position, error.line, error.column)
            broken.end_pos = position + 1
            first = tokens[0].start_pos or 0 if tokens else position
            own = _on_its_lines(text, first, start).rstrip(";")
            yield SplitStatement(tokens=tokens or [broken], source=text, text=own, end=start)
        else:
            if tokens:
                yield _split(tokens, text, tokens[-1].end_pos or 0)
            return


def _split(tokens: list[Token], text: str, end: int) -> SplitStatement:
    own = _on_its_lines(text, tokens[0].start_pos or 0, tokens[-1].end_pos or 0)
    return SplitStatement(tokens=tokens, source=text, text=own, end=end)


def _ends_with_line(first: Token) -> bool:
    return _unquoted(first).lower() in _LINE_COMMANDS


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
    return _unquoted(token).lower() == word


def _unquoted(token: Token) -> str:
    """Return a token that is no quoted name and no text, else nothing."""
    return "" if token.type in ("QUOTED", "STRING") else str(token)


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
            is_reserved = token.type.strip("_").isalpha() and token[:1].isalpha()
            raise UnreadableStatement(f"'{token}' is a reserved word" if is_reserved else f"'{token}' is no name")
        return str(token)

    def written(self, start: int) -> str:
        """Return a type that was read from a token on as servers print what was written."""
        return "".join(map(_spelled, self.tokens[start : self.position])).replace(",", ", ")

    def skip(self, *until: str) -> None:
        """Read up to one of these marks, which is left, or to the end; marks inside brackets do not count."""
        depth = 0
        while self.position < len(self.tokens):
            mark = _unquoted(self.tokens[self.position])
            if not depth and mark in until:
                return
            depth += (mark in _OPENING) - (mark in _CLOSING)
            self.position += 1

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
        while self.position < len(self.tokens) and (depth or _unquoted(self.tokens[self.position]) == "<"):
            mark = _unquoted(self.tokens[self.position])
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
