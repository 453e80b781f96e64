"""What a server says of a SELECT on one table or view: why it refuses it, and why it asks for ALLOW FILTERING.

Follows SelectStatement and StatementRestrictions of 5.0, in their order; tried on 5.0.9.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from cassandra_views.cql.restrictions import Restriction
from cassandra_views.cql.select_conditions import SelectConditions, after_text
from cassandra_views.cql.select_text import SelectStatement
from cassandra_views.cql.types import parse_type
from cassandra_views.model.names import nearest
from cassandra_views.model.schema import Column, ColumnKind, IndexKind, TableIndex, TableShape
from cassandra_views.model.statement import Operator, Relation, Subject

_CONTAINS = (Operator.CONTAINS, Operator.CONTAINS_KEY)
_NEWER = (Operator.NOT_IN, Operator.NOT_CONTAINS, Operator.NOT_CONTAINS_KEY)


@dataclass(frozen=True, slots=True, kw_only=True)
class SelectAssessment:
    """What a server says of a SELECT on one table or view.

    Args:
        refusals: why it refuses it, with ALLOW FILTERING, too.
        filtering: why it asks for ALLOW FILTERING.
        unjudged: what is not judged here, so that the rest decides nothing.
        indexes: those that it goes by.
        is_whole_partition: the whole partition key is given by = or IN.
    """

    refusals: tuple[str, ...] = ()
    filtering: tuple[str, ...] = ()
    unjudged: tuple[str, ...] = ()
    indexes: tuple[TableIndex, ...] = ()
    is_whole_partition: bool = False

    @property
    def answers(self) -> bool:
        """Tell whether the table answers without filtering."""
        return not (self.refusals or self.filtering or self.unjudged)

    @property
    def filtered_rows(self) -> str:
        """Which rows ALLOW FILTERING makes a server read."""
        if self.indexes:
            return f"every row that {', '.join(each.name for each in self.indexes)} finds"
        return f"every row of the {'partition' if self.is_whole_partition else 'table'}"


def assess_select(
    statement: SelectStatement,
    shape: TableShape,
    indexes: Iterable[TableIndex] = (),
    *,
    base: TableShape | None = None,
    has_hints: bool = False,
) -> SelectAssessment:
    """Return what a server says of a SELECT, were this table or view what it reads from.

    Args:
        indexes: of the table; a view has none.
        base: of a view.
        has_hints: tell the nearest name beside a column that there is not.
    """
    indexes = tuple(indexes)
    missing = tuple(_missing_columns(statement, shape, has_hints=has_hints))
    if missing:
        return SelectAssessment(refusals=missing)
    unjudged = [*statement.unjudged, *(text for each in statement.where if (text := _unjudged(each)))]
    where = [one for each in statement.where if not _unjudged(each) for one in _halves(each)]
    known = [each for each in indexes if each.kind is not IndexKind.CUSTOM]
    lenient = _Reading(statement, where, shape, known, may_filter=True)
    strict = _Reading(statement, where, shape, known, may_filter=False)
    refusals = tuple(dict.fromkeys(lenient.faults()))
    filtering = tuple(each for each in dict.fromkeys(strict.faults()) if each not in refusals)
    if not refusals:
        unjudged += _doubts(statement, shape, base, strict.conditions)
    asked = {name for each in statement.where for name in each.columns}
    if refusals or filtering:
        unjudged += [
            f"the index {each.name}, which may answer it"
            for each in indexes
            if each.kind is IndexKind.CUSTOM and each.column in ("", *asked)
        ]
    return SelectAssessment(
        refusals=refusals,
        filtering=filtering,
        unjudged=tuple(unjudged),
        indexes=tuple(strict.conditions.used_indexes()),
        is_whole_partition=strict.conditions.is_whole_partition,
    )


def _missing_columns(statement: SelectStatement, shape: TableShape, *, has_hints: bool) -> Iterator[str]:
    own = [column.name for column in shape]
    asked = [name for each in statement.where if each.subject is not Subject.INDEX for name in each.columns]
    sorting = [name for name, _ in (*statement.group, *statement.order)]
    for name in dict.fromkeys([*statement.columns, *asked, *sorting]):
        if name not in own:
            yield f"it has no column '{name}'{nearest(name, own) if has_hints else ''}"


def _unjudged(relation: Relation) -> str:
    if relation.subject is Subject.INDEX:
        return f"expr({relation.columns[0]}, ...)"
    if relation.operator in _NEWER:
        return f"{relation.operator.value}, which servers newer than 5.0 know"
    return ""


def _doubts(
    statement: SelectStatement, shape: TableShape, base: TableShape | None, conditions: SelectConditions
) -> Iterator[str]:
    """Yield what decides whether the server refuses it, and is known to the server alone."""
    if statement.order and conditions.has_several_partitions and conditions.has_token:
        yield "token() beside IN on the partition key, which may leave nothing to sort"
    # A view keeps the type that its base has in memory, in which a descending one is wrapped; the schema does not.
    kept = {column.name for column in base.clustering if column.is_descending} if base is not None else set()
    wrapped = kept & {column.name for column in shape.partition_key}
    for each in statement.where:
        if each.operator in _CONTAINS and each.columns[0] in wrapped:
            yield (
                f"{each.operator.value} on '{each.columns[0]}', which its base sorts descending: "
                "the server that made the view refuses it until it starts again"
            )


def _halves(relation: Relation) -> tuple[Relation, ...]:
    """Return BETWEEN as its two bounds, any other relation as it is."""
    if relation.operator is not Operator.BETWEEN:
        return (relation,)
    lower, upper = ((each,) for each in relation.values)
    return (
        replace(relation, operator=Operator.GREATER_OR_EQUAL, values=lower),
        replace(relation, operator=Operator.LESS_OR_EQUAL, values=upper),
    )


class _Reading:
    """One SELECT on one table, with or without ALLOW FILTERING."""

    def __init__(
        self,
        statement: SelectStatement,
        where: Sequence[Relation],
        shape: TableShape,
        indexes: Sequence[TableIndex],
        *,
        may_filter: bool,
    ) -> None:
        self._statement = statement
        self._shape = shape
        self._indexes = indexes
        self._may_filter = may_filter
        self.conditions = SelectConditions(where, shape, indexes, may_filter=may_filter)

    def faults(self) -> Iterator[str]:
        """Yield why the server refuses it."""
        conditions = self.conditions
        yield from conditions.refusals
        partition, clustering, others = conditions.partition, conditions.clustering, conditions.others
        has_clustering_index = any(map(conditions.is_indexed, clustering))
        has_index = has_clustering_index or any(map(conditions.is_indexed, (*partition, *others)))
        is_filtered_partition = bool(partition) and not conditions.is_whole_partition
        is_range = is_filtered_partition or not partition
        if conditions.has_token and len(partition) < len(self._shape.partition_key):
            is_range = True
        uses_index = has_index and (is_filtered_partition or not (partition or conditions.has_token))
        filters: list[Restriction] = []
        if is_filtered_partition and not (has_index or self._may_filter):
            yield from self._partition_faults()
        if uses_index or is_filtered_partition:
            filters += partition
        if clustering and self._selects_only_static():
            yield "it asks for static columns alone, and for rows by clustering columns"
        is_filtered_clustering = conditions.is_filtered(clustering)
        if is_filtered_clustering and has_index:
            uses_index = True
        elif is_filtered_clustering and not self._may_filter:
            yield from self._clustering_faults(clustering)
        uses_index = uses_index or (is_range and has_clustering_index)
        if uses_index or is_filtered_clustering:
            filters += clustering
            yield from self._tuple_faults(clustering)
        yield from self._vector_faults(others)
        if others:
            filters += others
            uses_index = uses_index or has_index
            if not (has_index or self._may_filter):
                yield from (f"'{each.first.name}' is not part of its key" for each in others)
        if uses_index and conditions.has_several_partitions:
            yield "an index and IN on the partition key are refused together"
        yield from self._distinct_faults(clustering, others, is_range=is_range)
        yield from self._group_faults()
        if self._statement.order:
            yield from self._order_faults(is_range=is_range, uses_index=uses_index)
        if not self._may_filter and (is_range or uses_index):
            yield from self._filter_faults(filters, clustering, has_index=has_index)

    def _partition_faults(self) -> Iterator[str]:
        for column in self._shape.partition_key:
            restriction = self.conditions.by_column.get(column.name)
            if restriction is None:
                yield f"'{column.name}' of its partition key is not given"
            elif restriction.kind not in ("EQ", "IN"):
                yield f"'{column.name}' is part of its partition key, which is asked for by = or IN alone"

    def _clustering_faults(self, clustering: Sequence[Restriction]) -> Iterator[str]:
        restricted = [column.name for each in clustering for column in each.columns]
        for each in clustering:
            if each.kind == "CONTAINS":
                yield f"'{each.first.name}' is asked for by CONTAINS, which no key answers"
        for own, name in zip(self._shape.clustering, restricted, strict=False):
            if own.name != name:
                column = self._shape.find_column(name)
                assert column is not None
                yield after_text(column, own)
                return

    def _tuple_faults(self, clustering: Sequence[Restriction]) -> Iterator[str]:
        """Yield what no server filters by: several columns together, by a range or IN."""
        position = 0
        for each in clustering:
            is_filtered = each.first.position != position or self.conditions.is_indexed(each)
            is_refused = each.kind == "SLICE" or (each.kind == "IN" and len(each.columns) > 1)
            if is_filtered and each.is_tuple and is_refused:
                yield f"no server filters by {', '.join(column.name for column in each.columns)} together"
            elif not is_filtered and each.kind != "SLICE":
                position = each.columns[-1].position + 1

    def _vector_faults(self, others: Sequence[Restriction]) -> Iterator[str]:
        for each in others:
            is_indexed = any(index.column == each.first.name for index in self._indexes)
            if parse_type(each.first.type).name == "vector" and is_indexed:
                yield f"'{each.first.name}' is a vector with an index, which answers ORDER BY ... ANN OF alone"

    def _selects_only_static(self) -> bool:
        kinds = {column.kind for name in self._statement.columns if (column := self._shape.find_column(name))}
        return ColumnKind.STATIC in kinds and kinds <= {ColumnKind.STATIC, ColumnKind.PARTITION_KEY}

    def _distinct_faults(
        self, clustering: Sequence[Restriction], others: Sequence[Restriction], *, is_range: bool
    ) -> Iterator[str]:
        if not self._statement.is_distinct:
            return
        outside = [each.first for each in (*clustering, *others) if each.first.kind is not ColumnKind.STATIC]
        names = [column.name for column in self._shape] if self._statement.selects_all else self._statement.columns
        shown = [column for name in names if (column := self._shape.find_column(name)) is not None]
        wrong = [each for each in shown if each.kind not in (ColumnKind.PARTITION_KEY, ColumnKind.STATIC)]
        if outside or wrong:
            named = ", ".join(dict.fromkeys(f"'{column.name}'" for column in (*outside, *wrong)))
            yield f"DISTINCT takes columns of the partition key and static ones alone, not {named}"
        elif is_range and not {column.name for column in self._shape.partition_key} <= set(names):
            yield "DISTINCT over several partitions asks for the whole partition key"

    def _group_faults(self) -> Iterator[str]:
        if self._statement.is_aggregate and self._statement.has_partition_limit and not self._statement.group:
            yield "PER PARTITION LIMIT is refused with aggregates of all rows"
        if self._statement.is_distinct and self._statement.has_partition_limit:
            yield "PER PARTITION LIMIT is refused with DISTINCT"
        key = list(self._shape.key_columns)
        position = 0
        for place, (name, is_in_function) in enumerate(self._statement.group):
            position = self._next_of(key, name, position)
            is_next = position < len(key) and key[position].name == name
            if not is_next or (is_in_function and place < len(self._statement.group) - 1):
                yield f"GROUP BY takes the columns of its key in their order, which is {', '.join(c.name for c in key)}"
                return
            if is_in_function and key[position].kind is not ColumnKind.CLUSTERING:
                yield f"GROUP BY takes a function of a clustering column alone, and '{name}' is none"
            position += 1
        if self._statement.group and position < len(self._shape.partition_key):
            yield "GROUP BY takes the whole partition key, not a part of it"
        elif self._statement.group and self._statement.is_distinct and position > len(self._shape.partition_key):
            yield "DISTINCT takes no GROUP BY of clustering columns"

    def _next_of(self, columns: Sequence[Column], name: str, position: int) -> int:
        """Return the place of a column after a place, or of the first one before it that is not given by =."""
        while (
            position < len(columns) and columns[position].name != name and self.conditions.is_equal(columns[position])
        ):
            position += 1
        return position

    def _order_faults(self, *, is_range: bool, uses_index: bool) -> Iterator[str]:
        order = dict(self._statement.order)
        position = 0
        clustering = list(self._shape.clustering)
        for name in order:
            position = self._next_of(clustering, name, position)
            if position == len(clustering) or clustering[position].name != name:
                free = [column.name for column in clustering if not self.conditions.is_equal(column)]
                yield f"its rows are sorted by {', '.join(free) or 'nothing'}, not by {', '.join(order)}"
                return
            position += 1
        if uses_index:
            yield "rows that an index finds are not sorted"
        elif is_range:
            yield "its rows are sorted inside of each partition, and not all of its partition key is given by = or IN"
        directions = {order[column.name] != column.is_descending for column in clustering if column.name in order}
        if len(directions) > 1:
            yield "its rows are sorted in another mix of ASC and DESC"
        if self.conditions.has_several_partitions and not self.conditions.has_token:
            yield "ORDER BY with IN on the partition key is refused where drivers ask for pages, as they do by default"

    def _filter_faults(
        self, filters: Sequence[Restriction], clustering: Sequence[Restriction], *, has_index: bool
    ) -> Iterator[str]:
        """Yield why what is left after keys and indexes needs a filter."""
        if not filters:
            if clustering:
                yield from self._partition_faults()
            return
        if not has_index:
            return  # it was told above
        sai = [each for each in self._indexes if each.kind is IndexKind.SAI]
        groups = [sai, *([each] for each in self._indexes if each.kind is not IndexKind.SAI)]
        left = [
            [each for each in filters if not self.conditions.is_answered_by(group, each)] for group in groups if group
        ]
        fewest = min(left, key=len)
        if fewest:
            named = ", ".join(f"'{column.name}'" for each in fewest for column in each.columns)
            yield f"no index answers {named} together with the rest"


__all__ = ["SelectAssessment", "assess_select"]
