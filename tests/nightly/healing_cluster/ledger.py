"""Constant reads and writes at QUORUM, and a ledger of what was acknowledged."""

from __future__ import annotations

import random
import threading
import time
from types import TracebackType
from typing import Self

from cassandra import ConsistencyLevel
from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile, Session
from cassandra.policies import (
    ConstantReconnectionPolicy,
    ConstantSpeculativeExecutionPolicy,
    DCAwareRoundRobinPolicy,
    TokenAwarePolicy,
)

from cassandra_client.driver_errors import DRIVER_ERRORS

KEYSPACE = "ledger"
KINDS = 10


class Ledger:
    """Writes numbers and reads some back, about 50 times a second, as an application with idempotent statements does.

    Attributes:
        acknowledged: the numbers whose write the cluster acknowledged.
        failed: requests that failed, as (seconds since the begin, error).
        lost: acknowledged numbers that a read did not find, as (seconds since the begin, number).
    """

    def __init__(self, contact_points: list[str], port: int) -> None:
        self._cluster = Cluster(
            contact_points,
            port=port,
            execution_profiles={
                EXEC_PROFILE_DEFAULT: ExecutionProfile(
                    load_balancing_policy=TokenAwarePolicy(DCAwareRoundRobinPolicy(local_dc="datacenter1")),
                    # A coordinator that hangs is not waited for.
                    speculative_execution_policy=ConstantSpeculativeExecutionPolicy(0.3, 2),
                    consistency_level=ConsistencyLevel.QUORUM,
                    request_timeout=10,
                )
            },
            reconnection_policy=ConstantReconnectionPolicy(1.0, None),
        )
        self.acknowledged: list[int] = []
        self.failed: list[tuple[float, str]] = []
        self.lost: list[tuple[float, int]] = []
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._session: Session | None = None

    def __enter__(self) -> Self:
        self._session = self._cluster.connect()
        replication = "{'class': 'NetworkTopologyStrategy', 'datacenter1': 3}"
        self._session.execute(f"CREATE KEYSPACE IF NOT EXISTS {KEYSPACE} WITH replication = {replication}", timeout=60)
        self._session.execute(
            f"CREATE TABLE IF NOT EXISTS {KEYSPACE}.numbers (id int PRIMARY KEY, kind int)", timeout=60
        )
        self._insert = self._session.prepare(f"INSERT INTO {KEYSPACE}.numbers (id, kind) VALUES (?, ?)")
        self._select = self._session.prepare(f"SELECT id FROM {KEYSPACE}.numbers WHERE id = ?")
        self._insert.is_idempotent = self._select.is_idempotent = True
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()
        self._cluster.shutdown()

    def read_back(self) -> list[int]:
        """Return the acknowledged numbers that are not there."""
        assert self._session is not None
        query = f"SELECT id FROM {KEYSPACE}.numbers"
        before = tuple(self.acknowledged)  # writing goes on while we read
        there = {row.id for row in self._session.execute(query, timeout=60)}
        return [number for number in before if number not in there]

    def _run(self) -> None:
        assert self._session is not None
        begun, number, chance = time.monotonic(), 0, random.Random(7)
        while not self._ended.wait(0.02):
            number += 1
            try:
                self._session.execute(self._insert, (number, number % KINDS))
                self.acknowledged.append(number)
                known = chance.choice(self.acknowledged)
                if self._session.execute(self._select, (known,)).one() is None:
                    self.lost.append((time.monotonic() - begun, known))
            except DRIVER_ERRORS as error:
                self.failed.append((time.monotonic() - begun, f"{type(error).__name__}: {error}"[:300]))
