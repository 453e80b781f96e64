"""The fixtures of tests/conftest.py on the server they chose."""

from __future__ import annotations

from cassandra.cluster import Session

from tests.servers import Server


def test_views_can_be_created(session: Session, keyspace: str, server: Server) -> None:
    assert server.port > 0
    session.execute(f"CREATE TABLE {keyspace}.base (a int, b int, PRIMARY KEY (a, b))")
    session.execute(f"INSERT INTO {keyspace}.base (a, b) VALUES (1, 2)")
    session.execute(
        f"CREATE MATERIALIZED VIEW {keyspace}.other AS SELECT * FROM {keyspace}.base "
        "WHERE a IS NOT NULL AND b IS NOT NULL PRIMARY KEY (b, a)"
    )
    session.execute(f"INSERT INTO {keyspace}.base (a, b) VALUES (3, 2)")
    assert session.execute(f"SELECT a FROM {keyspace}.other WHERE b = 2 AND a = 3").one().a == 3
