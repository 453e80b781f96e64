"""Which conditions an index answers, and which storage-attached indexes a server makes; tried on 5.0.9."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from cassandra_client.names import quoted
from cassandra_views.cql.types import NATIVE, CqlType, parse_type
from cassandra_views.model.names import PHYSICAL_NAME_LIMIT, is_word
from cassandra_views.model.schema import Column, ColumnKind, IndexKind, TableIndex, TableShape
from cassandra_views.model.statement import Operator, Relation, Subject


def index_answers(index: TableIndex, column: Column, operator: Operator) -> bool:
    """Tell whether an index answers a condition on a column; an equality of entries is one by ``=``."""
    if index.column != column.name:
        return False
    type_ = parse_type(column.type)
    is_range = operator.is_range
    match index.kind:
        case IndexKind.LEGACY if type_.is_collection and type_.is_multi_cell:
            return operator is _operator_of_part(index, type_)
        case IndexKind.LEGACY:
            return operator is Operator.EQUAL
        case IndexKind.SASI:
            is_text = type_.name in ("text", "ascii")
            return operator is Operator.EQUAL or (is_text and operator is Operator.LIKE) or (is_range and not is_text)
        case IndexKind.SAI if type_.name == "vector":
            return False
        case IndexKind.SAI if type_.is_collection and type_.is_multi_cell:
            return operator is _operator_of_part(index, type_)
        case IndexKind.SAI:
            is_literal = type_.name in ("text", "ascii", "boolean") or bool(type_.arguments) or type_.is_user_defined
            has_order = type_.name != "uuid" or column.is_descending  # servers look at the type as it is kept
            has_ranges = not is_literal and has_order and index.part != "full"
            return operator is Operator.EQUAL or (is_range and has_ranges)
        case _:
            return False


def _operator_of_part(index: TableIndex, type_: CqlType) -> Operator:
    if index.part == "entries":
        return Operator.EQUAL
    return Operator.CONTAINS_KEY if index.part == "keys" and type_.name == "map" else Operator.CONTAINS


def storage_attached_indexes(column: Column, where: Iterable[Relation]) -> Iterator[TableIndex]:
    """Yield the storage-attached indexes that the conditions on a column need."""
    type_ = parse_type(column.type)
    for each in where:
        if column.name not in each.columns:
            continue
        part = ""
        if type_.is_collection and type_.is_frozen:
            part = "full"
        elif type_.is_collection and each.subject is Subject.ELEMENT:
            part = "entries"
        elif type_.is_collection:
            part = "keys" if each.operator is Operator.CONTAINS_KEY else "values"
        yield TableIndex(name="", kind=IndexKind.SAI, column=column.name, part=part)


def index_target(index: TableIndex) -> str:
    """Return what an index is on, as CREATE INDEX takes it."""
    return f"{index.part}({quoted(index.column)})" if index.part else quoted(index.column)


def may_index(base: TableShape, index: TableIndex) -> bool:
    """Tell whether servers make a storage-attached index of it."""
    column = base.find_column(index.column)
    if column is None or not is_word(column.name) or len(column.name) > PHYSICAL_NAME_LIMIT or base.is_compact:
        return False
    if column.kind is ColumnKind.PARTITION_KEY and len(base.partition_key) == 1:
        return False
    type_ = parse_type(column.type)
    if type_.mentions("duration") or type_.is_custom or type_.name == "vector":
        return False
    if type_.is_user_defined:
        return type_.is_frozen
    parts = {"keys": type_.arguments[:1], "values": type_.arguments[-1:], "entries": type_.arguments}
    return all(
        bool(one.arguments) or one.is_user_defined or one.name in NATIVE - {"blob", "counter"}
        for one in parts.get(index.part, (type_,))
    )


__all__ = ["index_answers", "index_target", "may_index", "storage_attached_indexes"]
