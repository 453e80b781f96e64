"""A pytest plugin: a real Cassandra in any project's tests, with no Docker and no Java installed.

Imports nothing but pytest until a fixture is used: every pytest run on the machine loads this module.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from cassandra.cluster import Session

    from cassandra_embedded import EmbeddedCassandra


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of the embedded server; each has a key of the same name for the ini file."""
    group = parser.getgroup("cassandra", "embedded Cassandra")
    for name, meaning in (
        ("version", "version of Cassandra (default: the newest stable one known)"),
        ("nodes", "number of nodes (default: 1)"),
        ("address", "address of the first node (default: 127.0.1.1)"),
        ("data", "folder that keeps the data between runs (default: a temporary one)"),
    ):
        group.addoption(f"--cassandra-{name}", default=None, help=f"embedded Cassandra: {meaning}")
        parser.addini(f"cassandra_{name}", f"embedded Cassandra: {meaning}", default=None)
    parser.addini("cassandra_settings", "embedded Cassandra: lines `key: value` of cassandra.yaml", default="")


@pytest.fixture(scope="session")
def cassandra_server(pytestconfig: pytest.Config) -> Iterator[EmbeddedCassandra]:
    """A running embedded Cassandra, started by the first test that asks for it, on a free port."""
    from pathlib import Path

    import yaml

    from cassandra_embedded import DEFAULT_VERSION, EmbeddedCassandra

    def option(name: str) -> str | None:
        return pytestconfig.getoption(f"cassandra_{name}") or pytestconfig.getini(f"cassandra_{name}") or None

    data = option("data")
    with EmbeddedCassandra(
        int(option("nodes") or 1),
        option("version") or DEFAULT_VERSION,
        address=option("address") or "127.0.1.1",
        port=0,
        data=Path(data) if data else None,
        settings=yaml.safe_load(pytestconfig.getini("cassandra_settings")) or {},
    ) as server:
        yield server


@pytest.fixture(scope="session")
def cassandra_session(cassandra_server: EmbeddedCassandra) -> Iterator[Session]:
    """A session of the ``cassandra-driver`` on the embedded Cassandra."""
    from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile
    from cassandra.policies import ConstantReconnectionPolicy, DCAwareRoundRobinPolicy, TokenAwarePolicy

    profile = ExecutionProfile(
        load_balancing_policy=TokenAwarePolicy(DCAwareRoundRobinPolicy(local_dc="datacenter1")),
        request_timeout=30,
    )
    with (
        Cluster(
            cassandra_server.contact_points,
            port=cassandra_server.port,
            execution_profiles={EXEC_PROFILE_DEFAULT: profile},
            # A test may stop the server: the session is back a second after it.
            reconnection_policy=ConstantReconnectionPolicy(1.0, None),
        ) as cluster,
        cluster.connect() as session,
    ):
        yield session
