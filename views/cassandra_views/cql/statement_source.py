"""The text of a CREATE TABLE or CREATE MATERIALIZED VIEW, edited at some places and else left as it was written."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise

from lark import Token

from cassandra_client.names import quoted
from cassandra_views.cql.parser import lex

ORDER = "clustering order"
"""The name of the part after WITH that is no option."""
_CUT = "\0"
_OPENING, _CLOSING = frozenset(("LPAR", "LSQB", "LBRACE")), frozenset(("RPAR", "RSQB", "RBRACE"))


@dataclass(slots=True)
class StatementSource:
    """One CREATE statement in a text, and what is to be changed of it.

    Args:
        text: the whole text that holds the statement.
        tokens: those of the statement, without the ``;``.
    """

    text: str
    tokens: list[Token]
    _cut: set[str] = field(default_factory=set)
    _values: dict[str, str] = field(default_factory=dict)
    _order: str = ""
    _edits: list[tuple[int, int, str]] = field(default_factory=list)

    @classmethod
    def of(cls, text: str) -> StatementSource:
        """Return the only statement of a text."""
        return cls(text, [token for token in lex(text) if token.type != "SEMICOLON"])

    @property
    def kind(self) -> str:
        """``table`` or ``view``; empty where it creates neither."""
        first = [str(token).lower() for token in self.tokens[:3]]
        if first[:2] in (["create", "table"], ["create", "columnfamily"]):
            return "table"
        return "view" if first == ["create", "materialized", "view"] else ""

    @property
    def written_name(self) -> tuple[str | None, str]:
        """The keyspace, None where there is none, and the name of what it creates, also where it cannot be parsed."""
        position = self._name_position()
        words = [str(token) for token in self.tokens[position : position + 3]]
        if words[1:2] == ["."] and len(words) > 2:
            return words[0], words[2]
        return None, words[0] if words else ""

    @property
    def written_base(self) -> str:
        """The name of a view's base, also where the view cannot be parsed; empty where there is none."""
        words = [token for place, token in enumerate(self.tokens) if place >= self._from_position()][:3]
        return str(words[2] if len(words) > 2 and words[1].type == "DOT" else words[0]) if words else ""

    def _from_position(self) -> int:
        """Return the place of the name after FROM; behind the last token where there is none."""
        found = (place for place, token in enumerate(self.tokens) if token.type == "_FROM")
        return next(found, len(self.tokens)) + 1

    def _name_position(self) -> int:
        position = 2 if self.kind == "table" else 3
        has_existence = len(self.tokens) > position and self.tokens[position].type == "_IF"
        return position + 3 if has_existence else position

    @property
    def start(self) -> int:
        """Where it begins in the text."""
        return self.tokens[0].start_pos or 0

    @property
    def end(self) -> int:
        """Where its last token ends in the text."""
        return self.tokens[-1].end_pos or 0

    def cut_options(self, names: Iterable[str]) -> None:
        """Take options out."""
        self._cut |= set(names)

    def write_option(self, name: str, value: str) -> None:
        """Give an option another value, in CQL."""
        self._values[name] = value

    def write_order(self, order: Iterable[tuple[str, bool]]) -> None:
        """Write CLUSTERING ORDER BY: pairs of a column and whether it is descending."""
        parts = (f"{quoted(name)} {'DESC' if is_descending else 'ASC'}" for name, is_descending in order)
        self._order = f"CLUSTERING ORDER BY ({', '.join(parts)})"

    def rename(self, name: str, base: str | None = None) -> None:
        """Write other texts for the names of the table or view, and of its base; IF NOT EXISTS of a view goes."""
        position = self._name_position()
        if self.kind == "view":
            self._edits += [_removal(token) for token in self.tokens[3:position]]
        self._replace_name(position, name)
        if base is not None:
            self._replace_name(self._from_position(), base)

    def _replace_name(self, position: int, text: str) -> None:
        last = position
        if len(self.tokens) > position + 2 and self.tokens[position + 1].type == "DOT":
            last = position + 2
        self._edits.append((self.tokens[position].start_pos or 0, self.tokens[last].end_pos or 0, text))

    def comments(self) -> list[tuple[int, str]]:
        """Return the comments inside the statement, each with its place in the text."""
        gaps = [(before.end_pos or 0, after.start_pos or 0) for before, after in pairwise(self.tokens)]
        return [each for start, end in gaps for each in find_comments(self.text, start, end)]

    def edited(self, *, is_template: bool = False) -> str:
        """Return the statement with its edits.

        Args:
            is_template: what Jinja would read otherwise is escaped, and lines that lost everything are left out; else
                every line stays on its place.
        """
        edits = sorted([*self._edits, *self._option_edits("\n    AND" if is_template else " AND")])
        parts: list[str] = []
        position = self.start
        for start, end, text in edits:
            lines = 0 if is_template else self.text.count("\n", start, end)
            parts += [_verbatim(self.text[position:start], is_template), text, "\n" * lines]
            position = end
        parts.append(_verbatim(self.text[position : self.end], is_template))
        return _tidy("".join(parts), drops_lines=is_template)

    def _option_edits(self, joint: str) -> list[tuple[int, int, str]]:
        found = self._options()
        if found is None:
            before = joint.removesuffix("    AND").removesuffix("AND")  # a line of its own in a template
            return [(self.end, self.end, f"{before}WITH {self._order}")] if self._order else []
        with_, items = found
        edits: list[tuple[int, int, str]] = []
        order = self._order
        has_kept = False
        for place, (name, start, end) in enumerate(items):
            is_kept = name not in self._cut
            if place and not (is_kept and has_kept):
                edits.append(_removal(self.tokens[start - 1]))  # the AND before it
            if not is_kept:
                edits += [_removal(token) for token in self.tokens[start:end]]
            elif name == ORDER and order:
                first, *rest = self.tokens[start:end]
                edits += [(first.start_pos or 0, first.end_pos or 0, order), *map(_removal, rest)]
                order = ""
            elif name in self._values:
                first, *rest = self.tokens[start:end]
                value = f"{name} = {self._values[name]}"
                edits += [(first.start_pos or 0, first.end_pos or 0, value), *map(_removal, rest)]
            has_kept = has_kept or is_kept
        token = self.tokens[with_]
        at = token.end_pos or 0
        if has_kept and order:
            edits.append((at, at, f" {order}{joint}"))
        elif order:
            edits.append((at, at, f" {order}"))
        elif not has_kept:
            edits.append(_removal(token))
        return edits

    def _options(self) -> tuple[int, list[tuple[str, int, int]]] | None:
        """Return the place of WITH, and the name, begin and end of each part after it; None where there is none."""
        depth, with_ = 0, -1
        starts: list[int] = []
        for place, token in enumerate(self.tokens):
            depth += (token.type in _OPENING) - (token.type in _CLOSING)
            if depth == 0 and with_ < 0 and token.type == "_WITH":
                with_ = place
                starts.append(place + 1)
            elif depth == 0 and with_ >= 0 and token.type == "_AND":
                starts.append(place + 1)
        if with_ < 0:
            return None
        ends = [start - 1 for start in starts[1:]] + [len(self.tokens)]
        return with_, [(self._option_name(start), start, end) for start, end in zip(starts, ends, strict=True)]

    def _option_name(self, start: int) -> str:
        is_order = len(self.tokens) > start + 1 and self.tokens[start + 1].type == "_ORDER"
        return ORDER if is_order else str(self.tokens[start]) if start < len(self.tokens) else ""


