"""A clock that is ten minutes ahead: of one of three nodes, of who manages, and of an application that writes.

The node's clock is that of libfaketime, which its process alone is started with.
"""

from __future__ import annotations

import hashlib
import platform
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from cassandra.cluster import Session
from cassandra.pool import Host

from cassandra_client.connect import connected
from cassandra_client.database import Database
from cassandra_embedded import EmbeddedCassandra
from cassandra_views.model.errors import LeaseHeld, StalePlan
from cassandra_views.model.generation import State
from cassandra_views.model.lag import LagBound
from tests.nightly.data_centers.test_cut_off import ROWS, Reading
from tests.scenarios.cluster.marks import simple_replication, workshop_of
from tests.scenarios.cluster.test_rivals import at_once
from tests.scenarios.lifecycle.workshop import Workshop
from tests.servers import QUICK_FAILURES

pytestmark = [
    pytest.mark.slow,
    pytest.mark.cassandra,
    pytest.mark.skipif(platform.machine() != "x86_64", reason="the library of libfaketime is for x86-64"),
]

AHEAD = timedelta(minutes=10)


@pytest.fixture(scope="module")
def cluster() -> Iterator[EmbeddedCassandra]:
    """Three nodes; the clock of the third is ahead."""
    found = find_spec("libfaketime")
    assert found is not None
    assert found.origin is not None
    library = Path(found.origin).parent / "vendor" / "libfaketime" / "src" / "libfaketime.so.1"
    # Where nodes go by each other's times, which is the default, none hears the answers that it gets: it is as one that
    # is down (tried on 5.0.9: it does not even start, "Unable to gossip with any peers").
    settings = {**QUICK_FAILURES, "internode_timeout": False}
    with EmbeddedCassandra(3, address="127.0.92.1", port=0, settings=settings) as running:
        running.stop_node(3)
        with pytest.MonkeyPatch.context() as patched:
            patched.setenv("LD_PRELOAD", str(library))
            patched.setenv("FAKETIME", f"+{AHEAD.total_seconds():.0f}s")
            # What waits for a time of the monotonic clock is left alone, or each wait of Java's would be none.
            patched.setenv("DONT_FAKE_MONOTONIC", "1")
            patched.setenv("FAKETIME_FORCE_MONOTONIC_FIX", "0")
            running.start_node(3)
        yield running


@pytest.fixture
def session(cluster: EmbeddedCassandra) -> Iterator[Session]:
    with connected(tuple(cluster.contact_points), port=cluster.port) as opened:
        yield opened


@pytest.fixture
def workshop(session: Session, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Workshop]:
    digest = hashlib.blake2b(request.node.nodeid.encode(), digest_size=4).hexdigest()
    with workshop_of(session, tmp_path, digest, replication=simple_replication(3)) as workshop:
        yield workshop


class Through:
    """A session whose statements one node coordinates, but those for another node alone."""

    def __init__(self, session: Session, number: int) -> None:
        self._session = session
        self._host: Host = Database(session).hosts()[number - 1]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)

    def execute(self, statement: Any, *args: Any, **options: Any) -> Any:
        return self._session.execute(statement, *args, **self._sent(statement, options))

    def execute_async(self, statement: Any, *args: Any, **options: Any) -> Any:
        return self._session.execute_async(statement, *args, **self._sent(statement, options))

    def _sent(self, statement: Any, options: dict[str, Any]) -> dict[str, Any]:
        text = getattr(statement, "query_string", "")
        is_free = options.get("host") is None or text.startswith(("CREATE", "DROP", "ALTER"))
        return {**options, "host": self._host} if is_free else options


def check_converged(workshop: Workshop) -> None:
    workshop.apply()
    record = workshop.record("seen")
    assert {each.physical for each in record.generations} == workshop.physical_views()
    assert len(record.in_state(State.SERVING)) == 1
    assert len(workshop.rows(workshop.serving("seen"))) == ROWS


