"""Ten minutes of inserts, updates, moves between keys of the view, deletes and TTLs: no audit finds a difference.

``AUDIT_UNDER_WRITES_SECONDS`` sets another time.

Three nodes, each row three times; audits go on all the while.
"""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Iterator

import pytest
from cassandra import WriteTimeout
from cassandra.cluster import OperationTimedOut, Session

from cassandra_client.connect import connected
from cassandra_embedded import EmbeddedCassandra
from tests.scenarios.lifecycle.audits import claimed, full_audit, scan_of

SECONDS = float(os.environ.get("AUDIT_UNDER_WRITES_SECONDS", "600"))
KEYS = 300

pytestmark = [pytest.mark.slow, pytest.mark.cassandra, pytest.mark.timeout(SECONDS + 600)]


@pytest.fixture(scope="module")
def session() -> Iterator[Session]:
    with (
        EmbeddedCassandra(address="127.0.25.1", port=0, nodes=3) as server,
        connected(tuple(server.contact_points), port=server.port) as session,
    ):
        yield session


class Writer(threading.Thread):
    """Writes at random; each kind of write about as often as each other."""

    def __init__(self, session: Session, seed: int, over: threading.Event) -> None:
        super().__init__(name=f"writer-{seed}", daemon=True)
        self._session = session
        self._random = random.Random(seed)
        self._over = over
        self.writes = 0

    def run(self) -> None:
        choose = self._random
        where = "WHERE p = %s AND c = %s"
        while not self._over.is_set():
            key = (choose.randrange(KEYS), choose.randrange(3))
            ttl = f"USING TTL {choose.randint(1, 30)}" if choose.random() < 0.2 else ""
            value = choose.randrange(1000)
            statement, values = choose.choice(
                [
                    (f"INSERT INTO health.t (p, c, k, a, b) VALUES (%s, %s, %s, %s, %s) {ttl}",
                     (*key, choose.randrange(5), value, str(value))),
                    (f"INSERT INTO health.t (p, c, k) VALUES (%s, %s, %s) {ttl}", (*key, choose.randrange(5))),
                    (f"UPDATE health.t {ttl} SET a = %s {where}", (value, *key)),
                    (f"UPDATE health.t SET k = %s {where}", (choose.randrange(5), *key)),
                    (f"DELETE b FROM health.t {where}", key),
                    (f"DELETE FROM health.t {where}", key),
                ]
            )  # fmt: skip
            try:
                self._session.execute(statement, values, timeout=30)
            except (WriteTimeout, OperationTimedOut):  # its outcome is unknown; the view must follow all the same
                continue
            self.writes += 1


def test_no_difference_is_found_where_there_is_none(session: Session) -> None:
    session.execute(
        "CREATE KEYSPACE health WITH replication = {'class': 'NetworkTopologyStrategy', 'datacenter1': '3'}"
    )
    session.execute("CREATE TABLE health.t (p int, c int, k int, a int, b text, PRIMARY KEY (p, c))")
    where = "k IS NOT NULL AND p IS NOT NULL AND c IS NOT NULL"
    cql = claimed("health", "t", where, "k, p, c", "p, c, k, a, b")
    session.execute(cql)
    over = threading.Event()
    writers = [Writer(session, seed, over) for seed in range(4)]
    for each in writers:
        each.start()
    until, audits, seen = time.monotonic() + SECONDS, 0, 0
    try:
        while time.monotonic() < until:
            scan = scan_of(session, "health", "t", "v", cql)
            found = full_audit(scan, recheck_seconds=0.5).run()
            assert found.is_passed, str(found)
            audits, seen = audits + 1, seen + found.view_rows
            time.sleep(0.5)
    finally:
        over.set()
        for each in writers:
            each.join(timeout=60)
    writes = sum(each.writes for each in writers)
    assert audits > SECONDS / 60
    assert seen > 0 < writes
    last = full_audit(scan_of(session, "health", "t", "v", cql), recheck_seconds=0.5).run()
    assert last.is_passed, str(last)
    print(f"{audits} audits during {writes:,} writes")
