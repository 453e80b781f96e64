"""One registry and one keyspace for all of these tests."""

from collections.abc import Iterator

import pytest
from cassandra.cluster import Session

from tests.integration.reader.place import DAYS, Place, create_top, make_keyspace, make_registry


@pytest.fixture(scope="session")
def place(session: Session) -> Iterator[Place]:
    """One registry and keyspace with six days of streamers, and generations 1 and 2 of ``top``."""
    found = Place(session, "t_reader_registry", "t_reader")
    for name in (found.registry, found.keyspace):
        make_keyspace(session, name)
    make_registry(session, found.registry)
    found.run("CREATE TABLE {ks}.base (streamer text, day text, total bigint, PRIMARY KEY (streamer, day))")
    for number in (1, 2):
        create_top(found, number)
    insert = session.prepare(f"INSERT INTO {found.keyspace}.base (streamer, day, total) VALUES (?, ?, ?)")
    for day in DAYS:
        for number in range(20):
            session.execute(insert, (f"s{number:02d}", day, number // 3))
    yield found
    for name in (found.registry, found.keyspace):
        session.execute(f"DROP KEYSPACE {name}")
