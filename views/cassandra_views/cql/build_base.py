"""What all builders of values share: where a token stands, how a name is spelled, and how to say no."""

from __future__ import annotations

from lark import Token

from cassandra_views.model.term import At

Qualified = tuple[Token | None, Token]


class Refusal(Exception):
    """Something that parses and that no statement may hold; ``parse`` makes a StatementError of it."""

    def __init__(self, what: str, next: str, token: Token | At) -> None:
        super().__init__(what)
        self.what = what
        self.next = next
        self.at = token if isinstance(token, At) else at(token)


def at(token: Token) -> At:
    """Return where a token begins."""
    return At(token.line or 0, token.column or 0)


def plain(name: Qualified) -> tuple[str | None, str]:
    """Return qualifier and name as texts."""
    return (None if name[0] is None else str(name[0])), str(name[1])
