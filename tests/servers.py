"""Which server the tests run on (design 7), and how it is made. Choosing one is not a skip."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum

from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile
from cassandra.policies import ConstantReconnectionPolicy, DCAwareRoundRobinPolicy, TokenAwarePolicy

from cassandra_embedded import QUICK_SCHEMA, EmbeddedCassandra

CONTACT_POINTS = "CASSANDRA_TEST_CONTACT_POINTS"
CLUSTER_NAME = "CASSANDRA_TEST_CLUSTER_NAME"
PORT = "CASSANDRA_TEST_PORT"
IMAGE = "cassandra:5.0.5"
# Overrides a key of cassandra.yaml without a file of ours inside the container.
VIEWS_ENABLED = "-Dcassandra.config.allow_system_properties=true -Dcassandra.settings.materialized_views_enabled=true"


QUICK_FAILURES = {"phi_convict_threshold": 5, "hints_flush_period": "1s"}
"""A node that died counts as down after 11 seconds of silence instead of 18, and hints for it are seen at once."""


class Kind(StrEnum):
    """Where the server of the tests comes from."""

    GIVEN = "given"
    TESTCONTAINERS = "testcontainers"
    EMBEDDED = "embedded"


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A running server that the tests may use."""

    contact_points: list[str]
    port: int
    kind: Kind


def choose_kind(environ: Mapping[str, str], docker_answers: Callable[[], bool]) -> Kind:
    """Choose: a given cluster, else a container where a Docker daemon answers, else the embedded one.

    Raises: ValueError: contact points are given without the name that proves they are meant for tests.
    """
    if environ.get(CONTACT_POINTS, "").strip():
        if not environ.get(CLUSTER_NAME, "").strip():
            raise ValueError(
                f"{CONTACT_POINTS} is set without {CLUSTER_NAME}. Nothing was touched. "
                f"Set {CLUSTER_NAME} to the name of that cluster, to show that tests may write there."
            )
        return Kind.GIVEN
    return Kind.TESTCONTAINERS if docker_answers() else Kind.EMBEDDED


def docker_answers() -> bool:
    """Say whether a Docker daemon answers.

    In a process of its own: the client leaves its socket to the garbage collector where nobody answers.
    """
    ask = "import docker; docker.from_env(timeout=5).ping()"
    return subprocess.run([sys.executable, "-c", ask], capture_output=True, check=False).returncode == 0


def check_name(told: str, expected: str) -> None:
    """Refuse a given cluster that has another name than the one given beside it."""
    if told != expected:
        raise ValueError(
            f"The cluster at {CONTACT_POINTS} is named {told!r}, and {CLUSTER_NAME} says {expected!r}. "
            "Nothing was touched. Point the tests at the right cluster."
        )


def connect(contact_points: list[str], port: int) -> Cluster:
    """Return a driver's cluster with the settings of the tests."""
    # The server warns at each CREATE that views are experimental; the driver logs that as its own warning.
    logging.getLogger("cassandra").setLevel(logging.ERROR)
    profile = ExecutionProfile(
        load_balancing_policy=TokenAwarePolicy(DCAwareRoundRobinPolicy(local_dc="datacenter1")),
        request_timeout=30,
    )
    return Cluster(
        contact_points,
        port=port,
        execution_profiles={EXEC_PROFILE_DEFAULT: profile},
        # The driver's own waits twice as long each time: a session would miss a node for as long again as it was away.
        reconnection_policy=ConstantReconnectionPolicy(1.0, None),
        connect_timeout=30,
        control_connection_timeout=30,
        # Three nodes on a loaded machine take longer than the driver's own 10 s to know of a new keyspace.
        max_schema_agreement_wait=60,
    )


@contextmanager
def given_server(environ: Mapping[str, str]) -> Iterator[Server]:
    """Use the cluster that the environment names, after a look at its name."""
    points = [point.strip() for point in environ[CONTACT_POINTS].split(",") if point.strip()]
    port = int(environ.get(PORT, "9042"))
    with connect(points, port) as cluster, cluster.connect() as session:
        check_name(session.execute("SELECT cluster_name FROM system.local").one()[0], environ[CLUSTER_NAME])
    yield Server(contact_points=points, port=port, kind=Kind.GIVEN)


@contextmanager
def container_server() -> Iterator[Server]:
    """Run the pinned image with views enabled."""
    from testcontainers.core.container import DockerContainer
    from testcontainers.core.wait_strategies import LogMessageWaitStrategy

    container = DockerContainer(IMAGE).with_exposed_ports(9042).with_env("JVM_EXTRA_OPTS", VIEWS_ENABLED)
    container = container.with_env("MAX_HEAP_SIZE", "512M").with_env("HEAP_NEWSIZE", "128M")
    container = container.waiting_for(LogMessageWaitStrategy("Startup complete").with_startup_timeout(180))
    with container:
        port = int(container.get_exposed_port(9042))
        yield Server(contact_points=[container.get_container_host_ip()], port=port, kind=Kind.TESTCONTAINERS)


@contextmanager
def embedded_server() -> Iterator[Server]:
    """Start an embedded server on an address and port of its own."""
    with EmbeddedCassandra(address="127.0.2.1", port=0, jvm_options=QUICK_SCHEMA) as server:
        yield Server(contact_points=server.contact_points, port=server.port, kind=Kind.EMBEDDED)


@contextmanager
def any_server(environ: Mapping[str, str]) -> Iterator[Server]:
    """Provide the server that ``choose_kind`` chooses."""
    match choose_kind(environ, docker_answers):
        case Kind.GIVEN:
            with given_server(environ) as server:
                yield server
        case Kind.TESTCONTAINERS:
            with container_server() as server:
                yield server
        case Kind.EMBEDDED:
            with embedded_server() as server:
                yield server
