"""A session on three nodes, and a project on a keyspace with three replicas."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from cassandra.cluster import Session

from cassandra_embedded import EmbeddedCassandra
from cassandra_views.cluster.connect import connected
from tests.on_cassandra.lifecycle.workshop import Workshop

CQL = (
    "CREATE MATERIALIZED VIEW {{ view }} AS SELECT day, who, n FROM {{ base('marks') }} "
    "WHERE {{ in_window() }} AND who IS NOT NULL PRIMARY KEY (day, who)"
)


@pytest.fixture
def session3(cluster3: EmbeddedCassandra) -> Iterator[Session]:
    with connected(tuple(cluster3.contact_points), port=cluster3.port) as session:
        yield session


@pytest.fixture
def workshop3(session3: Session, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Workshop]:
    """A project with one view that is not created yet; its registry does not exist, either."""
    digest = hashlib.blake2b(request.node.nodeid.encode(), digest_size=4).hexdigest()
    keyspace, registry = f"k_{digest}", f"r_{digest}"
    replication = "{'class': 'SimpleStrategy', 'replication_factor': 3}"
    session3.execute(f"CREATE KEYSPACE {keyspace} WITH replication = {replication}", timeout=60)
    session3.execute(f"CREATE TABLE {keyspace}.marks (who text, day date, n int, PRIMARY KEY (who, day))", timeout=60)
    for day in range(1, 11):
        for who in "abc":
            session3.execute(f"INSERT INTO {keyspace}.marks (who, day, n) VALUES ('{who}', '2026-03-{day:02}', 1)")
    workshop = Workshop(session=session3, keyspace=keyspace, folder=tmp_path, registry=registry)
    workshop.write_table("marks", "{column: day, type: date}")
    workshop.write_view("seen", CQL, window="{last: 3 days, step: 1 day}", grace="1 hour")
    yield workshop
    session3.execute(f"DROP KEYSPACE IF EXISTS {keyspace}", timeout=60)
    session3.execute(f"DROP KEYSPACE IF EXISTS {registry}", timeout=60)