def test_any_node_coordinates_a_whole_life(session: Session, workshop: Workshop) -> None:
    first, third = Through(session, 1), Through(session, 3)
    clocks = [each.execute("SELECT toTimestamp(now()) FROM system.local").one()[0] for each in (first, third)]
    assert abs(clocks[1] - clocks[0] - AHEAD) < timedelta(seconds=10)
    workshop.manager(third).apply()
    with Reading(session, workshop) as readers:
        for through in (first, third, first):
            workshop.manager(through).refresh("seen")
        workshop.manager(third).rollback("seen", reason="a test")
        workshop.manager(first).override("seen", None, reason="it is as good")
        workshop.manager(third).apply()
        assert workshop.serving("seen") == "seen__g3"
        workshop.now += timedelta(hours=2)
        workshop.manager(third).apply()
        time.sleep(0.5)
    assert set(readers.counts) == {ROWS}
    assert workshop.physical_views() == {"seen__g3"}
    check_converged(workshop)
    events = [event.event for event in workshop.manager().history("seen", limit=200)]
    assert events.count("serve") == 5, "each switch is told once"


def test_of_five_rivals_one_generation_serves(session: Session, workshop: Workshop) -> None:
    """Some of them are ahead themselves, and some go through the node that is."""
    rivals = [
        replace(workshop, now=workshop.now + AHEAD * (number % 2), reports=[]).manager(Through(session, number % 3 + 1))
        for number in range(5)
    ]
    outcomes = at_once(5, lambda number: rivals[number].apply())
    assert None in outcomes, outcomes
    assert [error for error in outcomes if error and not isinstance(error, (StalePlan, LeaseHeld))] == []
    workshop.now += AHEAD
    check_converged(workshop)


@pytest.mark.parametrize("number", [1, 3])
def test_writes_through_it_are_no_differences(session: Session, workshop: Workshop, number: int) -> None:
    workshop.apply()
    through = Through(session, 4 - number)
    for who in "abc":
        through.execute(f"UPDATE {workshop.keyspace}.marks SET n = 2 WHERE who = '{who}' AND day = '2026-03-09'")
        through.execute(f"DELETE FROM {workshop.keyspace}.marks WHERE who = '{who}' AND day = '2026-03-10'")
    assert workshop.manager(Through(session, number)).audit("seen").failures == ()
    assert len(workshop.rows("seen__g1")) == ROWS - 3


def test_a_canary_row_through_it_leaves_nothing(session: Session, workshop: Workshop) -> None:
    """One that a former measurement through it deleted at a later time is no lag, and is told."""
    key = "{who: __canary__, day: '2026-03-09'}"
    path = workshop.folder / "views" / "seen.cql.j2"
    path.write_text(path.read_text().replace("grace:", f"lag: {{promise: 5 seconds, probe: {{key: {key}}}}}\ngrace:"))
    workshop.apply()
    bounds = []
    for number in (3, 1):
        (report,) = workshop.manager(Through(session, number)).measure_lag("seen", patience_seconds=2.0)
        assert not report.is_broken, report
        bounds.append((report.lag.bound, report.lag.seconds is None))
    assert bounds == [(LagBound.EXACT, False), (LagBound.EXACT, True)]
    assert len(workshop.rows("marks")) == 30


def test_who_manages_is_ahead(workshop: Workshop) -> None:
    ahead = replace(workshop, now=workshop.now + AHEAD, reports=[])
    ahead.manager().apply()
    plan = workshop.manager().plan()
    assert plan.steps == ()
    assert any("one of the two clocks is wrong" in note for note in plan.notes)
    workshop.manager().refresh("seen")
    ahead.manager().apply()
    assert workshop.physical_views() == {"seen__g1", "seen__g2"}, "its grace of an hour is longer"
    # Five minutes before midnight the one that is ahead slides; the other goes back to what its clock promises, and
    # slides at midnight: nothing is built twice, and readers never have less than a clock promises.
    workshop.now = workshop.now.replace(hour=23, minute=55)
    ahead.now = workshop.now + AHEAD
    ahead.manager().apply()
    assert workshop.serving("seen") == "seen__g3"
    workshop.manager().apply()
    assert workshop.serving("seen") == "seen__g2"
    workshop.now = ahead.now
    workshop.apply()
    assert workshop.serving("seen") == "seen__g3"
    assert workshop.record("seen").next_number == 4


def test_an_application_writes_at_times_that_are_ahead(session: Session, workshop: Workshop) -> None:
    workshop.apply()
    later = int((datetime.now(UTC) + AHEAD).timestamp() * 1e6)
    for who in "ab":
        session.execute(
            f"INSERT INTO {workshop.keyspace}.marks (who, day, n) VALUES ('{who}', '2026-03-10', 7) "
            f"USING TIMESTAMP {later}"
        )
    assert workshop.manager(Through(session, 1)).audit("seen").failures == ()
    (each,) = workshop.record("seen").generations
    assert each.verdict is not None
    assert each.verdict.ahead_rows == 2
