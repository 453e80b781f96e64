"""Carrying out a view's WHERE on rows of the base, where the servers do not.

The server itself puts constants into values (``SELECT (type) literal``), so that a literal means here what it means
there; only comparisons are ours, in the order of the server's types.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from cassandra_client.database import Database
from cassandra_client.decoding import RawRow, RawRows
from cassandra_client.errors import ClusterError
from cassandra_views.apply.raw_values import Key, order_key
from cassandra_views.cql.printing import relation_cql, term_cql
from cassandra_views.model.schema import TableShape
from cassandra_views.model.statement import COMPARISONS, Operator, Relation, Subject, Term
from cassandra_views.model.statement import Sequence as Terms

Test = Callable[[RawRow], bool]


class RowFilter:
    """Tells whether a row of the base belongs to the view.

    Args:
        relations: of the view's WHERE, without IS NOT NULL.
        columns: what each row holds, in order; every column of the relations is among them.

    Raises:
        ClusterError: a relation cannot be judged here.
    """

    def __init__(
        self, database: Database, base: TableShape, relations: Sequence[Relation], columns: Sequence[str]
    ) -> None:
        self._raw = RawRows(database)
        self._base = base
        self._places = {name: index for index, name in enumerate(columns)}
        self._tests = [self._test(relation) for relation in relations]

    def __call__(self, row: RawRow) -> bool:
        """Tell whether the row meets every relation; a null meets none."""
        return all(test(row) for test in self._tests)

    def _test(self, relation: Relation) -> Test:
        places = [self._places[name] for name in relation.columns]
        types = [self._type(name) for name in relation.columns]
        orders = [order_key(each) for each in types]
        is_known = relation.subject in (Subject.COLUMN, Subject.TUPLE)
        if is_known and relation.operator is Operator.IN:
            wanted = [self._constant(value, types, orders) for value in relation.values]
            return lambda row: _picked(row, places, orders) in wanted
        compare = COMPARISONS.get(relation.operator)
        is_ordered = relation.operator is Operator.EQUAL or None not in orders
        if not is_known or compare is None or not is_ordered:
            raise ClusterError(
                f"the servers forbid ALLOW FILTERING, and '{relation_cql(relation)}' can only be judged by them",
                on=str(self._base),
                remains="It was not served",
                next="Set allow_filtering_enabled: true on the nodes, or write that condition as comparisons",
            )
        bound = self._constant(relation.values[0], types, orders)

        def test(row: RawRow) -> bool:
            value = _picked(row, places, orders)
            return None not in value and compare(value, bound)

        return test

    def _type(self, name: str) -> str:
        column = self._base.find_column(name)
        return column.type if column else "text"

    def _constant(self, term: Term, types: Sequence[str], orders: Sequence[Key | None]) -> tuple[Any, ...]:
        """Return what the server makes of a constant, one value a column, each as it is compared."""
        terms = term.items if len(types) > 1 and isinstance(term, Terms) else (term,)
        what = ", ".join(
            f"({type_}) {term_cql(each)} AS c{index}"
            for index, (type_, each) in enumerate(zip(types, terms, strict=True))
        )
        (row,) = self._raw.read(f"SELECT {what} FROM system.local")
        return _picked(row, range(len(types)), orders)


def _picked(row: RawRow, places: Sequence[int], orders: Sequence[Key | None]) -> tuple[Any, ...]:
    """Return some values of a row as they are compared: in the server's order, or by their bytes."""
    return tuple(_compared(row[place], key) for place, key in zip(places, orders, strict=True))


def _compared(value: bytes | None, key: Key | None) -> Any:
    return value if value is None or key is None else key(value)