def _removal(token: Token) -> tuple[int, int, str]:
    return token.start_pos or 0, token.end_pos or 0, _CUT


def _verbatim(text: str, is_template: bool) -> str:
    """Return a text as it is, or so that Jinja makes it from what is returned."""
    text = text.replace(_CUT, "")
    return re.sub(r"\{[{%#]", lambda found: "{{ '" + found[0] + "' }}", text) if is_template else text


def _tidy(text: str, *, drops_lines: bool) -> str:
    if not drops_lines:
        return text.replace(_CUT, " ")
    lines = [line for line in text.split("\n") if _CUT not in line or line.replace(_CUT, "").strip()]
    text = re.sub(rf"(?m)^([ \t]*)(?:{_CUT}[ \t]*)+", r"\1", "\n".join(lines))
    text = re.sub(rf"[ \t]*(?:{_CUT}[ \t]*)+", " ", text)
    return "\n".join(line.rstrip() for line in text.split("\n"))


_COMMENT = re.compile(r"(?:--|//)[^\n]*|/\*.*?\*/", re.DOTALL)
_PARTS = re.compile(
    r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|\$\$.*?\$\$|\{\{.*?\}\}|\{%.*?%\}"
    r"|(?P<comment>\{#.*?#\}|(?:--|//)[^\n]*|/\*.*?\*/)",
    re.DOTALL,
)


def find_comments(text: str, start: int, end: int) -> list[tuple[int, str]]:
    """Return the comments between two tokens of a text, each with the place where it begins."""
    return [(start + each.start(), _dedented(each[0])) for each in _COMMENT.finditer(text[start:end])]


def template_comments(body: str) -> list[str]:
    """Return the comments of a template, those of CQL and of Jinja, as they stand there."""
    return [each["comment"] for each in _PARTS.finditer(body) if each["comment"]]


def _dedented(comment: str) -> str:
    return "\n".join(line.strip() for line in comment.split("\n"))


def escaped(text: str) -> str:
    """Return a text of comments so that Jinja makes it from what is returned."""
    return _verbatim(text, is_template=True)
