"""The view file and the indexes that would answer a SELECT, or why none does. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from cassandra_client.names import quoted
from cassandra_views.cql.index_rules import index_target, may_index, storage_attached_indexes
from cassandra_views.cql.select_rules import assess_select
from cassandra_views.cql.select_text import SelectStatement
from cassandra_views.cql.types import parse_type
from cassandra_views.model.schema import Column, ColumnKind, IndexKind, TableIndex, TableShape
from cassandra_views.model.statement import Operator, Relation, Subject

_EQUALITIES = (Operator.EQUAL, Operator.IN)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadProposal:
    """Something that would answer.

    Args:
        kind: view or index.
        text: the view's file, or the statements.
        note: what it costs, and what it leaves out.
    """

    kind: str
    text: str
    note: str


def propose_view(statement: SelectStatement, base: TableShape) -> ReadProposal | str:
    """Return the file of a view that answers a SELECT, or why no view of this base can."""
    partition, order = partition_and_order_columns(statement)
    fault = _why_no_view(statement, base, partition, order)
    if fault:
        return fault
    rest = [column.name for column in base.key_columns if column.name not in (*partition, *order)]
    key = [*partition, *order, *rest]
    shown = [column.name for column in base] if statement.selects_all else statement.columns
    columns = list(dict.fromkeys([*key, *shown]))
    directions = dict(statement.order)
    sorting = ", ".join(f"{quoted(name)} {'DESC' if directions.get(name) else 'ASC'}" for name in (*order, *rest))
    first = ", ".join(map(quoted, partition))
    lines = [
        "---",
        f"keyspace: {base.keyspace}",
        "---",
        "CREATE MATERIALIZED VIEW {{ view }} AS",
        f"SELECT {', '.join(map(quoted, columns))}",
        f"FROM {{{{ base('{base.name}') }}}}",
        f"WHERE {' AND '.join(f'{quoted(name)} IS NOT NULL' for name in key)}",
        f"PRIMARY KEY ({', '.join([f'({first})', *map(quoted, [*order, *rest])])})",
    ]
    if sorting:
        lines.append(f"WITH CLUSTERING ORDER BY ({sorting})")
    descending = frozenset(name for name, is_descending in statement.order if is_descending)
    shape = view_shape(base, columns=columns, partition=partition, clustering=[*order, *rest], descending=descending)
    answer = assess_select(statement, shape)
    if not answer.answers:
        return "; ".join(answer.refusals or answer.filtering or answer.unjudged)
    note = (
        f"A file such as cql_templates/views/{base.name}_by_{'_'.join(partition)}.cql.j2; 'views plan' says what it "
        "costs. Each write of the table then writes it, too"
    )
    restricted = {name for each in statement.where for name in each.columns}
    added = [name for name in key if (column := base.find_column(name)) and not column.is_key]
    note += f". Rows without {added[0]} are not in it" if added and added[0] not in restricted else ""
    return ReadProposal(kind="view", text="\n".join(lines), note=note)


def view_shape(
    base: TableShape,
    *,
    columns: Collection[str],
    partition: Sequence[str],
    clustering: Sequence[str],
    descending: Collection[str],
) -> TableShape:
    """Return the shape of a view of these columns and this key on a base."""
    places = {name: (ColumnKind.PARTITION_KEY, place) for place, name in enumerate(partition)}
    places |= {name: (ColumnKind.CLUSTERING, place) for place, name in enumerate(clustering)}
    found = []
    for column in base:
        if column.name in columns:
            kind, position = places.get(column.name, (ColumnKind.REGULAR, -1))
            is_descending = kind is ColumnKind.CLUSTERING and column.name in descending
            found.append(replace(column, kind=kind, position=position, is_descending=is_descending))
    return TableShape(keyspace=base.keyspace, name=base.name, columns=tuple(found))


def partition_and_order_columns(statement: SelectStatement) -> tuple[list[str], list[str]]:
    """Return the columns that a key needs first: those of its partition, then those of its order."""
    equality_columns = [each.columns[0] for each in statement.where if each.operator in _EQUALITIES]
    ranges = [each.columns[0] for each in statement.where if _is_range(each)]
    order = [name for name, _ in statement.order or statement.group if name not in equality_columns]
    sorted_by = order if not ranges or set(ranges) <= set(order[:1]) else [*ranges, *order]
    return (
        list(dict.fromkeys(equality_columns)),
        list(dict.fromkeys(each for each in sorted_by if each not in equality_columns)),
    )


def _is_range(relation: Relation) -> bool:
    return relation.operator.is_range or relation.operator is Operator.BETWEEN


def _why_no_view(statement: SelectStatement, base: TableShape, partition: list[str], order: list[str]) -> str:
    """Return why no view of this base can answer; empty where one may."""
    known = {column.name: column for column in base}
    wanted = [*statement.columns, *partition, *order, *(name for name, _ in statement.group)]
    unknown = [name for name in wanted if name not in known]
    if unknown:
        return f"{base} has no column '{unknown[0]}'"
    if base.is_counter:
        return "its base holds counters, which no view can show"
    odd = [each for each in statement.where if each.subject is not Subject.COLUMN]
    if odd or statement.unjudged:
        return f"a view is made for conditions on plain columns, and this has {_named(odd, statement)}"
    hard = [each for each in statement.where if each.operator not in _EQUALITIES and not _is_range(each)]
    if hard:
        return f"no key answers {hard[0].operator.value}"
    if not partition:
        return "no column is given by = or IN, so there is no partition to read"
    ranges = {each.columns[0] for each in statement.where if _is_range(each)}
    if len(ranges) > 1:
        return f"{', '.join(sorted(ranges))} are each asked for by a range, and a key answers one"
    if ranges and statement.order and statement.order[0][0] not in {*ranges, *partition}:
        return "rows are sorted by another column than the one that is asked for by a range"
    shown = [column.name for column in base] if statement.selects_all else wanted
    static = [name for name in dict.fromkeys([*shown, *wanted]) if known[name].kind is ColumnKind.STATIC]
    if static:
        return f"it asks for static columns, which no view holds: {', '.join(static)}"
    added = [name for name in (*partition, *order) if not known[name].is_key]
    if len(added) > 1:
        return f"a view's key may hold one column that is not in its base's key, and this needs {', '.join(added)}"
    unfit = next((known[name] for name in added if _is_unfit(known[name])), None)
    return f"'{unfit.name}' is {unfit.type}, which no key can hold" if unfit is not None else ""


def _named(odd: Sequence[Relation], statement: SelectStatement) -> str:
    return f"one on {odd[0].subject.value}" if odd else statement.unjudged[0]


def _is_unfit(column: Column) -> bool:
    type_ = parse_type(column.type)
    return type_.is_multi_cell or type_.is_custom or type_.mentions("duration") or type_.name in ("counter", "vector")


def propose_indexes(
    statement: SelectStatement, base: TableShape, indexes: Iterable[TableIndex], *, has_sai: bool
) -> ReadProposal | None:
    """Return the storage-attached indexes with which the base answers a SELECT; None where none do.

    Args:
        indexes: those that the base has.
        has_sai: whether the nodes have such indexes.
    """
    indexes = tuple(indexes)
    if not has_sai or statement.order or base.is_counter:
        return None
    for columns in _column_sets(statement, base):
        made = [index for column in columns for index in storage_attached_indexes(column, statement.where)]
        made = list(dict.fromkeys(each for each in made if each not in indexes))
        held = {(each.column, each.part) for each in indexes if each.kind is IndexKind.SAI}
        made = [each for each in made if (each.column, each.part) not in held]
        answer = assess_select(statement, base, (*indexes, *made))
        if made and answer.answers and all(may_index(base, each) for each in made):
            table = f"{quoted(base.keyspace)}.{quoted(base.name)}"
            text = "\n".join(f"CREATE INDEX ON {table} ({index_target(each)}) USING 'sai';" for each in made)
            where = "the replicas of one partition" if answer.is_whole_partition else "every node at each read"
            note = f"It asks {where}{'' if answer.is_whole_partition else ': for few reads'}"
            return ReadProposal(kind="index", text=text, note=f"{note}. Writes cost less than with a view")
    return None


def _column_sets(statement: SelectStatement, base: TableShape) -> Iterator[list[Column]]:
    """Yield which columns to index, fewest first: those outside of the key, then more and more of the key."""
    conditions = [each for each in statement.where if each.subject is not Subject.INDEX]
    names = dict.fromkeys(name for each in conditions for name in each.columns)
    asked = [column for name in names if (column := base.find_column(name)) is not None]
    outside = [column for column in asked if not column.is_key]
    clustering = [column for column in asked if column.kind is ColumnKind.CLUSTERING]
    yield outside
    for place in range(len(clustering) - 1, -1, -1):
        yield [*outside, *clustering[place:]]
    yield asked


__all__ = ["ReadProposal", "partition_and_order_columns", "propose_indexes", "propose_view", "view_shape"]
