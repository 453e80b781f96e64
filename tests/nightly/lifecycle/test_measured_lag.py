"""The lag that is measured is the one that is there: the replica of the view is paused on purpose, for so long.

Two nodes, one replica of everything: the row of the base is on the first node, that of the view on the second. The
second is paused when the canary row is written and goes on after a delay, while its write time-outs are far away.
"""

from __future__ import annotations

import struct
import threading
import time
from collections.abc import Callable, Iterator
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
from cassandra_views.apply.node_writes import read_node_writes
from cassandra_views.model.lag import LagBound, PendingWrites
from cassandra_views.plan.catalog import find_view_and_base
from tests.waiting import wait_until

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
        self, statement: Any, values: Any = (), *, timeout_seconds: float, host: Host | None = None, **more: Any
    ) -> ResponseFuture:
        if not getattr(statement, "query_string", "").startswith("INSERT"):
            return super().send(statement, values, timeout_seconds=timeout_seconds, host=host, **more)
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


def owners(database: Database) -> Callable[[int], str]:
    """Return a function that tells the address of the node that owns a key."""
    ring = sorted(
        (int(token), str(answer.host.endpoint.address))
        for answer in database.ask("SELECT tokens FROM system.local")
        for token in answer.rows[0]["tokens"]
    )

    def owner(key: int) -> str:
        token = Murmur3Token.hash_fn(struct.pack(">i", key))
        return next((address for own, address in ring if own >= token), ring[0][1])

    return owner


def keys_of(database: Database) -> tuple[int, int]:
    """Return a key that the first node owns, and one that the second does."""
    owner = owners(database)
    first, second = sorted({owner(key) for key in range(1000)})
    return next(key for key in range(1000) if owner(key) == first), next(
        key for key in range(1000) if owner(key) == second
    )


def make_view(session: Any, keyspace: str) -> None:
    session.execute(
        f"CREATE KEYSPACE {keyspace} WITH replication = {{'class': 'SimpleStrategy', 'replication_factor': 1}}"
    )
    session.execute(f"CREATE TABLE {keyspace}.t (p int PRIMARY KEY, k int, a int)")
    session.execute(
        f"CREATE MATERIALIZED VIEW {keyspace}.v AS SELECT * FROM {keyspace}.t "
        "WHERE k IS NOT NULL AND p IS NOT NULL PRIMARY KEY (k, p)"
    )


@pytest.mark.parametrize("seconds", [0.2, 1.0, 5.0])
def test_a_delay_between_base_and_view_is_measured(two_nodes: EmbeddedCassandra, seconds: float) -> None:
    with connected(tuple(two_nodes.contact_points), port=two_nodes.port) as session:
        database = DelayingDatabase(session, two_nodes, seconds)
        keyspace = f"lag{int(seconds * 10)}"
        make_view(session, keyspace)
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


def test_older_nodes_tell_no_view_writes(two_nodes: EmbeddedCassandra) -> None:
    with connected(tuple(two_nodes.contact_points), port=two_nodes.port) as session:
        told = read_node_writes(Database(session)).pending(None)
    assert (told.attempted, told.pending, told.old_batches, told.unasked) == (None, None, 0, ())


def test_nodes_of_6_0_tell_their_view_writes() -> None:
    with (
        EmbeddedCassandra(nodes=2, address="127.0.30.1", port=0, version="6.0-alpha2", settings=TIMEOUTS) as server,
        connected(tuple(server.contact_points), port=server.port) as session,
    ):
        database = Database(session)
        make_view(session, "told")
        views = "SELECT view_name FROM system_schema.views WHERE keyspace_name = 'told'"
        wait_until(lambda: all(answer.rows for answer in database.ask(views)), 60)
        owner = owners(database)
        pairs = [(key, 7 * key + 1) for key in range(40)]
        for p, k in pairs:
            session.execute(f"INSERT INTO told.t (p, k, a) VALUES ({p}, {k}, 1)")
        sent = sum(owner(p) != owner(k) for p, k in pairs)
        assert sent > 5

        def told() -> PendingWrites:
            return read_node_writes(database).pending(None)

        wait_until(lambda: told().pending == 0, 60)
        assert told().attempted == sent
        ends = tuple(map(owner, keys_of(database)))
        p, k = next((p, p + 1) for p in range(1000, 2000) if (owner(p), owner(p + 1)) == ends)
        server.pause_node(2)
        try:
            session.execute(f"INSERT INTO told.t (p, k, a) VALUES ({p}, {k}, 1)", host=database.hosts()[0])
            paused = told()
        finally:
            server.resume_node(2)
        assert (paused.pending, paused.unasked) == (1, (str(database.hosts()[1].endpoint.address),))
        # What the second node was sent while it hung comes by a hint, and stays among the pending ones.
        wait_until(lambda: told().unasked == (), 60)
        assert told().attempted == sent + 1
