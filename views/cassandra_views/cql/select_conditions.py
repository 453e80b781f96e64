"""The conditions of a SELECT as a server merges them, by columns of one table and with the indexes that answer them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from cassandra_views.cql.index_rules import index_answers
from cassandra_views.cql.literals import UserNames
from cassandra_views.cql.restrictions import RefusedRelation, Restriction, merge_restriction, restriction_of
from cassandra_views.model.schema import Column, ColumnKind, IndexKind, TableIndex, TableShape
from cassandra_views.model.statement import Operator, Relation, Subject, WindowBound


class SelectConditions:
    """What a WHERE restricts.

    Attributes:
        by_column: the restriction of each column.
        refusals: what a server refuses of the conditions by themselves, and of their meeting.
    """

    def __init__(
        self, where: Sequence[Relation], shape: TableShape, indexes: Sequence[TableIndex], *, may_filter: bool
    ) -> None:
        self._shape = shape
        self._indexes = indexes
        self._may_filter = may_filter
        self._operators: dict[str, list[Operator]] = {}
        self.by_column: dict[str, Restriction] = {}
        self._token_sides: list[str] = []
        self.refusals = [fault for relation in where for fault in self._take(relation)]

    @property
    def partition(self) -> list[Restriction]:
        """Those of the partition key, in its order."""
        return self._restrictions(self._shape.partition_key)

    @property
    def clustering(self) -> list[Restriction]:
        """Those of the clustering columns, in their order."""
        return self._restrictions(self._shape.clustering)

    @property
    def others(self) -> list[Restriction]:
        """Those of columns outside of the key."""
        return self._restrictions(column for column in self._shape if not column.is_key)

    @property
    def is_whole_partition(self) -> bool:
        """Tell whether the whole partition key is given by = or IN."""
        partition = self.partition
        return len(partition) == len(self._shape.partition_key) and all(each.kind in ("EQ", "IN") for each in partition)

    @property
    def has_several_partitions(self) -> bool:
        """Tell whether IN gives several values of the partition key."""
        partition = self.partition
        return any(each.kind == "IN" for each in partition) and not (self.has_token and not self.is_whole_partition)

    def is_indexed(self, restriction: Restriction) -> bool:
        """Tell whether some index answers a restriction, or a part of it."""
        return any(self._answers(index, restriction) for index in self._indexes)

    def is_answered_by(self, group: Sequence[TableIndex], restriction: Restriction) -> bool:
        """Tell whether indexes that work together answer the whole of a restriction."""
        if restriction.kind == "CONTAINS" and len(self._operators.get(restriction.first.name, ())) > 1:
            group = [each for each in group if each.kind is not IndexKind.LEGACY]
        return all(
            any(
                index_answers(index, column, operator)
                for index in group
                for operator in self._operators.get(column.name, ())
            )
            for column in restriction.columns
        )

    def is_filtered(self, clustering: Sequence[Restriction]) -> bool:
        """Tell whether restrictions of clustering columns are no slice of the partition."""
        position = 0
        for each in clustering:
            if each.kind in ("CONTAINS", "LIKE") or each.first.position != position:
                return True
            if each.kind != "SLICE":
                position = each.columns[-1].position + 1
        return False

    def is_equal(self, column: Column) -> bool:
        """Tell whether a column is given by =."""
        restriction = self.by_column.get(column.name)
        return restriction is not None and restriction.kind == "EQ"

    def used_indexes(self) -> list[TableIndex]:
        """Return the indexes that answer some condition beside the key."""
        found = [
            index
            for index in self._indexes
            for each in dict.fromkeys(self.by_column.values())
            if self._answers(index, each)
        ]
        is_by_key = self.is_whole_partition and not self.is_filtered(self.clustering)
        has_others = any(not each.first.is_key for each in self.by_column.values())
        return [] if is_by_key and not has_others else list(dict.fromkeys(found))

    def _take(self, relation: Relation) -> Iterator[str]:
        """Add a relation to the restrictions; yield why the server refuses it."""
        operator = relation.operator
        if operator is Operator.IS_NOT_NULL:
            yield "a SELECT takes no IS NOT NULL"
            return
        if operator is Operator.NOT_EQUAL:
            yield "a SELECT takes no !="
            return
        if relation.subject is Subject.TOKEN:
            yield from self._take_token(relation)
            return
        try:
            if operator is Operator.LIKE:
                yield from self._take_like(relation)
                return
            restriction = restriction_of(relation, self._shape, UserNames())
            if restriction is None:
                return
            for column in restriction.columns:
                is_single = operator is Operator.IN and restriction.kind == "EQ"
                self._operators.setdefault(column.name, []).append(Operator.EQUAL if is_single else operator)
            if not self._may_filter and restriction.first.kind is ColumnKind.CLUSTERING:
                yield from self._slice_faults(restriction)
            merge_restriction(self.by_column, restriction)
        except RefusedRelation as refusal:
            yield str(refusal).replace(f":{WindowBound.START.value}", "?")

    def _take_like(self, relation: Relation) -> Iterator[str]:
        column = self._shape.find_column(relation.columns[0])
        assert column is not None
        if not any(index_answers(index, column, Operator.LIKE) for index in self._indexes):
            yield f"'{column.name}' is asked for by LIKE, which no key and no index that it has answers"
            return
        self._operators.setdefault(column.name, []).append(Operator.LIKE)
        merge_restriction(self.by_column, Restriction((column,), "LIKE"))

    def _take_token(self, relation: Relation) -> Iterator[str]:
        partition = [column.name for column in self._shape.partition_key]
        if list(relation.columns) != partition:
            yield f"token() takes its partition key, which is {', '.join(partition)}"
        elif relation.operator is not Operator.EQUAL and not relation.operator.is_range:
            yield f"token() takes no {relation.operator.value}"
        side = relation.operator.value[0]
        if (self._token_sides and "=" in (side, *self._token_sides)) or side in self._token_sides:
            yield "token() is asked for more than once, by = or from the same side"
        self._token_sides.append(side)

    @property
    def has_token(self) -> bool:
        """Tell whether token() is among the conditions."""
        return bool(self._token_sides)

    def _slice_faults(self, new: Restriction) -> Iterator[str]:
        """Yield the fault of a restriction on one side of another that is a slice."""
        before = self.clustering
        if not before or self.is_indexed(new):
            return
        last = before[-1]
        if last.kind == "SLICE" and new.first.position > last.first.position:
            yield after_text(new.first, last.first)
        if new.kind == "SLICE" and new.first.position < last.first.position:
            yield after_text(last.first, new.first)

    def _restrictions(self, columns: Iterable[Column]) -> list[Restriction]:
        found = (self.by_column.get(column.name) for column in columns)
        return list(dict.fromkeys(each for each in found if each is not None))

    def _answers(self, index: TableIndex, restriction: Restriction) -> bool:
        return any(
            index_answers(index, column, operator)
            for column in restriction.columns
            for operator in self._operators.get(column.name, ())
        )


def after_text(column: Column, other: Column) -> str:
    """Return the fault of a clustering column behind one that is not given by =."""
    return f"'{column.name}' stands after '{other.name}' in its key, which is not given by ="


__all__ = ["SelectConditions", "after_text"]
