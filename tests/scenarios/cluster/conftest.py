"""A session on three nodes, and a project on a keyspace with three replicas."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from cassandra.cluster import Session

from cassandra_client.connect import connected
from cassandra_embedded import EmbeddedCassandra
from tests.scenarios.cluster.marks import simple_replication, workshop_of
from tests.scenarios.lifecycle.workshop import Workshop


@pytest.fixture
def session3(cluster3: EmbeddedCassandra) -> Iterator[Session]:
    with connected(tuple(cluster3.contact_points), port=cluster3.port) as session:
        yield session


@pytest.fixture
def workshop3(session3: Session, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Workshop]:
    """A project with one view that is not created yet; its registry does not exist, either."""
    digest = hashlib.blake2b(request.node.nodeid.encode(), digest_size=4).hexdigest()
    with workshop_of(session3, tmp_path, digest, replication=simple_replication(3)) as workshop:
        yield workshop
