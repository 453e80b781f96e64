"""A session for watching and healing: it asks nodes that answered last, and others where these are silent."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Iterable, Sequence
from enum import Enum
from typing import Any, Self

from cassandra import ConsistencyLevel, Unavailable
from cassandra.cluster import ResponseFuture, Session
from cassandra.policies import FallthroughRetryPolicy
from cassandra.pool import Host
from cassandra.query import BatchStatement, BatchType, SimpleStatement

from cassandra_client.database import Answer, Database, Row, rows_of
from cassandra_client.driver_errors import DRIVER_ERRORS, NO_ANSWER, cluster_error, is_refusal, translate_driver_errors
from cassandra_client.grants import RolePermissions, read_permissions

_TRIES = 3


class ClusterSession:
    """Asks through a session that somebody else opened, and closes. Threads may share it.

    Nothing is prepared: a node that hangs would hold that up for longer than a check may take.

    Attributes:
        queries: how many statements were sent; watching has a bound.
    """

    def __init__(self, session: Session, *, timeout_seconds: float) -> None:
        self._database = Database(session, timeout_seconds=timeout_seconds)
        self._timeout_seconds = timeout_seconds
        self.queries = 0
        self._lock = threading.Lock()
        self._answering: list[Host] = []
        """Nodes that answered last, the next one to be asked first: one that hangs is asked for nothing else."""

    def patient(self, timeout_seconds: float) -> Self:
        """Return one that waits longer, for what is written down; both learn from each other which nodes answer."""
        twin = copy.copy(self)
        twin._timeout_seconds = timeout_seconds
        return twin

    @property
    def cluster_name(self) -> str:
        """Return what the cluster calls itself."""
        return self._database.cluster_name

    def hosts(self) -> list[Host]:
        """Return every node that the driver knows of, up or down, by address."""
        return self._database.hosts()

    def ask(self, query: str, hosts: Iterable[Host] | None = None, values: Sequence[Any] = ()) -> list[Answer]:
        """Ask nodes one by one, all at once, at consistency ONE: for tables that are local to a node."""
        answers = self._database.ask(query, hosts, values=_plain(values), timeout_seconds=self._timeout_seconds)
        self.queries += len(answers)
        for each in answers:
            self._learn(each.host, is_answering=not isinstance(each.error, NO_ANSWER))
        return answers

    def permissions(self) -> RolePermissions | None:
        """Return what this session's role holds; None where the servers ask for none, or do not list them."""
        return read_permissions(self._database.session, self.rows)

    def rows(
        self, query: str, values: Sequence[Any] = (), *, consistency: int = ConsistencyLevel.LOCAL_QUORUM
    ) -> list[Row]:
        """Read; another node is asked once more where one dies or hangs under it.

        Raises:
            ClusterError: the cluster did not answer, or refused.
        """
        return self._tried("a read failed", lambda host: self._send(query, values, consistency, host=host))

    def write(
        self, query: str, values: Sequence[Any] = (), *, consistency: int = ConsistencyLevel.LOCAL_QUORUM
    ) -> None:
        """Write, again on another node where one dies or hangs: what is written here can be written twice.

        Raises:
            ClusterError: the cluster did not answer, or refused.
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

    def conditional(self, query: str, values: Sequence[Any] = ()) -> bool:
        """Send a conditional write once; tell whether it was applied. The driver's errors come through."""
        host = self._next()
        future = self._send(query, values, ConsistencyLevel.LOCAL_QUORUM, host=host, is_conditional=True)
        try:
            return bool(rows_of(future)[0]["[applied]"])
        except NO_ANSWER:
            if host is not None:
                self._learn(host, is_answering=False)
            raise

    def ddl(self, query: str) -> None:
        """Send a DDL statement once; errors as ``write``."""
        with translate_driver_errors("the tables of cluster health could not be made"):
            self._send(query, (), ConsistencyLevel.ONE, timeout_seconds=30.0).result()

    def _tried(self, what: str, send: Callable[[Host | None], ResponseFuture], *, is_write: bool = False) -> list[Row]:
        """Send to a node that answers; to another one where it does not any more."""
        is_unknown = False
        for attempt in range(1, _TRIES + 1):
            host = self._next()
            try:
                return rows_of(send(host))
            except DRIVER_ERRORS as error:
                is_silent = isinstance(error, NO_ANSWER)
                is_refused = is_refusal(error) or isinstance(error, Unavailable)
                is_unknown = is_unknown or (is_write and not is_refused)
                if is_silent and host is not None:
                    self._learn(host, is_answering=False)
                if not is_silent or attempt == _TRIES:
                    remains = "Whether it was written is not known" if is_unknown else "Nothing was changed"
                    raise cluster_error(what, error, remains=remains) from error
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
        return self._database.send(
            statement, _plain(values), host=host, timeout_seconds=timeout_seconds or self._timeout_seconds
        )


def _plain(values: Sequence[Any]) -> tuple[Any, ...]:
    """Return values without enums, which the driver writes as they print, without quotes."""
    return tuple(each.value if isinstance(each, Enum) else each for each in values)
