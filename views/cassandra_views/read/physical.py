"""One physical view as the reader knows it: its columns, its key, and the statements prepared on it.

Read from the server once: a generation is immutable and its name is never reused.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from cassandra.cluster import EXEC_PROFILE_DEFAULT, ResponseFuture, Session
from cassandra.query import BoundStatement, PreparedStatement, SimpleStatement, dict_factory

from cassandra_client.database import dict_rows
from cassandra_client.names import quoted
from cassandra_views.read.driver_values import (
    Exact,
    canonical_bytes,
    exact_maker,
    lossless_session,
    lossless_type,
    plain_types,
)
from cassandra_views.read.waits import Load

if TYPE_CHECKING:
    from cassandra_views.read.query import Query, Shape
    from cassandra_views.read.routing import Span


class MissingView(Exception):
    """The server's schema holds no such physical view."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyColumn:
    """A column of the key.

    Args:
        cql: the name as CQL spells it.
        type: the driver's type, which writes and reads the column's bytes.
        is_nested: a collection, tuple or user type, so that a list is one value of it.
        plain: the Python types whose values are bound as they are.
        exact: makes what is bound of all others.
    """

    name: str
    cql: str
    type: Any
    is_descending: bool
    is_nested: bool
    plain: frozenset[type] = field(init=False, repr=False, compare=False)
    exact: Exact = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "plain", plain_types(self.type))
        object.__setattr__(self, "exact", exact_maker(self.type))

    @property
    def serialize(self) -> Callable[[Any, int], bytes]:
        """What writes a value of it (and the protocol's version) as bytes that are the same for the same value."""
        return partial(canonical_bytes, self.type) if self.is_nested else self.type.serialize


class PhysicalView:
    """A physical view, and everything that is worked out once for it.

    Raises:
        MissingView: the server's schema does not hold it.
    """

    def __init__(self, session: Session, keyspace: str, name: str, *, consistency: int, timeout_seconds: float) -> None:
        self.name = name
        self.queries: dict[Shape, Query] = {}
        self._session = session
        self._consistency = consistency
        #: What ``statement`` has prepared.
        self.statements: dict[str, PreparedStatement] = {}
        #: What ``partition_statement`` has prepared, by its arguments.
        self.partition_statements: dict[tuple[str, bool, bool], PreparedStatement] = {}
        #: What serves, as the last answer of the registry says it and as ``resolved_spans`` returns it.
        self.checked: tuple[tuple[Span, ...], tuple[Span, ...]] | None = None
        self._lock = threading.Lock()
        rows = read_rows(
            session,
            "SELECT column_name, kind, position, clustering_order FROM system_schema.columns "
            "WHERE keyspace_name = %s AND table_name = %s",
            (keyspace, name),
            timeout_seconds=timeout_seconds,
        )
        if not rows:
            raise MissingView(f"{keyspace}.{name}")
        found = read_rows(
            session,
            "SELECT where_clause FROM system_schema.views WHERE keyspace_name = %s AND view_name = %s",
            (keyspace, name),
            timeout_seconds=timeout_seconds,
        )
        #: The clause that the server holds for it; renames in the base are carried into it.
        self.where: str = found[0]["where_clause"] if found else ""
        ranks = {"partition_key": 0, "clustering": 1}
        rows.sort(key=lambda row: (ranks.get(row["kind"], 2), row["position"], row["column_name"]))
        self.columns: tuple[str, ...] = tuple(row["column_name"] for row in rows)
        self._select = (
            f"SELECT {', '.join(quoted(each) for each in self.columns)} FROM {quoted(keyspace)}.{quoted(name)}"
        )
        whole = self.statement("")
        self.protocol_version: int = whole.protocol_version
        types = self.types = {each[2]: lossless_type(each[3]) for each in whole.result_metadata}
        #: Whether it has columns whose values the driver cannot always read.
        self.is_lossy = any(types[each[2]] is not each[3] for each in whole.result_metadata)

        def of_kind(kind: str) -> tuple[KeyColumn, ...]:
            return tuple(
                KeyColumn(
                    name=row["column_name"],
                    cql=quoted(row["column_name"]),
                    type=types[row["column_name"]],
                    is_descending=row["clustering_order"] == "desc",
                    is_nested=bool(getattr(types[row["column_name"]], "subtypes", ())),
                )
                for row in rows
                if row["kind"] == kind
            )

        self.partition = of_kind("partition_key")
        self.clustering = of_kind("clustering")
        self.key = (*self.partition, *self.clustering)
        orders = ", ".join(f"{column.cql} {'ASC' if column.is_descending else 'DESC'}" for column in self.clustering)
        #: The clause for rows against the view's order; empty where a partition has only one.
        self.reverse_order = f" ORDER BY {orders}" if orders else ""
        self._key_plan = [(self.columns.index(column.name), column.serialize) for column in self.key]
        self.layout = self._layout()

    @property
    def key_types(self) -> dict[str, str]:
        """The columns of the key, each with its type as CQL writes it."""
        return {column.name: column.type.cql_parameterized_type().replace("varchar", "text") for column in self.key}

    def statement(self, rest: str) -> PreparedStatement:
        """Return ``SELECT <all columns> FROM <this view> <rest>``, prepared once."""
        found = self.statements.get(rest)
        if found is None:
            with self._lock:  # many threads meet a new generation at once
                found = self.statements.get(rest)
                if found is None:
                    found = self._session.prepare(f"{self._select} {rest}".rstrip())
                    found.consistency_level = self._consistency
                    found.is_idempotent = True
                    self.statements[rest] = found
        return found

    def partition_statement(self, rest: str, is_reversed: bool, is_limited: bool) -> PreparedStatement:
        """Return the statement for the rows of one partition, or of several by IN, prepared once.

        Args:
            rest: the conditions.
            is_reversed: the rows come against the view's order.
            is_limited: the last value that is bound is the limit.
        """
        found = self.statement(f"{rest}{self.reverse_order if is_reversed else ''}{' LIMIT ?' if is_limited else ''}")
        self.partition_statements[rest, is_reversed, is_limited] = found
        return found

    def key_bytes(self, row: Any) -> tuple[bytes, ...]:
        """Return the key of a row of any row factory as the server keeps it.

        Raises:
            TypeError: the row factory makes rows in which no column can be found.
        """
        version = self.protocol_version
        # In this order: each query makes a named tuple class of its own, and asking a new class
        # whether it is a Mapping takes 90 microseconds.
        try:
            if isinstance(row, tuple | list):
                return tuple([serialize(row[place], version) for place, serialize in self._key_plan])
            if isinstance(row, dict | Mapping):
                values = [row[column.name] for column in self.key]
            else:
                values = [getattr(row, column.name) for column in self.key]
        except (AttributeError, LookupError) as error:
            raise TypeError(f"rows of {type(row).__name__} have no columns that can be found by name") from error
        return tuple([column.serialize(value, version) for column, value in zip(self.key, values, strict=True)])

    def _layout(self) -> bytes:
        """Return a digest of the key: names, types and order. Page tokens hold across views that share it."""
        parts = [
            (column.name, column.type.cql_parameterized_type(), column.is_descending, place < len(self.partition))
            for place, column in enumerate(self.key)
        ]
        return hashlib.blake2b(repr(parts).encode(), digest_size=4).digest()


