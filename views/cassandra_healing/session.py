"""A driver's session as the health of a cluster needs it: each node by itself, and rows with a named consistency."""

from __future__ import annotations

import copy
import re
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Self

from cassandra import ConsistencyLevel, DriverException, OperationTimedOut, RequestValidationException, Unavailable
from cassandra.cluster import ExecutionProfile, NoHostAvailable, ResponseFuture, Session
from cassandra.connection import ConnectionBusy, ConnectionException
from cassandra.policies import FallthroughRetryPolicy, RoundRobinPolicy
from cassandra.pool import Host
from cassandra.protocol import ErrorMessage
from cassandra.query import BatchStatement, BatchType, SimpleStatement, dict_factory

from cassandra_healing.errors import ClusterAway

Row = dict[str, Any]

DRIVER_ERRORS = (DriverException, NoHostAvailable, ErrorMessage, ConnectionException, ConnectionBusy)
"""What a statement can raise; all but the first stand outside the driver's own root."""

_SILENCE = (OperationTimedOut, NoHostAvailable, ConnectionException, ConnectionBusy)
"""Those of them that say that a node does not answer at all."""

_REFUSALS = (RequestValidationException, Unavailable)
"""Those that say that a statement was not carried out."""

_PROFILE = "cassandra_healing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What one node said, and after how long: rows, or why it said nothing."""

    host: Host
    seconds: float
    rows: tuple[Row, ...] = ()
    error: Exception | None = None


