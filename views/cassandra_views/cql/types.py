"""CQL types: one canonical spelling for each, the one the server's schema tables use.

The server freezes every tuple, and what lies inside a frozen type, without being told; here, as in
``system_schema.columns.type``, that is always written out (tried on 5.0.9).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

from cassandra_client.names import quoted

NATIVE = frozenset(
    """ascii bigint blob boolean counter date decimal double duration float inet int smallint text time
    timestamp timeuuid tinyint uuid varint""".split()  # noqa: SIM905
)
COLLECTIONS = {"list": 1, "set": 1, "map": 2}
_ALIASES = {"varchar": "text"}
_TOKEN = re.compile(r"""\s*(?:(?P<name>\w+)|(?P<quoted>"(?:[^"]|"")+")|(?P<custom>'[^']*')|(?P<mark>[<>,.]))""")


@dataclass(frozen=True, slots=True, kw_only=True)
class CqlType:
    """A type as a tree.

    Args:
        name: of a native type, ``list``, ``set``, ``map``, ``tuple``, ``vector``, or what a user named.
        is_user_defined: whether the name is not one of the language's own.
        dimension: of a vector, else 0.
    """

    name: str
    arguments: tuple[CqlType, ...] = ()
    is_frozen: bool = False
    is_user_defined: bool = False
    is_custom: bool = False
    dimension: int = 0

    def __str__(self) -> str:
        if self.is_custom:
            return self.name
        text = quoted(self.name) if self.is_user_defined else self.name
        if self.arguments:
            inner = [str(argument) for argument in self.arguments]
            if self.dimension:
                inner.append(str(self.dimension))
            text += f"<{', '.join(inner)}>"
        return f"frozen<{text}>" if self.is_frozen else text

    @property
    def is_multi_cell(self) -> bool:
        """Whether its parts are stored and written one by one (a collection or user type not frozen)."""
        return not self.is_frozen and (self.name in COLLECTIONS or self.is_user_defined)

    @property
    def is_collection(self) -> bool:
        """Whether it is a list, set or map, frozen or not."""
        return self.name in COLLECTIONS and not self.is_user_defined

    def names_type(self, name: str, types: UserTypes) -> bool:
        """Tell whether the user-defined type of that name occurs in it, at any depth."""
        if not self.is_user_defined:
            return any(one.names_type(name, types) for one in self.arguments)
        return self.name == name or any(one.names_type(name, types) for _field, one in types.get(self.name, ()))

    def mentions(self, name: str, types: UserTypes | None = None) -> bool:
        """Tell whether the native type of that name occurs in it, at any depth.

        Args:
            types: the fields of user-defined types, which are looked into.
        """
        if not self.is_user_defined:
            return self.name == name or any(one.mentions(name, types) for one in self.arguments)
        fields = (types or {}).get(self.name, ())
        # No type holds itself: each is made of those that were there before.
        return any(field.mentions(name, types) for _field_name, field in fields)


_MOST_DIGITS = 400
"""More than any type holds; Python refuses to read numbers of some thousands."""


def whole(text: str) -> int:
    """Return the number that an integer's text spells; one beyond all limits stands for any that is as far out."""
    number = int(text[: _MOST_DIGITS + 1])
    return number if len(text) <= _MOST_DIGITS else number * 10


UserTypes = Mapping[str, tuple[tuple[str, CqlType], ...]]
"""The fields of user-defined types, each with its name."""


class BadType(ValueError):
    """The text is no CQL type; the message says why."""


@lru_cache(maxsize=4096)
def parse_type(text: str) -> CqlType:
    """Return the type that the text spells.

    Raises:
        BadType: it spells none.
    """
    tokens = _tokens(text)
    found, rest = _type(tokens, 0, text)
    if rest != len(tokens):
        raise BadType(f"'{text}' is not a type: nothing may follow '{found}'")
    return found


def canonical_type(text: str) -> str:
    """Return the one spelling of a type: ``varchar`` is ``text``, frozen is written out.

    Raises:
        BadType: the text spells no type.
    """
    return str(parse_type(text))


