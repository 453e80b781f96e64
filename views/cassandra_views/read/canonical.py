"""One value, the same bytes: sets and maps are unordered here, and the driver writes them in any order."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from cassandra.cqltypes import FrozenType, ListType, MapType, SetType, TupleType, UserType


def canonical_bytes(kind: Any, value: Any, protocol_version: int) -> bytes:
    """Return the value as bytes that do not depend on the order in which its sets and maps are walked.

    The server reads them as the same value, but may itself keep them in another order: compare them with each
    other alone.

    Args:
        kind: the driver's type.
        value: of that type, in any form that the driver takes.

    Raises:
        TypeError: it is not of the type; or what else the driver raises for such values.
    """
    return kind.serialize(_in_order(kind, value, protocol_version), protocol_version)  # type: ignore[no-any-return]


class Pairs(list[tuple[Any, Any]]):
    """A map as the driver takes it, with keys that need not be hashable."""

    def items(self) -> Iterable[tuple[Any, Any]]:
        """Return the pairs."""
        return self


def _in_order(kind: Any, value: Any, version: int) -> Any:
    if value is None or isinstance(value, str | bytes):
        return value  # where a collection is asked for, the driver says what is wrong
    if issubclass(kind, FrozenType):
        return _in_order(kind.subtypes[0], value, version)
    if issubclass(kind, SetType):
        of = kind.subtypes[0]
        return sorted((_in_order(of, each, version) for each in value), key=lambda each: of.serialize(each, version))
    if issubclass(kind, ListType):
        return [_in_order(kind.subtypes[0], each, version) for each in value]
    if issubclass(kind, MapType):
        keys, values = kind.subtypes
        pairs = Pairs((_in_order(keys, key, version), _in_order(values, each, version)) for key, each in value.items())
        pairs.sort(key=lambda pair: keys.serialize(pair[0], version))
        return pairs
    if issubclass(kind, UserType) and not isinstance(value, tuple | list):
        value = tuple(getattr(value, name, None) for name in kind.fieldnames)
    if issubclass(kind, TupleType):
        fields = tuple(value)
        known = [_in_order(of, each, version) for of, each in zip(kind.subtypes, fields, strict=False)]
        return (*known, *fields[len(known) :])
    return value
