"""A session with plain rows, a named consistency for each statement, and each node by itself; and tables of our own."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cassandra import ConsistencyLevel, OperationTimedOut
from cassandra.cluster import ExecutionProfile, ResponseFuture, Session
from cassandra.policies import (
    DCAwareRoundRobinPolicy,
    FallthroughRetryPolicy,
    HostDistance,
    LoadBalancingPolicy,
    RetryPolicy,
)
from cassandra.pool import Host
from cassandra.query import BatchStatement, BoundStatement, SimpleStatement, dict_factory

from cassandra_client.driver_errors import DRIVER_ERRORS, NO_ANSWER, translate_driver_errors
from cassandra_client.names import quoted, table_id

Row = dict[str, Any]

NODES_PROFILE = "cassandra_client.nodes"

_PREPARE_TRIES = 3
_WRITE_SECONDS = 6.0
"""More than the servers' own time-outs for writes; after it the outcome is unknown, and is looked up elsewhere."""


def find_local_dc(session: Session) -> str:
    """Return the data centre that a session reads in; empty where it reads in several, so that the driver chooses."""
    policy = session.cluster.profile_manager.default.load_balancing_policy
    hosts = session.cluster.metadata.all_hosts()
    centers = {host.datacenter for host in hosts if policy.distance(host) == HostDistance.LOCAL}
    return str(centers.pop() or "") if len(centers) == 1 else ""


class LocalFirstPolicy(DCAwareRoundRobinPolicy):  # type: ignore[misc]
    """Every node has a connection; those of one data centre come first.

    Args:
        local_dc: which; empty for that of the first contact point that answers.
    """

    def __init__(self, local_dc: str = "") -> None:
        super().__init__(local_dc, used_hosts_per_remote_dc=sys.maxsize)

    def populate(self, cluster: Any, hosts: Iterable[Host]) -> None:
        """Take the hosts; the driver's own code keeps all of a data centre only where they come one after another."""
        super().populate(cluster, sorted(hosts, key=lambda host: host.datacenter or ""))


class OneCenterPolicy(LoadBalancingPolicy):  # type: ignore[misc]
    """The nodes that another policy chooses, as far as they are in one data centre.

    LOCAL_QUORUM is that of whichever node is asked: a policy that goes on to another data centre, where no node of the
    own one answers, would read that one's replicas.
    """

    def __init__(self, policy: Any, data_center: str) -> None:
        super().__init__()
        self._policy = policy
        self._data_center = data_center

    def make_query_plan(self, working_keyspace: Any = None, query: Any = None) -> Iterator[Host]:
        """Yield the nodes to ask, one after another."""
        for host in self._policy.make_query_plan(working_keyspace, query):
            if host.datacenter == self._data_center:
                yield host


