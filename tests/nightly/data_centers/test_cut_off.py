"""One of two data centres is cut off: who reads, who changes, and what waits."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta

import pytest
from cassandra.cluster import Session

from cassandra_client.database import Database
from cassandra_client.errors import ClusterError, ViewsError
from cassandra_embedded import EmbeddedCassandra
from cassandra_views import ViewReader
from cassandra_views.apply.reports import Progress, Report, StepBegun
from cassandra_views.model.generation import State
from cassandra_views.model.steps import AuditGeneration, AwaitBuild, ServeGeneration, Step
from tests.nightly.data_centers.conftest import EAST, WEST
from tests.scenarios.lifecycle.workshop import Workshop
from tests.waiting import wait_until

pytestmark = pytest.mark.slow


@contextmanager
def cut_off(cluster: EmbeddedCassandra, numbers: Sequence[int]) -> Iterator[None]:
    """Let nodes answer nobody for the length of a block."""
    for number in numbers:
        cluster.pause_node(number)
    try:
        yield
    finally:
        for number in numbers:
            cluster.resume_node(number)


class Reading:
    """Reads a view all the time, each read with the registry's pointer; keeps how many rows each read found."""

    def __init__(self, session: Session, workshop: Workshop) -> None:
        self.counts: list[int] = []
        self._reader = ViewReader(session, registry=workshop.registry, keyspace=workshop.keyspace, cache_seconds=0.0)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._read)
        self._error: Exception | None = None

    def _read(self) -> None:
        try:
            while not self._ended.wait(0.05):
                self.counts.append(len(list(self._reader.select("seen", {"day IN": DAYS}))))
        except ViewsError as error:
            self._error = error

    def __enter__(self) -> Reading:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join(60)
        if self._error is not None:
            raise self._error


DAYS = tuple(f"2026-03-{day:02}" for day in range(7, 11))
ROWS = 12


def await_all(workshop: Workshop, nodes: int = 5) -> None:
    """Wait until the driver has a connection to every node again."""
    database = Database(workshop.session)

    def all_answer() -> bool:
        answers = database.ask("SELECT key FROM system.local")
        return len(answers) == nodes and not any(answer.error for answer in answers)

    wait_until(all_answer, 60)


def test_readers_of_both_see_every_row_through_a_refresh(workshop: Workshop, east: Session, west: Session) -> None:
    workshop.apply()
    with Reading(east, workshop) as in_east, Reading(west, workshop) as in_west:
        workshop.manager().refresh("seen")
        assert workshop.serving("seen") == "seen__g2"
        workshop.now += timedelta(hours=2)
        workshop.apply()
        assert workshop.physical_views() == {"seen__g2"}
        time.sleep(0.5)
    for reading in (in_east, in_west):
        assert len(reading.counts) > 10
        assert set(reading.counts) == {ROWS}


@pytest.mark.parametrize("kind", [AwaitBuild, AuditGeneration, ServeGeneration])
def test_what_is_served_while_the_other_is_cut_off_is_complete_in_both(
    two_data_centers: EmbeddedCassandra, workshop: Workshop, west: Session, kind: type[Step]
) -> None:
    """West is cut off as a step begins. A build waits for its nodes and names them; audit and switch do not."""
    workshop.apply()
    named: set[str] = set()
    back: list[threading.Timer] = []

    def come_back() -> None:
        for number in WEST:
            two_data_centers.resume_node(number)

    def watch(report: Report) -> None:
        if isinstance(report, StepBegun) and isinstance(report.step, kind):
            for number in WEST:
                two_data_centers.pause_node(number)
            if kind is AwaitBuild:
                back.append(threading.Timer(8.0, come_back))
                back[0].start()
        elif isinstance(report, Progress):
            named.update(address for address in two_data_centers.contact_points[3:] if address in report.text)

    workshop.manager(listener=watch).refresh("seen")
    assert workshop.serving("seen") == "seen__g2"
    for timer in back:
        timer.join()
    assert named == (set(two_data_centers.contact_points[3:]) if kind is AwaitBuild else set())
    come_back()
    await_all(workshop)
    with Reading(west, workshop) as in_west:
        time.sleep(1.0)
    assert set(in_west.counts) == {ROWS}


def test_nothing_is_dropped_before_both_know_what_serves(
    two_data_centers: EmbeddedCassandra, workshop: Workshop, west: Session
) -> None:
    """West is cut off from the switch until after the grace; its readers read the former generation meanwhile."""
    workshop.apply()
    with cut_off(two_data_centers, WEST):
        workshop.manager().refresh("seen")
        assert workshop.serving("seen") == "seen__g2"
        workshop.now += timedelta(hours=2)
        with pytest.raises(ClusterError, match="readers in some data centre may still read it") as refused:
            workshop.manager().apply()
        assert "It is not dropped" in str(refused.value)
        assert workshop.physical_views() == {"seen__g1", "seen__g2"}
        assert [each.state for each in workshop.record("seen").generations] == [State.RETIRED, State.SERVING]
    with cut_off(two_data_centers, EAST), Reading(west, workshop) as alone:
        time.sleep(2.0)
    assert set(alone.counts) == {ROWS}, "whichever of both it reads"
    await_all(workshop)
    with Reading(west, workshop) as in_west:
        workshop.apply()
        time.sleep(1.0)
    assert workshop.physical_views() == {"seen__g2"}
    assert set(in_west.counts) == {ROWS}


def test_the_smaller_one_alone_reads_and_changes_nothing(
    two_data_centers: EmbeddedCassandra, workshop: Workshop, west: Session
) -> None:
    workshop.apply()
    before = workshop.record("seen")
    with cut_off(two_data_centers, EAST), Reading(west, workshop) as in_west:
        wait_until(lambda: len(in_west.counts) > 10)
        with pytest.raises(ViewsError):
            workshop.manager(west).refresh("seen")
    await_all(workshop)
    assert set(in_west.counts) == {ROWS}
    after = workshop.record("seen")
    assert (after.read_from, after.in_state(State.SERVING)) == (before.read_from, before.in_state(State.SERVING))
    workshop.end_lease()
    workshop.apply()
    workshop.manager().refresh("seen")
    assert len(workshop.rows(workshop.serving("seen"))) == ROWS


def test_the_last_switch_is_read_in_both_after_a_drop(workshop: Workshop, west: Session) -> None:
    """What was dropped is named by no replica of either: each is asked by itself."""
    workshop.apply()
    workshop.manager().refresh("seen")
    workshop.now += timedelta(hours=2)
    workshop.apply()
    database = Database(west)
    query = f"SELECT DISTINCT read_from FROM {workshop.registry}.views WHERE keyspace_name = %s AND view_name = %s"
    answers = database.ask(query, values=(workshop.keyspace, "seen"))
    assert len(answers) == 5
    for answer in answers:
        assert [entry["name"] for entry in answer.rows[0]["read_from"]] == ["seen__g2"]
