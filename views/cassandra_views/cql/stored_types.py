"""Whether stored values of one type can be read as those of another: what a dropped column may come back as.

Follows ``isSerializationCompatibleWith`` of the server's own classes; read from 5.0.9.
"""

from __future__ import annotations

from dataclasses import replace

from cassandra_views.cql.native_functions import is_compatible
from cassandra_views.cql.types import CqlType, UserTypes

_LENGTHS = {"bigint": 8, "boolean": 1, "double": 8, "float": 4, "int": 4, "timestamp": 8, "timeuuid": 16, "uuid": 16}


def with_tuples(type_: CqlType, types: UserTypes) -> CqlType:
    """Return the type as the server keeps that of a dropped column: user-defined types are tuples there."""
    if type_.is_user_defined:
        fields = tuple(_frozen(with_tuples(field, types)) for _name, field in types.get(type_.name, ()))
        return CqlType(name="tuple", arguments=fields, is_frozen=True)
    return replace(type_, arguments=tuple(with_tuples(one, types) for one in type_.arguments))


def _frozen(type_: CqlType) -> CqlType:
    return replace(type_, is_frozen=True) if type_.is_collection else type_


def is_readable_as(old: CqlType, new: CqlType, types: UserTypes) -> bool:
    """Tell whether stored values of the one type can be read as those of the other.

    Args:
        old: as ``with_tuples`` gives it.
    """
    if new.is_collection:
        if not _has_same_values(old, new, types):
            return False
        # A set keeps its elements as the names of cells: it has no values.
        return new.name == "set" or is_readable_as(old.arguments[-1], new.arguments[-1], types)
    if new.name == "blob" and not new.is_user_defined and old.is_collection:
        return False
    return _has_same_values(old, new, types) and _length(old) == _length(new) and old.is_multi_cell == new.is_multi_cell


def _has_same_values(old: CqlType, new: CqlType, types: UserTypes) -> bool:
    """Follow ``isValueCompatibleWith``, which leaves the order of values out."""
    if new.is_user_defined:
        return False  # what was dropped is a tuple
    if new.is_collection:
        if old.name != new.name or old.is_multi_cell != new.is_multi_cell:
            return False
        if new.is_multi_cell:
            return _sorts_alike(old, new, types)
        match new.name:
            case "list":
                return _has_same_elements(old.arguments[0], new.arguments[0], types)
            case "set":
                return _sorts_alike(old.arguments[0], new.arguments[0], types)
            case _:
                keys, values = zip(old.arguments, new.arguments, strict=True)
                return _sorts_alike(*keys, types) and _has_same_values(*values, types)
    if new.name == "tuple":
        return _is_longer_tuple(old, new, types, in_order=False)
    return _is_compatible(old, new)


def _has_same_elements(old: CqlType, new: CqlType, types: UserTypes) -> bool:
    # Of the elements of a list the server asks a user-defined type as it does a tuple.
    return (
        _is_longer_tuple(old, new, types, in_order=False) if new.is_user_defined else _has_same_values(old, new, types)
    )


def _sorts_alike(old: CqlType, new: CqlType, types: UserTypes) -> bool:
    """Follow ``isCompatibleWith``, for which values must keep their order, too."""
    if new.is_user_defined or new.name == "tuple":
        return _is_longer_tuple(old, new, types, in_order=True)
    if not new.is_collection:
        if new.name == "blob":
            return old.name in ("blob", "ascii", "text")
        return old == new or (new.name, old.name) == ("text", "ascii")
    if old.name != new.name or old.is_multi_cell != new.is_multi_cell:
        return False
    if not new.is_multi_cell:
        return all(_sorts_alike(*pair, types) for pair in zip(old.arguments, new.arguments, strict=True))
    # The names of cells are positions in a list, else elements or keys.
    is_named_alike = new.name == "list" or _sorts_alike(old.arguments[0], new.arguments[0], types)
    return is_named_alike and (new.name == "set" or is_readable_as(old.arguments[-1], new.arguments[-1], types))


def _is_longer_tuple(old: CqlType, new: CqlType, types: UserTypes, *, in_order: bool) -> bool:
    fields = new.arguments
    if new.is_user_defined:
        fields = tuple(_frozen(field) for _name, field in types.get(new.name, ()))
    if old.name != "tuple" or len(fields) < len(old.arguments):
        return False
    same = _sorts_alike if in_order else _has_same_values
    return all(same(*pair, types) for pair in zip(old.arguments, fields, strict=False))


def _is_compatible(old: CqlType, new: CqlType) -> bool:
    return old == new if new.name == "vector" else is_compatible(old, new)


def _length(type_: CqlType) -> int | None:
    if type_.name == "vector" and not type_.is_user_defined:
        element = _length(type_.arguments[0])
        return None if element is None else element * type_.dimension
    return None if type_.is_user_defined else _LENGTHS.get(type_.name)
