"""A job on a cluster that speaks TLS, which dies under it and comes back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from cassandra_client.connect import connected
from cassandra_embedded import EmbeddedCassandra
from spark_jobs.levels import MINUTE
from tests.certificates import Authority, certificate
from tests.integration.spark.conftest import cassandra_spark, plain, plain_keyspace, session, spark, variables, warm
from tests.integration.spark.pipeline import LONG_AGO, Pipeline, make_keyspace
from tests.integration.spark.test_deaths import begin, failure
from tests.integration.spark.test_jobs import a_few_readings
from tests.integration.spark.test_processes import MEANS, answer, command, run

__all__ = ["cassandra_spark", "plain", "plain_keyspace", "session", "spark", "variables", "warm"]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    # py4j leaves its sockets to the garbage collector.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


def test_cassandra_dies_and_comes_back_and_all_speak_tls(plain: Pipeline, warm: dict[str, str], tmp_path: Path) -> None:
    """Its certificate is one that Java does not know, and it asks for one of the client."""
    own, key = certificate("127.0.0.1")
    stranger = "".join(Authority("others").sign("client"))
    for name, text in (
        ("ca.pem", certificate("127.0.9.9")[0] + own),
        ("own.pem", own),
        ("key.pem", key),
        ("stranger.pem", stranger),
    ):
        (tmp_path / name).write_text(text)
    encryption = {
        "enabled": True,
        "optional": True,  # for the look whether it is up
        "require_client_auth": True,
        "ssl_context_factory": {
            "class_name": "org.apache.cassandra.security.PEMBasedSslContextFactory",
            "parameters": {"private_key": key + own, "trusted_certificates": own},
        },
    }
    with EmbeddedCassandra(port=0, heap_mb=512, settings={"client_encryption_options": encryption}) as server:
        points = tuple(server.contact_points)
        environ = warm | {
            "CASSANDRA_CONTACT_POINTS": ",".join(points),
            "CASSANDRA_PORT": str(server.port),
            "CASSANDRA_TLS_CA": str(tmp_path / "ca.pem"),
            "CASSANDRA_TLS_CERT": str(tmp_path / "own.pem"),
            "CASSANDRA_TLS_KEY": str(tmp_path / "key.pem"),
        }
        with connected(points, port=server.port) as session:
            keyspace = next(iter(make_keyspace(session, "spark_dying")))
            pipeline = replace(plain, session=session, keyspace=keyspace, start=LONG_AGO)
            a_few_readings(pipeline)
            # The sessions that met the death are waited for, so long each.
            job = begin(pipeline, environ | {"SPARK_ANSWER_SECONDS": "5"})
            server.kill_node(1)
        failure(job)
        server.start_node(1)
        with connected(points, port=server.port) as session:
            pipeline = replace(pipeline, session=session)
            # A node that is killed forgets what its log had not synced, of up to ten seconds: lines and readings.
            assert [line for line in pipeline.ledger(MINUTE).values() if line.finished] == []
            a_few_readings(pipeline)
            assert answer(run(command(pipeline), environ))["rows_written"] == 2
            assert pipeline.ledger(MINUTE)["08-10"].finished is not None
            assert pipeline.rows("minute") == MEANS
            clients = list(session.execute("SELECT driver_name, ssl_enabled FROM system_views.clients"))
            assert {row.ssl_enabled for row in clients if "Java" in (row.driver_name or "")} == {True}, clients
        wrong = dict.fromkeys(("CASSANDRA_TLS_CERT", "CASSANDRA_TLS_KEY"), str(tmp_path / "stranger.pem"))
        refused = run(command(pipeline), environ | wrong)
        assert (refused.returncode, refused.stdout) == (1, "")
        assert "the node refuses our certificate" in refused.stderr
        assert "Traceback" not in refused.stderr