class PhysicalViewCache:
    """The physical views that a reader knows; safe to use from many threads."""

    def __init__(self, session: Session, *, consistency: int, timeout_seconds: float, execution_profile: Any) -> None:
        self._session = session
        self._lossless_session = lossless_session(session)
        self._consistency = consistency
        self._timeout_seconds = timeout_seconds
        self._profile = execution_profile
        self._found: dict[str, dict[str, PhysicalView]] = {}

    def find(self, view: str, name: str) -> PhysicalView | None:
        """Return a physical view of a logical one; None where it has to be loaded."""
        known = self._found.get(view)
        return known.get(name) if known else None

    def load(self, keyspace: str, view: str, name: str, serving: Container[str]) -> Load[PhysicalView]:
        """Return the load of a physical view of a logical one; of those that are not serving nothing is kept.

        It raises ``MissingView`` where the server's schema does not hold it.
        """

        def run() -> PhysicalView:
            found = PhysicalView(
                self._session,
                keyspace,
                name,
                consistency=self._consistency,
                timeout_seconds=self._timeout_seconds,
            )
            known = self._found.get(view, {})
            self._found[view] = {each: one for each, one in known.items() if each in serving} | {name: found}
            return found

        return Load(run, (view, name))

    def forget(self, view: str, name: str) -> None:
        """Forget a physical view that could not be read: what is known of it may be wrong."""
        known = self._found.get(view, {})
        self._found[view] = {each: one for each, one in known.items() if each != name}

    def send(self, bound: BoundStatement, view: PhysicalView) -> ResponseFuture:
        """Send a statement to a view; the answer is waited for elsewhere."""
        session = self._lossless_session if view.is_lossy else self._session
        return session.execute_async(bound, timeout=self._timeout_seconds, execution_profile=self._profile)


def read_rows(
    session: Session,
    query: str,
    values: tuple[Any, ...],
    *,
    consistency: int | None = None,
    timeout_seconds: float,
) -> list[dict[str, Any]]:
    """Run a small read of ours and return its rows as dicts, whatever row factory the session has."""
    statement = SimpleStatement(query, consistency_level=consistency, is_idempotent=True)
    try:
        profile = session.execution_profile_clone_update(EXEC_PROFILE_DEFAULT, row_factory=dict_factory)
        found = session.execute(statement, values, timeout=timeout_seconds, execution_profile=profile)
    except ValueError:  # the driver's legacy mode knows no profiles
        found = session.execute(statement, values, timeout=timeout_seconds)
    return dict_rows(found)
