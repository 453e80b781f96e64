"""One of two data centres is cut off: who reads, who changes, and what waits."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
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


def refresh_cut_off(workshop: Workshop, cluster: EmbeddedCassandra, kind: type[Step], away: ExitStack) -> None:
    """Refresh; west is cut off when a step of this kind begins, until ``away`` is closed."""

    def watch(report: Report) -> None:
        if isinstance(report, StepBegun) and isinstance(report.step, kind):
            away.enter_context(cut_off(cluster, WEST))

    workshop.manager(listener=watch).refresh("seen")


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


def await_all(workshop: Workshop) -> None:
    """Wait until the driver has a connection to every node again, and all agree on the schema."""
    database = Database(workshop.session)

    def all_agree() -> bool:
        answers = database.ask("SELECT schema_version FROM system.local")
        if len(answers) < 5 or any(answer.error for answer in answers):
            return False
        return len({answer.rows[0]["schema_version"] for answer in answers}) == 1

    wait_until(all_agree, 90)


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


def test_a_build_waits_for_what_is_cut_off_and_names_it(
    two_data_centers: EmbeddedCassandra, workshop: Workshop
) -> None:
    west = two_data_centers.contact_points[3:]
    named: list[str] = []
    states: list[str] = []
    with ExitStack() as away:

        def watch(report: Report) -> None:
            if isinstance(report, StepBegun) and isinstance(report.step, AwaitBuild):
                away.enter_context(cut_off(two_data_centers, WEST))
            elif isinstance(report, Progress) and any(f"{address} (" in report.text for address in west):
                named.append(report.text)
                states.append(workshop.record("seen").generations[0].state)
                away.close()

        workshop.manager(listener=watch).apply()
    await_all(workshop)
    assert named
    assert set(states) == {State.BUILDING}
    assert len(workshop.rows(workshop.serving("seen"))) == ROWS


@pytest.mark.parametrize("kind", [AuditGeneration, ServeGeneration])
def test_audit_and_switch_go_on_while_the_other_is_cut_off(
    two_data_centers: EmbeddedCassandra, workshop: Workshop, west: Session, kind: type[Step]
) -> None:
    """West is cut off as the step begins, and its readers find every row when it is back."""
    workshop.apply()
    with ExitStack() as away:
        refresh_cut_off(workshop, two_data_centers, kind, away)
        assert workshop.serving("seen") == "seen__g2"
    await_all(workshop)
    with Reading(west, workshop) as in_west:
        wait_until(lambda: len(in_west.counts) > 10)
    assert set(in_west.counts) == {ROWS}


def test_nothing_is_dropped_before_both_know_what_serves(
    two_data_centers: EmbeddedCassandra, workshop: Workshop, west: Session
) -> None:
    """West is cut off from the switch until after the grace; its readers read the former generation meanwhile."""
    workshop.apply()
    with ExitStack() as away:
        refresh_cut_off(workshop, two_data_centers, ServeGeneration, away)
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
    assert (after.read_from, after.generations) == (before.read_from, before.generations)
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
