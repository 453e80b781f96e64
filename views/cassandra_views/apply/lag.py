"""Measuring how long after a base write a view shows it: by newest rows of a sample, or by a canary row.

A sample only reads. The canary row is written under a key that the view's file reserves and that the base holds no row
of, looked for through each node at consistency ONE, and deleted; it has a TTL, so that one whose writer dies goes by
itself.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from math import ceil

from cassandra import ConsistencyLevel
from cassandra.policies import FallthroughRetryPolicy
from cassandra.pool import Host
from cassandra.query import SimpleStatement

from cassandra_client.database import Database, rows_of
from cassandra_client.decoding import RawRow, RawRows
from cassandra_client.driver_errors import DRIVER_ERRORS, driver_text, translate_driver_errors
from cassandra_client.errors import ClusterError, ConfigurationError
from cassandra_client.names import quoted
from cassandra_views.apply.builds import server_time
from cassandra_views.apply.row_filter import RowFilter
from cassandra_views.apply.row_lookup import RowLookup
from cassandra_views.apply.scan import Scan
from cassandra_views.cql.printing import relation_cql, string_cql
from cassandra_views.model.lag import (
    LagBound,
    MeasuredLag,
    NodeLag,
    Scalar,
    is_probe_type,
    lag_of_nodes,
    lag_of_rows,
)
from cassandra_views.model.schema import LiveView, TableShape
from cassandra_views.model.statement import Operator, Relation
from cassandra_views.model.times import microseconds

_POLL_SECONDS = 0.01
_SAMPLE_POLL_SECONDS = 0.02
_LEAST_TTL_SECONDS = 120
_DRAWN = 200
_LOOKED_FOR = 50
_READERS = 8
_BARE = frozenset(
    {"int", "bigint", "smallint", "tinyint", "varint", "float", "double", "decimal", "boolean", "counter"}
)
_BARE_TEXTS = frozenset({"uuid", "timeuuid", "blob", "duration"})


def literal_cql(type_: str, value: Scalar) -> str:
    """Return a value of a view's file as CQL, for a column of this type.

    Raises:
        ConfigurationError: the file can give no value of this type, or this is none.
    """
    if not is_probe_type(type_):
        raise ConfigurationError(
            f"'lag.probe.key' can give no value of type {type_}", next="Take 'probe' out of the view's file"
        )
    if isinstance(value, bool):
        return str(value).lower()
    if type_ in _BARE or (type_ in _BARE_TEXTS and isinstance(value, str)):
        text = str(value)
        if not text or not all(char.isalnum() or char in "+-._" for char in text):
            raise ConfigurationError(
                f"{value!r} is no value of type {type_}", next="Correct 'lag.probe.key' of the file"
            )
        return text
    return string_cql(str(value)) if isinstance(value, str) else str(value)


def canary_ttl_seconds(patience_seconds: float) -> int:
    """Return the TTL of a canary row that is waited for so long: it must not end while it is waited for."""
    return max(_LEAST_TTL_SECONDS, ceil(2 * patience_seconds))


class LagMeter:
    """Measures the lag of one generation.

    Args:
        clock: aware UTC; when it was measured.
        patience_seconds: how long rows are waited for.
    """

    def __init__(
        self,
        database: Database,
        live: LiveView,
        base: TableShape,
        *,
        clock: Callable[[], datetime],
        patience_seconds: float,
    ) -> None:
        self._database = database
        self._live = live
        self._base = base
        self._clock = clock
        self._patience = patience_seconds

    def by_canary(
        self, key: Sequence[tuple[str, Scalar]], relations: Sequence[Relation]
    ) -> tuple[MeasuredLag, tuple[NodeLag, ...]]:
        """Write the canary row, wait until each node shows it, and delete it.

        Nothing is written where the base already holds a row of this key: only what this call wrote is deleted. A row
        that the view need not show, by its WHERE or since something deleted it, says nothing of the lag.

        Args:
            relations: the WHERE of the generation.

        Raises:
            ConfigurationError: the key is not that of the view.
            ClusterError: the base cannot be read or written, or holds a row of this key.
        """
        on = f"{self._live.keyspace}.{self._live.name}"
        names = [column.name for column in self._live.shape.key_columns]
        if sorted(names) != sorted(name for name, _value in key):
            raise ConfigurationError(
                f"'lag.probe.key' names {', '.join(name for name, _value in key)}, and the view's key is "
                f"{', '.join(names)}",
                on=on,
                next="Name each column of the view's key once",
            )
        types = {column.name: column.type for column in (*self._base, *self._live.shape)}
        values = {name: literal_cql(types[name], value) for name, value in key}
        unmet, is_judged = self._judge(values, types, relations, on)
        if unmet is not None:
            return self._unknown(f"a row of 'lag.probe.key' does not meet '{relation_cql(unmet)}'"), ()

        def row_cql(shape: TableShape, using: str = "") -> str:
            conditions = " AND ".join(f"{quoted(each.name)} = {values[each.name]}" for each in shape.key_columns)
            return f"FROM {quoted(shape.keyspace)}.{quoted(shape.name)}{using} WHERE {conditions}"

        ttl_seconds = canary_ttl_seconds(self._patience)
        base, look = (
            f"SELECT {quoted(shape.key_columns[0].name)} {row_cql(shape)}" for shape in (self._base, self._live.shape)
        )
        if self._database.rows(base):
            raise ClusterError(
                f"table {self._base} holds a row of 'lag.probe.key', so the canary row is not written over it",
                on=on,
                remains="Nothing was written or deleted",
                next="Reserve a key that no application uses. The row of a run that was killed goes by itself within "
                f"{ttl_seconds} seconds",
            )
        hosts = [host for host in self._database.hosts() if host.is_up is not False]
        down = tuple(
            NodeLag(address=str(host.endpoint.address), error="it is down")
            for host in self._database.hosts()
            if host not in hosts
        )
        with ThreadPoolExecutor(max_workers=len(hosts) or 1, thread_name_prefix="lag") as pool:
            gone = list(pool.map(self._looks(look, time.monotonic(), is_there=False), hosts))
            if any(each.bound is LagBound.AT_LEAST for each in gone):
                raise ClusterError(
                    "the view shows a row of 'lag.probe.key' that its base does not hold",
                    on=on,
                    remains="Nothing was written",
                    next="Audit the view",
                )
            # Times of our own: the row is deleted as of just after it was written, so that the next one is newer.
            written = microseconds(server_time(self._database))
            insert = (
                f"INSERT INTO {quoted(self._base.keyspace)}.{quoted(self._base.name)} "
                f"({', '.join(map(quoted, values))}) VALUES ({', '.join(values.values())}) "
                f"USING TTL {ttl_seconds} AND TIMESTAMP {written}"
            )
            delete = f"DELETE {row_cql(self._base, f' USING TIMESTAMP {written + 1}')}"
            remains = f"If it was written it goes by itself within {ttl_seconds} seconds"
            try:
                self._write(insert, on, "the canary row cannot be written", remains)
                nodes = tuple(pool.map(self._looks(look, time.monotonic()), hosts))
                is_late = any(each.bound is LagBound.AT_LEAST for each in nodes)
                is_written = not is_late or bool(self._database.rows(base))
            finally:
                self._write(delete, on, "the canary row cannot be deleted", remains)
        if is_late and not is_written:
            return self._unknown("the base lost the canary row after its write: a newer deletion covers it"), ()
        if is_late and not is_judged:
            return self._unknown("the row did not show, and only the servers can judge the view's WHERE"), ()
        nodes = tuple(sorted((*nodes, *down), key=lambda each: each.address))
        return lag_of_nodes(nodes, self._clock()), nodes

    def _unknown(self, reason: str) -> MeasuredLag:
        return MeasuredLag(seconds=None, bound=LagBound.EXACT, at=self._clock(), found=reason)

    def _judge(
        self, values: Mapping[str, str], types: Mapping[str, str], relations: Sequence[Relation], on: str
    ) -> tuple[Relation | None, bool]:
        """Return a condition that a row of this key does not meet, and whether every condition was judged.

        Args:
            values: each as CQL.
        """
        terms = ", ".join(f"({types[name]}) {value} AS c{place}" for place, (name, value) in enumerate(values.items()))
        is_judged = True
        with translate_driver_errors("the lag cannot be measured", on=on):
            try:
                (row,) = RawRows(self._database).read(f"SELECT {terms} FROM system.local")
            except ClusterError as error:
                raise ClusterError(
                    f"the values of 'lag.probe.key' cannot be read: {error.what}",
                    on=on,
                    remains="Nothing was written",
                    next="Correct 'lag.probe.key' of the file, or check that the nodes answer",
                ) from error
            for relation in relations:
                if relation.operator is Operator.IS_NOT_NULL:
                    continue
                if not values.keys() >= set(relation.columns):
                    return relation, True
                try:
                    is_met = RowFilter(self._database, self._base, [relation], list(values))(row)
                except ClusterError:
                    is_judged = False
                    continue
                if not is_met:
                    return relation, True
        return None, is_judged

    def _write(self, cql: str, on: str, what: str, remains: str) -> None:
        statement = SimpleStatement(cql, consistency_level=ConsistencyLevel.LOCAL_QUORUM)
        with translate_driver_errors(what, on=on, remains=remains):
            rows_of(self._database.send(statement, timeout_seconds=self._database.timeout_seconds))

    def _looks(self, query: str, since: float, *, is_there: bool = True) -> Callable[[Host], NodeLag]:
        """Return a function that asks one node until it shows the row, or no longer does."""
        until = time.monotonic() + self._patience

        def look(host: Host) -> NodeLag:
            address, error = str(host.endpoint.address), ""
            has_answered = False
            while (left := until - time.monotonic()) > 0:
                statement = SimpleStatement(
                    query, consistency_level=ConsistencyLevel.ONE, retry_policy=FallthroughRetryPolicy()
                )
                try:
                    # A node that hangs answers when it goes on: asking again would come later.
                    found = rows_of(self._database.send(statement, host=host, timeout_seconds=left))
                    has_answered, error = True, ""
                    if bool(found) is is_there:
                        return NodeLag(address=address, seconds=max(0.0, time.monotonic() - since))
                except DRIVER_ERRORS as caught:
                    error = driver_text(caught)
                time.sleep(_POLL_SECONDS)
            if not has_answered:
                return NodeLag(address=address, error=error or "it did not answer")
            seconds = time.monotonic() - since
            return NodeLag(address=address, seconds=seconds, bound=LagBound.AT_LEAST, error=error)

        return look

    def by_sample(self, relations: Sequence[Relation], *, seed: int | None = None) -> MeasuredLag:
        """Look in the view for the newest rows among some of the base, until they show; reads only.

        Raises:
            ClusterError: base or view cannot be read.
        """
        scan = Scan(self._database, self._base, self._live.shape, relations)
        with translate_driver_errors("the lag cannot be measured", on=f"{self._live.keyspace}.{self._live.name}"):
            scan.prepare()
            return self._by_sample(scan, random.Random(seed))

    def _by_sample(self, scan: Scan, choose: random.Random) -> MeasuredLag:
        rows = RowLookup(scan)
        choices = [random.Random(choose.random()) for _ in range(_DRAWN)]
        with ThreadPoolExecutor(max_workers=_READERS, thread_name_prefix="lag") as pool:
            drawn = [each for each in pool.map(lambda one: scan.draw(scan.base, one), choices) if each is not None]
            keys = list({tuple(each.key): each.key for each in drawn}.values())
            found = [
                (key, row) for key, row in zip(keys, pool.map(rows.find_base, keys), strict=True) if row is not None
            ]
            dated = [(written, key) for key, row in found if (written := _newest_write(scan, row)) is not None]
            dated = sorted(dated, key=lambda pair: pair[0], reverse=True)[:_LOOKED_FOR]
            server, begun = microseconds(server_time(self._database)), time.monotonic()

            def age(written: int) -> float:
                return (server - written) / 1e6 + time.monotonic() - begun

            def is_late(pair: tuple[int, RawRow]) -> bool | None:
                """Tell whether the view lacks what was written, and the base still has it."""
                written, key = pair
                row = rows.find_view(key)
                if row is not None and (_newest_write(scan, row) or 0) >= written:
                    return False
                base = rows.find_base(key)
                return True if base is not None and _newest_write(scan, base) == written else None

            first = list(zip(dated, pool.map(is_late, dated), strict=True))
            there = [age(written) for (written, _key), late in first if late is False]
            left = [pair for pair, late in first if late]
            late: list[float] = []
            while left and time.monotonic() - begun < self._patience:
                time.sleep(_SAMPLE_POLL_SECONDS)
                again = list(zip(left, pool.map(is_late, left), strict=True))
                late += [age(written) for (written, _key), is_still in again if is_still is False]
                left = [pair for pair, is_still in again if is_still]
        missing = max((age(written) for written, _key in left), default=None)
        return lag_of_rows(late, missing, min(there, default=None), len(dated), self._clock())


def _newest_write(scan: Scan, row: RawRow) -> int | None:
    return max((written for cell in scan.cells if (written := cell.newest_write(row)) is not None), default=None)


__all__ = ["LagMeter", "canary_ttl_seconds", "literal_cql"]
