"""The lag that is measured is the one that is there: the replica of the view is paused on purpose, for so long.

Two nodes, one replica of everything: the row of the base is on the first node, that of the view on the second. The
second is paused when the canary row is written and goes on after a delay, while its write time-outs are far away.
"""

from __future__ import annotations

import struct
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from cassandra.cluster import ResponseFuture
from cassandra.metadata import Murmur3Token
from cassandra.pool import Host

from cassandra_client.connect import connected
from cassandra_client.database import Database
from cassandra_embedded import EmbeddedCassandra
from cassandra_views.apply.lag import LagMeter
from cassandra_views.model.lag import LagBound
from cassandra_views.plan.catalog import find_view_and_base

pytestmark = [pytest.mark.slow, pytest.mark.cassandra]

ADDRESS = "127.0.29.1"
TIMEOUTS = {f"{kind}_request_timeout": "40s" for kind in ("write", "read", "counter_write", "request")}
TIMEOUTS["request_timeout"] = TIMEOUTS.pop("request_request_timeout")


@pytest.fixture(scope="module")
def two_nodes() -> Iterator[EmbeddedCassandra]:
    with EmbeddedCassandra(nodes=2, address=ADDRESS, port=0, settings=TIMEOUTS) as server:
        yield server


class DelayingDatabase(Database):
    """Pauses the second node while a row is inserted, and lets it go on after a delay.

    Attributes:
        delay: how long after the acknowledgement it went on, in seconds.
    """

    def __init__(self, session: Any, server: EmbeddedCassandra, seconds: float) -> None:
        super().__init__(session)
        self._server = server
        self._seconds = seconds
        self.delay = 0.0

    def send(
        self, statement: Any, values: Any = (), *, timeout_seconds: float, host: Host | None = None
    ) -> ResponseFuture:
        if not getattr(statement, "query_string", "").startswith("INSERT"):
            return super().send(statement, values, timeout_seconds=timeout_seconds, host=host)
        self._server.pause_node(2)
        future = super().send(statement, values, timeout_seconds=timeout_seconds, host=self.hosts()[0])
        future.result()
        acknowledged = time.monotonic()

        def go_on() -> None:
            time.sleep(max(0.0, acknowledged + self._seconds - time.monotonic()))
            self._server.resume_node(2)
            self.delay = time.monotonic() - acknowledged

        threading.Thread(target=go_on).start()
        return future


def keys_of(database: Database) -> tuple[int, int]:
    """Return a key that the first node owns, and one that the second does."""
    ring = sorted(
        (int(token), str(answer.host.endpoint.address))
        for answer in database.ask("SELECT tokens FROM system.local")
        for token in answer.rows[0]["tokens"]
    )
    first, second = sorted({address for _token, address in ring})

    def owner(key: int) -> str:
        token = Murmur3Token.hash_fn(struct.pack(">i", key))
        return next((address for own, address in ring if own >= token), ring[0][1])

    return next(key for key in range(1000) if owner(key) == first), next(
        key for key in range(1000) if owner(key) == second
    )


@pytest.mark.parametrize("seconds", [0.2, 1.0, 5.0])
def test_a_delay_between_base_and_view_is_measured(two_nodes: EmbeddedCassandra, seconds: float) -> None:
    with connected(tuple(two_nodes.contact_points), port=two_nodes.port) as session:
        database = DelayingDatabase(session, two_nodes, seconds)
        keyspace = f"lag{int(seconds * 10)}"
        session.execute(
            f"CREATE KEYSPACE {keyspace} WITH replication = {{'class': 'SimpleStrategy', 'replication_factor': 1}}"
        )
        session.execute(f"CREATE TABLE {keyspace}.t (p int PRIMARY KEY, k int, a int)")
        session.execute(
            f"CREATE MATERIALIZED VIEW {keyspace}.v AS SELECT * FROM {keyspace}.t "
            "WHERE k IS NOT NULL AND p IS NOT NULL PRIMARY KEY (k, p)"
        )
        found = find_view_and_base(database, keyspace, "v")
        assert found is not None
        p, k = keys_of(database)
        meter = LagMeter(database, *found, clock=lambda: datetime.now(UTC), patience_seconds=30)
        lag, nodes = meter.by_canary((("k", k), ("p", p)), ())
        assert (lag.bound, len(nodes)) == (LagBound.EXACT, 2)
        assert lag.seconds is not None
        assert lag.seconds == pytest.approx(database.delay, abs=0.1)
        assert lag.seconds >= seconds
        assert list(session.execute(f"SELECT * FROM {keyspace}.t")) == []
