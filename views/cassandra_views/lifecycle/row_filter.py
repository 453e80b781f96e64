"""A view's WHERE, carried out here on rows of the base, where the servers forbid ALLOW FILTERING.

The constants are put into values by the server itself (``SELECT (type) literal``), so that a literal
means here what it means there; only comparisons are ours, in the order of the server's types.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

from cassandra_views.cluster.database import Database
from cassandra_views.cql.printing import relation_cql, term_cql
from cassandra_views.model.errors import ClusterError
from cassandra_views.model.relation import Operator, Relation, Subject
from cassandra_views.model.table import TableShape
from cassandra_views.model.term import Sequence as Terms
from cassandra_views.model.term import Term

_COMPARISONS: dict[Operator, Callable[[Any, Any], bool]] = {
    Operator.EQUAL: operator.eq,
    Operator.LESS: operator.lt,
    Operator.LESS_OR_EQUAL: operator.le,
    Operator.GREATER: operator.gt,
    Operator.GREATER_OR_EQUAL: operator.ge,
}
_ORDERED = frozenset(
    """ascii text tinyint smallint int bigint varint decimal float double boolean blob
    date time timestamp timeuuid""".split()  # noqa: SIM905
)
"""Types whose values Python orders as the server does (``timeuuid`` by ``_ordered``); of the others only
equality is judged."""

Test = Callable[[Sequence[Any]], bool]


class RowFilter:
    """Tells of a row of the base whether it belongs to the view.

    Args:
        relations: of the view's WHERE, without IS NOT NULL.
        columns: what each row holds, in order; every column of the relations is among them.

    Raises:
        ClusterError: a relation cannot be judged here.
    """

    def __init__(
        self, database: Database, base: TableShape, relations: Sequence[Relation], columns: Sequence[str]
    ) -> None:
        self._database = database
        self._base = base
        self._places = {name: index for index, name in enumerate(columns)}
        self._tests = [self._test(relation) for relation in relations]

    def __call__(self, row: Sequence[Any]) -> bool:
        """Tell whether the row meets every relation; a null meets none."""
        return all(test(row) for test in self._tests)

    def _test(self, relation: Relation) -> Test:
        places = [self._places[name] for name in relation.columns]
        types = [self._type(name) for name in relation.columns]
        is_known = relation.subject in (Subject.COLUMN, Subject.TUPLE)
        if is_known and relation.operator is Operator.IN:
            wanted = [self._constant(value, types) for value in relation.values]
            return lambda row: _picked(row, places, types) in wanted
        compare = _COMPARISONS.get(relation.operator)
        is_ordered = relation.operator is Operator.EQUAL or all(each in _ORDERED for each in types)
        if not is_known or compare is None or not is_ordered:
            raise ClusterError(
                f"the servers forbid ALLOW FILTERING, and '{relation_cql(relation)}' can only be judged by them",
                on=str(self._base),
                remains="It was not served",
                next="Set allow_filtering_enabled: true on the nodes, or write that condition as comparisons",
            )
        bound = self._constant(relation.values[0], types)

        def test(row: Sequence[Any]) -> bool:
            value = _picked(row, places, types)
            return None not in value and compare(value, bound)

        return test

    def _type(self, name: str) -> str:
        column = self._base.find_column(name)
        return column.type if column else "text"

    def _constant(self, term: Term, types: Sequence[str]) -> tuple[Any, ...]:
        """Return what the server makes of a constant, one value a column."""
        terms = term.items if len(types) > 1 and isinstance(term, Terms) else (term,)
        what = ", ".join(
            f"({type_}) {term_cql(each)} AS c{index}"
            for index, (type_, each) in enumerate(zip(types, terms, strict=True))
        )
        row = self._database.rows(f"SELECT {what} FROM system.local")[0]
        return tuple(_ordered(value, type_) for value, type_ in zip(row.values(), types, strict=True))


def _picked(row: Sequence[Any], places: Sequence[int], types: Sequence[str]) -> tuple[Any, ...]:
    return tuple(_ordered(row[place], type_) for place, type_ in zip(places, types, strict=True))


def _ordered(value: Any, type_: str) -> Any:
    """Return a value that Python compares as the server does."""
    if type_ == "timeuuid" and isinstance(value, UUID):
        # TimeUUIDType: by time, then by the signed bytes of the rest.
        return (value.time, tuple(byte ^ 0x80 for byte in value.bytes[8:]))
    return value