def _tokens(text: str) -> list[tuple[str, str]]:
    tokens: list[tuple[str, str]] = []
    position = 0
    stripped = text.rstrip()
    while position < len(stripped):
        match = _TOKEN.match(stripped, position)
        if match is None or match.lastgroup is None:
            raise BadType(f"'{text}' is not a type: unexpected {stripped[position:].strip()[:1]!r}")
        tokens.append((match.lastgroup, match[match.lastgroup]))
        position = match.end()
    return tokens


def _type(tokens: list[tuple[str, str]], position: int, text: str) -> tuple[CqlType, int]:
    if position >= len(tokens):
        raise BadType(f"'{text}' is not a type: it ends too early")
    kind, value = tokens[position]
    position += 1
    if kind == "custom":
        return CqlType(name=value, is_custom=True, is_frozen=False), position
    if kind == "mark":
        raise BadType(f"'{text}' is not a type: unexpected '{value}'")
    if position + 1 < len(tokens) and tokens[position] == ("mark", "."):
        # A type of the same keyspace: the server knows no others and prints no keyspace.
        kind, value = tokens[position + 1]
        position += 2
        return _user_type(kind, value), position
    name = value.lower() if kind == "name" else ""
    if position < len(tokens) and tokens[position] == ("mark", "<"):
        return _generic(name, tokens, position + 1, text)
    name = _ALIASES.get(name, name)
    if name in NATIVE:
        return CqlType(name=name), position
    if name in COLLECTIONS or name in ("tuple", "frozen"):
        raise BadType(f"'{text}' is not a type: '{name}' needs its types in <>")
    return _user_type(kind, value), position


def _user_type(kind: str, value: str) -> CqlType:
    name = value[1:-1].replace('""', '"') if kind == "quoted" else value.lower()
    return CqlType(name=name, is_user_defined=True)


def _generic(name: str, tokens: list[tuple[str, str]], position: int, text: str) -> tuple[CqlType, int]:
    arguments: list[CqlType] = []
    dimension = 0
    while True:
        if name == "vector" and arguments and position < len(tokens) and tokens[position][1].isdigit():
            dimension, position = whole(tokens[position][1]), position + 1
        else:
            argument, position = _type(tokens, position, text)
            arguments.append(argument)
        mark = tokens[position][1] if position < len(tokens) else "the end"
        position += 1
        if mark == ">":
            break
        if mark != ",":
            raise BadType(f"'{text}' is not a type: expected ',' or '>' and found {mark!r}")
    count = len(arguments) + bool(dimension)
    wanted = {**COLLECTIONS, "frozen": 1, "vector": 2}.get(name)
    if name not in ("tuple", "vector", "frozen", *COLLECTIONS) or (wanted is not None and count != wanted):
        raise BadType(f"'{text}' is not a type: '{name}' does not take {count} in <>")
    if name == "frozen":
        return _freeze(arguments[0], text), position
    if name == "tuple":
        arguments = [_freeze(one, text, is_implied=True) for one in arguments]
    if name == "vector":
        # The server keeps frozen there as it was written, though it makes no difference to it.
        arguments = [one if one.name == "tuple" else replace(one, is_frozen=False) for one in arguments]
    return (
        CqlType(name=name, arguments=tuple(arguments), is_frozen=name == "tuple", dimension=dimension),
        position,
    )


def _freeze(one: CqlType, text: str, *, is_implied: bool = False) -> CqlType:
    if one.is_frozen:
        return one  # and so is all that it holds
    if one.name in COLLECTIONS or one.name == "tuple" or one.is_user_defined:
        inner = tuple(_freeze(argument, text, is_implied=True) for argument in one.arguments)
        return CqlType(name=one.name, arguments=inner, is_frozen=True, is_user_defined=one.is_user_defined)
    if one.name == "vector" or is_implied or one.is_custom:
        return one
    raise BadType(f"'{text}' is not a type: only collections, tuples and user-defined types can be frozen")
