"""Several managers at once, and the same DDL on three coordinators: one generation serves, nothing is broken."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Barrier
from typing import Any

import pytest
from cassandra.cluster import ResponseFuture, Session

from cassandra_client.connect import connected
from cassandra_client.database import Database
from cassandra_client.driver_errors import DRIVER_ERRORS
from cassandra_client.errors import ViewsError
from cassandra_client.names import table_id
from cassandra_embedded import EmbeddedCassandra
from cassandra_views.apply.ddl import Ddl
from cassandra_views.model.errors import LeaseHeld, StalePlan
from cassandra_views.registry.lease import Lease
from tests.scenarios.lifecycle.workshop import Workshop

pytestmark = pytest.mark.slow


def at_once(count: int, act: Callable[[int], Any]) -> list[Exception | None]:
    """Let as many threads begin at the same moment; return what each came to."""
    barrier = Barrier(count)

    def run(number: int) -> Exception | None:
        barrier.wait()
        try:
            act(number)
        except (ViewsError, *DRIVER_ERRORS) as error:
            return error
        return None

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, range(count)))


def apply_by(workshop: Workshop, cluster3: EmbeddedCassandra, number: int) -> None:
    with connected((cluster3.contact_points[number % 3],), port=cluster3.port) as session:
        workshop.manager(session).apply()


def test_of_rival_managers_one_generation_serves_and_later_ddl_works(
    cluster3: EmbeddedCassandra, workshop3: Workshop
) -> None:
    for count in (5, 2):
        # The first round also makes the registry, five times at once.
        outcomes = at_once(count, lambda number: apply_by(workshop3, cluster3, number))
        assert None in outcomes, outcomes
        assert [error for error in outcomes if error and not isinstance(error, (StalePlan, LeaseHeld))] == []
        workshop3.apply()
        serving = workshop3.serving("seen")
        assert {each.physical for each in workshop3.record("seen").generations} == workshop3.physical_views()
        assert len(workshop3.rows(serving)) == 12
        # Another definition: the second round slides and changes at once, on a registry that stands.
        path = workshop3.folder / "views" / "seen.cql.j2"
        path.write_text(
            path.read_text().replace(
                "PRIMARY KEY (day, who)", "PRIMARY KEY ((day), who)\nWITH bloom_filter_fp_chance = 0.02"
            )
        )


class RecordingSession:
    """Passes everything to a session, and keeps each DDL that is sent: its text, and what came of it."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.sent: list[tuple[str, ResponseFuture]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)

    def execute_async(self, statement: Any, *args: Any, **options: Any) -> ResponseFuture:
        future = self._session.execute_async(statement, *args, **options)
        text = getattr(statement, "query_string", "")
        if text.startswith(("CREATE", "DROP", "ALTER")):
            self.sent.append((text, future))
        return future


def test_all_ddl_of_a_run_goes_to_one_coordinator_and_is_sent_once(workshop3: Workshop) -> None:
    path = workshop3.folder / "views" / "seen.cql.j2"
    for name in ("second", "third"):
        path.with_name(f"{name}.cql.j2").write_text(path.read_text())
    recording = RecordingSession(workshop3.session)
    manager = workshop3.manager(recording)
    manager.apply()
    manager.drop(workshop3.full("third"))
    texts = [text for text, _ in recording.sent]
    assert len(texts) == len(set(texts)), "each statement is sent once"
    assert sum(text.startswith("CREATE MATERIALIZED") for text in texts) == 3
    assert sum(text.startswith("DROP MATERIALIZED") for text in texts) == 1
    assert {len(future.attempted_hosts) for _, future in recording.sent} == {1}
    assert len({str(future.attempted_hosts[0]) for _, future in recording.sent[:-1]}) == 1


def test_one_create_sent_to_three_coordinators_makes_one_view(cluster3: EmbeddedCassandra, workshop3: Workshop) -> None:
    database = Database(workshop3.session)
    hosts = database.hosts()
    assert len(hosts) == 3
    keyspace = workshop3.keyspace

    def send(cql: str, place: int) -> None:
        database.ddl(cql, hosts[place], 30.0)

    for number in range(3):
        name = f"doubled__g{number + 1}"
        cql = (
            f"CREATE MATERIALIZED VIEW {keyspace}.{name} AS SELECT who, day FROM {keyspace}.marks "
            "WHERE who IS NOT NULL AND day IS NOT NULL PRIMARY KEY (day, who) "
            f"WITH id = {table_id(keyspace, name)}"
        )
        at_once(3, partial(send, cql))
        lease = Lease(database, "unused", owner="tests", ddl_timeout_seconds=30)
        ddl = Ddl(database, lease, timeout_seconds=30)
        assert ddl.await_agreement()
        assert ddl.existence(keyspace, name, table_id(keyspace, name)).is_everywhere
    # Later DDL works, on every coordinator.
    for host, name in zip(hosts, sorted(workshop3.physical_views()), strict=True):
        database.ddl(f"DROP MATERIALIZED VIEW {keyspace}.{name}", host, 30.0)
        assert ddl.await_agreement()
    assert workshop3.physical_views() == set()
