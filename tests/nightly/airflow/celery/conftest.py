"""One Airflow on Celery for all of these tests, with a project on one server and one on three nodes."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator

import pytest
from cassandra.cluster import Session

from tests.integration.airflow.airflow_process import DAGS, connection, spark_master_variable
from tests.integration.airflow.components import Components
from tests.integration.airflow.lifecycle.shop import Shop
from tests.integration.airflow.master import Master
from tests.nightly.airflow.celery.profile import on_celery
from tests.nightly.replacement.ground import Ground
from tests.servers import Server

KEYSPACE = "celery_shop"
FEED = """\
[env.test.healing]
keyspace = "{keyspace}"
check_seconds = 1
[env.test.healing.services.feed]
kind = "probe"
probe_command = ["test", "-e", "{mark}"]
restart_command = ["touch", "{mark}"]
grace_checks = 2
grace_minutes = 0
"""
HEALTH_DAGS = """\
# Airflow DAG
from cassandra_views.airflow import health_dags

health_dags("../templates", globals(), conn_id="shop_cluster")
"""


IMPATIENT = {
    # A file that a test adds is found soon, and a worker that was killed is missed soon.
    "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "5",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "30",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "5",
}


@pytest.fixture(scope="package")
def shop(tmp_path_factory: pytest.TempPathFactory, server: Server, session: Session) -> Iterator[Shop]:
    made = Shop(
        folder=tmp_path_factory.mktemp("celery") / "shop",
        session=session,
        contact_points=tuple(server.contact_points),
        port=server.port,
        keyspace=KEYSPACE,
        registry=f"{KEYSPACE}_registry",
    )
    replication = "{'class': 'SimpleStrategy', 'replication_factor': 1}"
    session.execute(f"CREATE KEYSPACE IF NOT EXISTS {KEYSPACE} WITH replication = {replication}")
    made.write(env=FEED.format(keyspace=f"{KEYSPACE}_health", mark=made.folder / "feed-works"))
    (made.dags / "cluster_health.py").write_text(HEALTH_DAGS)
    (made.folder / "feed-works").touch()
    made.fill(50)
    yield made
    session.execute(f"DROP KEYSPACE IF EXISTS {KEYSPACE}_health")
    session.execute(f"DROP KEYSPACE {KEYSPACE}")
    made.drop_registry()


@pytest.fixture(scope="package")
def three_nodes(tmp_path_factory: pytest.TempPathFactory) -> Ground:
    """A cluster that does not run yet; its addresses are known."""
    return Ground(tmp_path_factory.mktemp("health"), "127.0.39", lambda text: print(text, file=sys.stderr))


@pytest.fixture(scope="package")
def airflow(
    shop: Shop, three_nodes: Ground, spark_master: Master, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Components]:
    spark_master.reset()
    for each in ("spark_live_to_minute.py", "rollup_dags"):
        copy = shutil.copytree if (DAGS / each).is_dir() else shutil.copy
        copy(DAGS / each, shop.dags / each)
    nodes = {"conn_type": "cassandra", "host": ",".join(three_nodes.addresses.values()), "port": three_nodes.port}
    variables = {
        **shop.variables,
        **spark_master_variable(connection(spark_master.server)),
        "AIRFLOW_CONN_HEAL_CLUSTER": json.dumps(nodes),
        **IMPATIENT,
    }
    with on_celery(tmp_path_factory.mktemp("airflow_celery"), shop.dags, variables) as running:
        yield running
