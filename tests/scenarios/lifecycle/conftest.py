"""One registry for all of these tests; a keyspace and a folder for each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from cassandra.cluster import Session

from cassandra_client.connect import connected
from cassandra_views.registry.lease import LeaseTimes
from cassandra_views.registry.schema import table_statements
from tests.scenarios.lifecycle.workshop import Workshop
from tests.servers import Server

REGISTRY = "lifecycle_registry"


@pytest.fixture(scope="session")
def session(server: Server) -> Iterator[Session]:
    """A session as the command line opens it: without the driver's own copy of the schema."""
    with connected(tuple(server.contact_points), port=server.port) as opened:
        yield opened


@pytest.fixture(scope="session")
def registry(session: Session) -> Iterator[str]:
    session.execute(f"DROP KEYSPACE IF EXISTS {REGISTRY}")
    yield REGISTRY
    session.execute(f"DROP KEYSPACE IF EXISTS {REGISTRY}")


@pytest.fixture
def workshop(session: Session, keyspace: str, registry: str, tmp_path: Path) -> Workshop:
    return Workshop(session=session, keyspace=keyspace, folder=tmp_path, registry=registry)


@pytest.fixture
def own_registry(workshop: Workshop) -> Iterator[Workshop]:
    """A project with a registry of its own: no lease and no view of other tests, and none of its own for them."""
    workshop.registry = f"{workshop.keyspace}_r"
    yield workshop
    workshop.session.execute(f"DROP KEYSPACE IF EXISTS {workshop.registry}")


@pytest.fixture
def command_line(workshop: Workshop, server: Server, monkeypatch: pytest.MonkeyPatch) -> Workshop:
    """A project, its folder, settings and cluster being those of the commands that the test calls."""
    (workshop.folder / "views.toml").write_text(
        f'project = "{workshop.keyspace}"\ntemplates = "."\n[env.dev]\nregistry = "{workshop.registry}"\n',
        encoding="utf-8",
    )
    monkeypatch.chdir(workshop.folder)
    monkeypatch.setenv("CASSANDRA_CONTACT_POINTS", ",".join(server.contact_points))
    monkeypatch.setenv("CASSANDRA_PORT", str(server.port))
    return workshop


@pytest.fixture(scope="session")
def registry_tables(session: Session) -> Iterator[str]:
    """A keyspace with the registry's tables, for tests that look at single rows of it."""
    keyspace = "registry_tables"
    session.execute(f"DROP KEYSPACE IF EXISTS {keyspace}")
    replication = "{'class': 'SimpleStrategy', 'replication_factor': 1}"
    session.execute(f"CREATE KEYSPACE {keyspace} WITH replication = {replication}")
    for _table, cql in table_statements(keyspace):
        session.execute(cql)
    yield keyspace
    session.execute(f"DROP KEYSPACE {keyspace}")


@pytest.fixture
def _short_lease(workshop: Workshop) -> None:
    # No rivals here, so the lease may be shorter than a DDL: three seconds.
    workshop.lease_times = LeaseTimes(margin_seconds=-12.0, cooldown_seconds=0.5)