class ReadRetry(RetryPolicy):  # type: ignore[misc]
    """Asks once more where replicas did not answer: one that has just died is not asked the next time.

    All else is sent once (``FallthroughRetryPolicy``).
    """

    def on_read_timeout(self, *args: Any, retry_num: int, **options: Any) -> Any:
        """Ask again, twice at most."""
        return (self.RETRY_NEXT_HOST, None) if retry_num < 2 else (self.RETHROW, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What one node said, and after how long: rows, or why it said nothing."""

    host: Host
    seconds: float
    rows: tuple[Row, ...] = ()
    error: Exception | None = None


class Database:
    """A session that somebody else opened, and closes.

    Adds one execution profile to the session's cluster (every node has a connection in it, and the session's own data
    centre comes first) and changes nothing else of it. A session in the driver's legacy mode is used as it is.
    """

    def __init__(self, session: Session, *, timeout_seconds: float = 15.0) -> None:
        self.session = session
        self.timeout_seconds = timeout_seconds
        self._prepared: dict[str, Any] = {}
        #: What every ``execute`` of the session is given, so that plain rows come back.
        self.profile_options: dict[str, Any] = {"execution_profile": NODES_PROFILE}
        cluster = session.cluster
        if NODES_PROFILE not in cluster.profile_manager.profiles:
            profile = ExecutionProfile(
                # One data centre first, since each has a quorum of its own: a change is then read where it was made.
                load_balancing_policy=LocalFirstPolicy(find_local_dc(session)),
                retry_policy=FallthroughRetryPolicy(),
                row_factory=dict_factory,
                request_timeout=timeout_seconds,
            )
            try:
                cluster.add_execution_profile(NODES_PROFILE, profile)
            except ValueError:
                # The driver's legacy mode knows no profiles; else another thread was first.
                if NODES_PROFILE not in cluster.profile_manager.profiles:
                    self.profile_options = {}
            except OperationTimedOut:
                # A node that cannot be reached now; the profile is there, its pool follows.
                pass

    def rows(
        self,
        query: str,
        values: Sequence[Any] = (),
        *,
        consistency: int = ConsistencyLevel.LOCAL_QUORUM,
        timeout_seconds: float | None = None,
    ) -> list[Row]:
        """Run a read and return its rows, all pages; a node that dies or hangs under it is passed over.

        Raises:
            ClusterError: the cluster did not answer, or refused.
        """
        statement = self._read(query, values, consistency)
        with translate_driver_errors("a read failed"):
            try:
                return self._run(statement, timeout_seconds=(timeout_seconds or self.timeout_seconds) / 2)
            except OperationTimedOut:  # a node that hangs; the next statement goes to another one
                return self._run(statement, timeout_seconds=timeout_seconds)

    def rows_of_each(self, reads: Iterable[tuple[str, Sequence[Any]]]) -> list[list[Row]]:
        """Run several reads at the same time, and return the rows of each; errors as ``rows``."""
        reads = list(reads)
        futures = [
            self.send(
                self._read(query, values, ConsistencyLevel.LOCAL_QUORUM), timeout_seconds=self.timeout_seconds / 2
            )
            for query, values in reads
        ]
        found = []
        for (query, values), future in zip(reads, futures, strict=True):
            try:
                found.append(rows_of(future))
            except DRIVER_ERRORS:
                found.append(self.rows(query, values))
        return found

    def write(self, query: str, values: Sequence[Any] = ()) -> None:
        """Run a plain write at LOCAL_QUORUM.

        Raises:
            ClusterError: the cluster did not answer, or refused.
        """
        statement = self._bound(query, values, ConsistencyLevel.LOCAL_QUORUM)
        with translate_driver_errors("a write failed"):
            self._run(statement, timeout_seconds=_WRITE_SECONDS)

    def conditional(self, statements: Iterable[tuple[str, Sequence[Any]]]) -> tuple[bool, Row]:
        """Run one conditional statement, or several as one batch; errors come through as they are.

        Returns:
            Whether it was applied, and the row it found where it was not.
        """
        bound = [
            self._bound(query, values, ConsistencyLevel.LOCAL_QUORUM, conditional=True) for query, values in statements
        ]
        statement: Any = bound[0]
        if len(bound) > 1:
            statement = BatchStatement(
                retry_policy=FallthroughRetryPolicy(),
                consistency_level=ConsistencyLevel.LOCAL_QUORUM,
                serial_consistency_level=ConsistencyLevel.SERIAL,
            )
            statement.add_all(bound, [None] * len(bound))
        found = self._run(statement, timeout_seconds=_WRITE_SECONDS)
        row = found[0] if found else {"[applied]": True}
        return bool(row.get("[applied]")), row

    def ddl(self, query: str, host: Host, timeout_seconds: float) -> list[str]:
        """Send a DDL statement to one coordinator, once: no retry, no other host, no speculation.

        Returns:
            The server's warnings. Errors of the driver come through as they are.
        """
        statement = SimpleStatement(query, retry_policy=FallthroughRetryPolicy(), is_idempotent=False)
        future = self.send(statement, host=host, timeout_seconds=timeout_seconds)
        future.result()
        return list(future.warnings or ())

    def has_several_centers(self) -> bool:
        """Tell whether the driver knows of nodes in more than one data centre."""
        return len({host.datacenter for host in self.hosts()}) > 1

    @property
    def local_dc(self) -> str:
        """Return the data centre whose nodes are asked first; empty where the session's own policy decides."""
        profile = self.session.cluster.profile_manager.profiles.get(NODES_PROFILE) if self.profile_options else None
        return str(getattr(profile and profile.load_balancing_policy, "local_dc", None) or "")

    @property
    def cluster_name(self) -> str:
        """Return what the cluster calls itself."""
        return str(self.session.cluster.metadata.cluster_name or "")

    def hosts(self) -> list[Host]:
        """Return every member that the driver knows of, up or down, in the order of their addresses."""
        return sorted(self.session.cluster.metadata.all_hosts(), key=lambda host: str(host.endpoint.address))

    def ask(
        self,
        query: str,
        hosts: Iterable[Host] | None = None,
        *,
        values: Sequence[Any] = (),
        timeout_seconds: float = 5.0,
    ) -> list[Answer]:
        """Ask each node by itself, all at once, at consistency ONE: for tables that are local to a node."""
        begun = time.monotonic()
        asked: list[tuple[Host, ResponseFuture, list[float]]] = []
        for host in self.hosts() if hosts is None else hosts:
            statement = SimpleStatement(
                query, consistency_level=ConsistencyLevel.ONE, retry_policy=FallthroughRetryPolicy()
            )
            future = self.send(statement, values, host=host, timeout_seconds=timeout_seconds)
            ended: list[float] = []
            future.add_callbacks(_stop_watch(ended), _stop_watch(ended))
            asked.append((host, future, ended))
        answers = []
        for host, future, ended in asked:
            rows: tuple[Row, ...] = ()
            error = None
            try:
                rows = tuple(rows_of(future))
            except DRIVER_ERRORS as caught:
                error = caught
            seconds = (ended[0] if ended else time.monotonic()) - begun
            answers.append(Answer(host=host, seconds=seconds, rows=rows, error=error))
        return answers

    def send(
        self,
        statement: Any,
        values: Sequence[Any] = (),
        *,
        timeout_seconds: float,
        host: Host | None = None,
        paging_state: bytes | None = None,
    ) -> ResponseFuture:
        """Send a statement as it is, to one host or to whichever is next; its rows are those of ``rows_of``.

        Args:
            paging_state: where a former answer ended. The driver limits the time of the first page of an answer alone.
        """
        following = {"paging_state": paging_state} if paging_state is not None else {}
        return self.session.execute_async(
            statement, list(values) or None, timeout=timeout_seconds, host=host, **following, **self.profile_options
        )

    def prepared(self, query: str) -> Any:
        """Return a statement of the driver's, prepared once.

        Raises:
            ClusterError: no node prepares it.
        """
        return self._prepared.get(query) or self._prepare(query)

    def _bound(
        self, query: str, values: Sequence[Any], consistency: int, *, conditional: bool = False
    ) -> BoundStatement | SimpleStatement:
        prepared = self.prepared(query)
        bound = prepared.bind(list(values))
        bound.consistency_level = consistency
        if conditional:
            bound.serial_consistency_level = ConsistencyLevel.SERIAL
            bound.retry_policy = FallthroughRetryPolicy()
        return bound

    def _read(self, query: str, values: Sequence[Any], consistency: int) -> BoundStatement | SimpleStatement:
        statement = self._bound(query, values, consistency)
        statement.retry_policy = ReadRetry()
        statement.is_idempotent = True
        return statement

    def _prepare(self, query: str) -> Any:
        """Prepare a statement on some node; a node that hangs is passed over, and the next one asked."""
        with translate_driver_errors("a statement could not be prepared"):
            for attempt in range(1, _PREPARE_TRIES + 1):
                try:
                    self._prepared[query] = self.session.prepare(query)
                    break
                except NO_ANSWER:
                    if attempt == _PREPARE_TRIES:
                        raise
        return self._prepared[query]

    def _run(self, statement: Any, *, timeout_seconds: float | None = None) -> list[Row]:
        found = self.session.execute(statement, timeout=timeout_seconds or self.timeout_seconds, **self.profile_options)
        return dict_rows(found)


