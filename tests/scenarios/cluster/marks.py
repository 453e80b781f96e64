"""A table of marks by day, and a project with one view on it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cassandra.cluster import Session

from tests.scenarios.lifecycle.workshop import Workshop

CQL = (
    "CREATE MATERIALIZED VIEW {{ view }} AS SELECT day, who, n FROM {{ base('marks') }} "
    "WHERE {{ in_window() }} AND who IS NOT NULL PRIMARY KEY (day, who)"
)


def simple_replication(replicas: int) -> str:
    return f"{{'class': 'SimpleStrategy', 'replication_factor': {replicas}}}"


@contextmanager
def workshop_of(session: Session, folder: Path, name: str, *, replication: str) -> Iterator[Workshop]:
    """Make a keyspace with a table of ten days, and a project with one view on it that is not created yet.

    Args:
        replication: of the keyspace, as CQL.
    """
    keyspace, registry = f"k_{name}", f"r_{name}"
    session.execute(f"CREATE KEYSPACE {keyspace} WITH replication = {replication}", timeout=60)
    session.execute(f"CREATE TABLE {keyspace}.marks (who text, day date, n int, PRIMARY KEY (who, day))", timeout=60)
    for day in range(1, 11):
        for who in "abc":
            session.execute(f"INSERT INTO {keyspace}.marks (who, day, n) VALUES ('{who}', '2026-03-{day:02}', 1)")
    workshop = Workshop(session=session, keyspace=keyspace, folder=folder, registry=registry)
    workshop.write_table("marks", "{column: day, type: date}")
    workshop.write_view("seen", CQL, window="{last: 3 days, step: 1 day}", grace="1 hour")
    yield workshop
    session.execute(f"DROP KEYSPACE IF EXISTS {keyspace}", timeout=60)
    session.execute(f"DROP KEYSPACE IF EXISTS {registry}", timeout=60)