class ClusterSession:
    """Asks through a session that somebody else opened, and closes.

    Adds one execution profile to the session's cluster: every node has a connection in it, and a statement
    is sent once. Threads may share it.

    Attributes:
        queries: how many statements were sent; watching has a bound.
    """

    def __init__(self, session: Session, *, timeout_seconds: float) -> None:
        self._session = session
        self._timeout_seconds = timeout_seconds
        self.queries = 0
        self._lock = threading.Lock()
        self._answering: list[Host] = []
        """Nodes that answered last, the next one to be asked first: one that hangs is asked for nothing else."""
        profiles = session.cluster.profile_manager.profiles
        if _PROFILE not in profiles:
            profile = ExecutionProfile(
                load_balancing_policy=RoundRobinPolicy(),
                retry_policy=FallthroughRetryPolicy(),
                row_factory=dict_factory,
                request_timeout=timeout_seconds,
            )
            try:
                session.cluster.add_execution_profile(_PROFILE, profile)
            except OperationTimedOut:
                pass  # a node that cannot be reached now; its pool follows
            except ValueError:
                if _PROFILE not in profiles:  # else another thread was first
                    raise

    def patient(self, timeout_seconds: float) -> Self:
        """Return one that waits longer, for what is written down; both learn from each other which nodes answer."""
        twin = copy.copy(self)
        twin._timeout_seconds = timeout_seconds
        return twin

    @property
    def cluster_name(self) -> str:
        """Return what the cluster calls itself."""
        return str(self._session.cluster.metadata.cluster_name or "")

    def hosts(self) -> list[Host]:
        """Return every node that the driver knows of, up or down, by address."""
        return sorted(self._session.cluster.metadata.all_hosts(), key=lambda host: str(host.endpoint.address))

    def ask(self, query: str, hosts: Iterable[Host] | None = None, values: Sequence[Any] = ()) -> list[Answer]:
        """Ask nodes one by one, all at once, at consistency ONE: for tables that are local to a node."""
        begun = time.monotonic()
        asked: list[tuple[Host, ResponseFuture, list[float]]] = []
        for host in self.hosts() if hosts is None else hosts:
            future = self._send(query, values, ConsistencyLevel.ONE, host=host)
            ended: list[float] = []
            future.add_callbacks(_stop_watch(ended), _stop_watch(ended))
            asked.append((host, future, ended))
        answers = []
        for host, future, ended in asked:
            try:
                rows, error = tuple(future.result()), None
            except DRIVER_ERRORS as caught:
                rows, error = (), caught
            self._learn(host, is_answering=not isinstance(error, _SILENCE))
            seconds = (ended[0] if ended else time.monotonic()) - begun
            answers.append(Answer(host=host, seconds=seconds, rows=rows, error=error))
        return answers

    def rows(
        self, query: str, values: Sequence[Any] = (), *, consistency: int = ConsistencyLevel.LOCAL_QUORUM
    ) -> list[Row]:
        """Read; another node is asked once more where one dies or hangs under it.

        Raises:
            ClusterAway: the cluster did not answer, or refused.
        """
        return self._tried("a read failed", lambda host: self._send(query, values, consistency, host=host))

    def write(
        self, query: str, values: Sequence[Any] = (), *, consistency: int = ConsistencyLevel.LOCAL_QUORUM
    ) -> None:
        """Write, again on another node where one dies or hangs: what is written here can be written twice.

        Raises:
            ClusterAway: the cluster did not answer, or refused.
        """
        self._tried("a write failed", lambda host: self._send(query, values, consistency, host=host), is_write=True)

    def write_together(self, statements: Sequence[tuple[str, Sequence[Any]]]) -> None:
        """Write rows of one partition as one batch, at LOCAL_QUORUM; as ``write``."""
        batch = BatchStatement(
            BatchType.UNLOGGED,
            retry_policy=FallthroughRetryPolicy(),
            consistency_level=ConsistencyLevel.LOCAL_QUORUM,
        )
        for query, values in statements:
            batch.add(SimpleStatement(query), _plain(values))
        self._tried(
            "a write failed",
            lambda host: self._send(batch, (), ConsistencyLevel.LOCAL_QUORUM, host=host),
            is_write=True,
        )

    def _tried(self, what: str, send: Callable[[Host | None], ResponseFuture], *, is_write: bool = False) -> list[Row]:
        """Send to a node that answers; to another one where it does not any more."""
        is_unknown = False
        for attempt in (1, 2, 3):
            host = self._next()
            try:
                return list(send(host).result())
            except _SILENCE as error:
                if host is not None:
                    self._learn(host, is_answering=False)
                is_unknown = is_write
                if attempt == 3:
                    raise _away(what, error, is_unknown=is_unknown) from error
            except DRIVER_ERRORS as error:
                is_unknown = is_unknown or (is_write and not isinstance(error, _REFUSALS))
                raise _away(what, error, is_unknown=is_unknown) from error
        raise AssertionError("not reached")

    def _next(self) -> Host | None:
        """Return a node that answered last, each in turn; None where it is not known: the driver chooses."""
        with self._lock:
            if not self._answering:
                return None
            self._answering.append(self._answering.pop(0))
            return self._answering[-1]

    def _learn(self, host: Host, *, is_answering: bool) -> None:
        with self._lock:
            if is_answering and host not in self._answering:
                self._answering.append(host)
            elif not is_answering and host in self._answering:
                self._answering.remove(host)

    def conditional(self, query: str, values: Sequence[Any] = ()) -> bool:
        """Send a conditional write once; tell whether it was applied. The driver's errors come through."""
        host = self._next()
        future = self._send(query, values, ConsistencyLevel.LOCAL_QUORUM, host=host, is_conditional=True)
        try:
            rows = list(future.result())
        except _SILENCE:
            if host is not None:
                self._learn(host, is_answering=False)
            raise
        return bool(rows[0]["[applied]"])

    def ddl(self, query: str) -> None:
        """Send a DDL statement once; errors as ``write``."""
        try:
            self._send(query, (), ConsistencyLevel.ONE, timeout_seconds=30.0).result()
        except DRIVER_ERRORS as error:
            raise _away("the tables of cluster health could not be made", error) from error

    def _send(
        self,
        query: str | BatchStatement,
        values: Sequence[Any],
        consistency: int,
        *,
        host: Host | None = None,
        is_conditional: bool = False,
        timeout_seconds: float | None = None,
    ) -> ResponseFuture:
        self.queries += 1
        statement: Any = query
        if isinstance(query, str):
            statement = SimpleStatement(query, consistency_level=consistency, retry_policy=FallthroughRetryPolicy())
        if is_conditional or consistency == ConsistencyLevel.SERIAL:
            statement.serial_consistency_level = ConsistencyLevel.SERIAL
        return self._session.execute_async(
            statement,
            _plain(values) or None,
            execution_profile=_PROFILE,
            timeout=timeout_seconds or self._timeout_seconds,
            host=host,
        )


def _plain(values: Sequence[Any]) -> tuple[Any, ...]:
    """Return values without enums, which the driver writes as they print, without quotes."""
    return tuple(each.value if isinstance(each, Enum) else each for each in values)


def short(error: Exception) -> str:
    """Return a driver's error in a few words."""
    if isinstance(error, OperationTimedOut):
        return "no answer in time"
    if isinstance(error, NoHostAvailable):
        inner = list(error.errors.values()) if isinstance(error.errors, dict) else list(error.errors or ())
        return short(inner[0]) if inner and isinstance(inner[0], Exception) else "no connection"
    if isinstance(error, ConnectionException):
        return "no connection"
    told = re.search(r'message="(.*?)"', str(error))
    text = " ".join((told[1] if told else str(error)).split())
    return text if len(text) <= 120 else f"{text[:117]}..."


def _stop_watch(ended: list[float]) -> Any:
    return lambda _result: ended.append(time.monotonic())


def _away(what: str, error: Exception, *, is_unknown: bool = False) -> ClusterAway:
    return ClusterAway(
        f"{what}: {short(error)}",
        remains="Whether it was written is not known" if is_unknown else "Nothing was changed",
        next="See that a quorum of the nodes is up and can be reached from here, then run it again",
    )