def rows_of(future: ResponseFuture) -> list[Row]:
    """Wait for the rows of a statement that was sent, all pages; the driver's errors come through."""
    return dict_rows(future.result())


def _stop_watch(ended: list[float]) -> Callable[[Any], None]:
    return lambda _result: ended.append(time.monotonic())


def dict_rows(found: Any) -> list[Row]:
    """Return rows as dicts, whatever row factory the session has."""
    names = found.column_names or []
    return [dict(row) if isinstance(row, Mapping) else dict(zip(names, row, strict=True)) for row in found]


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnTable:
    """A table as it is created.

    Args:
        columns: their definitions and the primary key, as they stand in a CREATE TABLE.
        options: such as ``CLUSTERING ORDER BY (at DESC) AND default_time_to_live = 60``; without the comment.
        comment: what the table is for, without quotes.
    """

    name: str
    columns: str
    options: str = ""
    comment: str = ""

    def create_cql(self, keyspace: str) -> str:
        """Return a CREATE that can be sent twice, and by two at once."""
        options = [
            f"id = {table_id(keyspace, self.name)}",
            *filter(None, [self.options, f"comment = '{self.comment}'" if self.comment else ""]),
        ]
        columns = " ".join(self.columns.split())
        return (
            f"CREATE TABLE IF NOT EXISTS {quoted(keyspace)}.{quoted(self.name)} ({columns}) "
            f"WITH {' AND '.join(options)}"
        )
