"""Three nodes in one data centre and two in another."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from cassandra.cluster import Session

from cassandra_client.connect import connected
from cassandra_embedded import EmbeddedCassandra
from tests.scenarios.cluster.marks import workshop_of
from tests.scenarios.lifecycle.workshop import Workshop

EAST = (1, 2, 3)
WEST = (4, 5)


@pytest.fixture(scope="package")
def two_data_centers() -> Iterator[EmbeddedCassandra]:
    with EmbeddedCassandra({"east": 3, "west": 2}, address="127.0.91.1", port=0, heap_mb=400) as running:
        yield running


@pytest.fixture(autouse=True)
def _nodes_that_run(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if "two_data_centers" in request.fixturenames:
        running: EmbeddedCassandra = request.getfixturevalue("two_data_centers")
        for number in (*EAST, *WEST):
            running.resume_node(number)


@pytest.fixture
def east(two_data_centers: EmbeddedCassandra) -> Iterator[Session]:
    """A session that reads and writes in the data centre of three nodes."""
    points = tuple(two_data_centers.contact_points[number - 1] for number in EAST)
    with connected(points, port=two_data_centers.port, local_dc="east") as session:
        yield session


@pytest.fixture
def west(two_data_centers: EmbeddedCassandra) -> Iterator[Session]:
    """A session that reads and writes in the data centre of two nodes."""
    points = tuple(two_data_centers.contact_points[number - 1] for number in WEST)
    with connected(points, port=two_data_centers.port, local_dc="west") as session:
        yield session


@pytest.fixture
def workshop(east: Session, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Workshop]:
    """A project with one view, not created yet, that is managed from east and has its rows in both."""
    digest = hashlib.blake2b(request.node.nodeid.encode(), digest_size=4).hexdigest()
    replication = "{'class': 'NetworkTopologyStrategy', 'east': 3, 'west': 2}"
    with workshop_of(east, tmp_path, digest, replication=replication) as workshop:
        yield workshop
