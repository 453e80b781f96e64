"""A statement that the server refuses is no unknown outcome: it is told at once and leaves no doubt behind."""

from __future__ import annotations

import time
import uuid

import pytest
from cassandra.cluster import Session

from cassandra_client.database import Database
from cassandra_client.driver_errors import CORRECT_FILE
from cassandra_client.errors import ClusterError
from cassandra_views.apply.ddl import Ddl
from cassandra_views.registry.lease import Lease

TIMEOUT_SECONDS = 15.0
REFUSED = {
    "configuration": "CREATE KEYSPACE nowhere WITH replication = {{'class': 'NetworkTopologyStrategy', 'moon': 3}}",
    "option": "CREATE TABLE {keyspace}.refused (k int PRIMARY KEY) WITH compaction = {{'class': 'No'}}",
    "invalid": "CREATE TABLE {keyspace}.refused (k int, PRIMARY KEY (j))",
    "syntax": "CREATE TABEL {keyspace}.refused (k int PRIMARY KEY)",
    "name": "CREATE KEYSPACE \"a-b\" WITH replication = {{'class': 'SimpleStrategy', 'replication_factor': 1}}",
}


@pytest.mark.parametrize("cql", REFUSED.values(), ids=REFUSED)
def test_a_refused_statement_asks_for_the_file_to_be_corrected_and_leaves_no_doubt(
    session: Session, keyspace: str, registry_tables: str, cql: str
) -> None:
    session.execute(f"DELETE FROM {registry_tables}.lease WHERE resource = 'cluster' IF EXISTS")
    waits: list[str] = []
    database = Database(session)
    lease = Lease(database, registry_tables, owner="me", ddl_timeout_seconds=TIMEOUT_SECONDS, on_wait=waits.append)
    ddl = Ddl(database, lease, timeout_seconds=TIMEOUT_SECONDS)
    begun = time.monotonic()

    with pytest.raises(ClusterError) as caught, lease.held() as held:
        ddl.create_other(held, cql.format(keyspace=keyspace), "it", exists=lambda: False)
    with lease.held():
        pass

    assert caught.value.next == CORRECT_FILE
    assert caught.value.remains == "Nothing was changed"
    assert waits == []
    assert time.monotonic() - begun < TIMEOUT_SECONDS / 2


def test_a_refused_view_is_given_up_at_once(session: Session, keyspace: str, registry_tables: str) -> None:
    session.execute(f"DELETE FROM {registry_tables}.lease WHERE resource = 'cluster' IF EXISTS")
    session.execute(f"CREATE TABLE {keyspace}.t (p int PRIMARY KEY, v int)")
    database = Database(session)
    lease = Lease(database, registry_tables, owner="me", ddl_timeout_seconds=TIMEOUT_SECONDS)
    ddl = Ddl(database, lease, timeout_seconds=TIMEOUT_SECONDS)
    cql = (
        f"CREATE MATERIALIZED VIEW {keyspace}.v__g1 AS SELECT p, v FROM {keyspace}.t WHERE p IS NOT NULL AND v IS NOT "
        "NULL PRIMARY KEY (v, p) WITH compaction = {'class': 'SizeTieredCompactionStrategy', 'bogus': '1'}"
    )
    begun = time.monotonic()

    with pytest.raises(ClusterError) as caught, lease.held() as held:
        ddl.create_view(held, cql, keyspace, "v__g1", uuid.uuid4(), "v generation 1")

    assert "bogus" in caught.value.what
    assert caught.value.next == CORRECT_FILE
    assert time.monotonic() - begun < TIMEOUT_SECONDS / 2
