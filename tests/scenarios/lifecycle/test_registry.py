"""The registry's contract: conditional batches under a fence, unknown outcomes, a newer schema."""

from __future__ import annotations

import hashlib
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest
from cassandra.cluster import Session

from cassandra_client.database import Database, Row
from cassandra_client.errors import ClusterError
from cassandra_views.model.errors import RegistryError, StalePlan
from cassandra_views.model.generation import Audit, Serving, State, ViewRecord
from cassandra_views.model.names import ViewName
from cassandra_views.model.times import TimeColumn, TimeKind
from cassandra_views.registry.schema import SCHEMA_NUMBER
from cassandra_views.registry.store import Registry
from tests.scenarios.lifecycle.dying import Side, UnsureSession

AT = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def tables(session: Session, registry_tables: str) -> str:
    session.execute(f"INSERT INTO {registry_tables}.about (name, value) VALUES ('schema', '{SCHEMA_NUMBER}')")
    return registry_tables


@pytest.fixture
def view(request: pytest.FixtureRequest) -> ViewName:
    digest = hashlib.blake2b(request.node.name.encode(), digest_size=6).hexdigest()
    return ViewName(keyspace="shop", view=f"Orders_{digest}")


def registry(session: object, keyspace: str, run: str = "run") -> Registry:
    return Registry(Database(session), keyspace, run=run, author="tests")


def building(view: ViewName, number: int) -> dict[int, dict[str, object]]:
    row = {"physical_name": view.physical(number), "table_id": uuid.UUID(int=number), "state": State.BUILDING}
    return {number: row | {"window_start": AT, "version": "f1:x", "cql": "CREATE"}}


def test_a_record_comes_back_as_it_was_written(session: Session, tables: str, view: ViewName) -> None:
    mine = registry(session, tables)
    assert mine.read(view) == ViewRecord(name=view)
    record = mine.change(mine.raise_fence(view), view={"next_number": 2, "project": "p"}, generations=building(view, 1))
    record = mine.change(record, generations={1: {"state": State.BUILT}})
    record = mine.change(record, generations={1: {"audit": Audit.PASSED, "audited_at": AT}})
    column = TimeColumn(name="At", kind=TimeKind.TEXT, format="%Y-%m-%d")
    entry = Serving(name=view.physical(1), time=column, start=AT)
    record = mine.change(record, view={"read_from": (entry,)}, generations={1: {"state": State.SERVING}})
    assert record == mine.read(view) == next(each for each in mine.read_all() if each.name == view)
    assert record.read_from == (entry,)
    (each,) = record.generations
    assert (each.state, each.window_start, each.audited_at) == (State.SERVING, AT, AT)
    record = mine.change(record, view={"read_from": ()}, generations={1: {"state": State.RETIRED}})
    record = mine.change(record, generations={1: {"state": State.DROPPING}})
    record = mine.change(record, remove=(1,))
    assert record.generations == ()
    assert record.next_number == 2, "a number outlives its generation"


def test_the_former_holder_can_write_no_more(session: Session, tables: str, view: ViewName) -> None:
    first, second = registry(session, tables, "1"), registry(session, tables, "2")
    old = first.raise_fence(view)
    new = second.raise_fence(view)
    with pytest.raises(StalePlan, match="another run has taken this view over"):
        first.change(old, generations=building(view, 1))
    assert second.read(view).generations == ()
    second.change(new, generations=building(view, 1))


def test_a_change_under_an_old_record_is_refused(session: Session, tables: str, view: ViewName) -> None:
    mine = registry(session, tables)
    old = mine.raise_fence(view)
    mine.change(old, generations=building(view, 1))
    with pytest.raises(StalePlan):
        mine.change(old, generations=building(view, 2))


def test_a_stale_plan_does_not_stop_the_run_that_made_it_stale(session: Session, tables: str, view: ViewName) -> None:
    first, second = registry(session, tables, "1"), registry(session, tables, "2")
    planned = second.read(view).revision()
    record = first.change(first.raise_fence(view), generations=building(view, 1))
    with pytest.raises(StalePlan, match="registry rows have changed"):
        second.raise_fence(view, revision=planned)
    first.change(record, generations={1: {"state": State.BUILT}})


def test_of_many_that_take_it_at_once_the_last_alone_can_write(session: Session, tables: str, view: ViewName) -> None:
    def take(number: int) -> ViewRecord:
        return registry(session, tables, str(number)).raise_fence(view)

    with ThreadPoolExecutor(6) as pool:
        records = sorted(pool.map(take, range(6)), key=lambda record: record.fence)
    assert len({record.fence for record in records}) == 6
    mine = registry(session, tables)
    for record in records[:-1]:
        with pytest.raises(StalePlan):
            mine.change(record, generations=building(view, 1))
    mine.change(records[-1], generations=building(view, 1))


@pytest.mark.parametrize("side", list(Side))
@pytest.mark.parametrize("times", [1, 2])
def test_an_unknown_outcome_is_settled_by_reading(
    session: Session, tables: str, view: ViewName, side: Side, times: int
) -> None:
    mine = registry(session, tables)
    record = mine.raise_fence(view)
    unsure = UnsureSession(session, set(range(1, times + 1)), side)
    changed = registry(unsure, tables).change(record, view={"next_number": 2}, generations=building(view, 1))
    assert changed == mine.read(view)
    assert changed.find(1) is not None
    assert changed.fence == record.fence + 1
    taken = registry(UnsureSession(session, {1}, side), tables).raise_fence(view)
    assert taken == mine.read(view)
    mine.change(taken, generations={1: {"state": State.BUILT}})


def test_an_unknown_outcome_with_a_rival_is_a_loss_or_a_gain_never_both(
    session: Session, tables: str, view: ViewName
) -> None:
    mine, rival = registry(session, tables, "1"), registry(session, tables, "2")
    record = mine.raise_fence(view)
    unsure = UnsureSession(session, {1}, Side.BEFORE, on_doubt=lambda: rival.raise_fence(view))
    with pytest.raises(StalePlan):
        registry(unsure, tables).change(record, generations=building(view, 1))
    assert mine.read(view).generations == ()


def test_writes_that_never_arrive_are_an_error_that_says_so(session: Session, tables: str, view: ViewName) -> None:
    mine = registry(session, tables)
    record = mine.raise_fence(view)
    unsure = UnsureSession(session, set(range(1, 9)), Side.BEFORE)
    with pytest.raises(ClusterError, match=r"could not be written: no answer in time.*'views show'"):
        registry(unsure, tables).change(record, generations=building(view, 1))
    assert mine.read(view).generations == ()


@pytest.mark.parametrize(
    ("state", "after"),
    [(State.BUILDING, State.SERVING), (State.BUILDING, State.DROPPING), (State.BUILDING, State.RETIRED)],
)
def test_only_the_moves_of_the_table_are_made(
    session: Session, tables: str, view: ViewName, state: State, after: State
) -> None:
    mine = registry(session, tables)
    record = mine.change(mine.raise_fence(view), generations=building(view, 1))
    with pytest.raises(StalePlan, match=f"it is {state.value} and cannot become {after.value}"):
        mine.change(record, generations={1: {"state": after}})
    with pytest.raises(StalePlan, match="it is nothing"):
        mine.change(record, generations={2: {"state": State.BUILT}})


def test_the_history_is_read_newest_first(session: Session, tables: str, view: ViewName) -> None:
    mine = registry(session, tables)
    for number in range(5):
        mine.record_event(view, f"event {number}", number=number, detail="it's told")
    events = mine.history(view, limit=3)
    assert [event.event for event in events] == ["event 4", "event 3", "event 2"]
    assert events[0].author == "tests"
    assert abs((datetime.now(UTC) - events[0].at).total_seconds()) < 3600
    row = session.execute(f"SELECT TTL(event) FROM {tables}.history LIMIT 1").one()
    assert row[0] > 89 * 86400


def test_a_newer_registry_is_refused_and_a_half_made_one_is_none(session: Session, tables: str) -> None:
    mine = registry(session, tables)
    assert mine.exists()
    session.execute(f"UPDATE {tables}.about SET value = '{SCHEMA_NUMBER + 1}' WHERE name = 'schema'")
    with pytest.raises(RegistryError, match=f"has schema {SCHEMA_NUMBER + 1}.*Upgrade cassandra-views"):
        mine.exists()
    session.execute(f"DELETE FROM {tables}.about WHERE name = 'schema'")
    assert not mine.exists()


def test_a_registry_that_the_next_node_does_not_know_of_yet_is_none(session: Session, keyspace: str) -> None:
    class ListedFirst(Database):
        """Another node's list of tables, which has them before this node has."""

        def rows(self, query: str, *args: Any, **options: Any) -> list[Row]:
            if "system_schema.tables" in query:
                return [{"table_name": name} for name in ("about", "views", "history", "lease")]
            return super().rows(query, *args, **options)

    assert not Registry(ListedFirst(session), keyspace, run="run", author="tests").exists()
    with pytest.raises(ClusterError, match=r"does not exist|unconfigured table"):
        Registry(ListedFirst(session), keyspace, run="run", author="tests").read_all()


def test_a_row_of_a_newer_program_is_told_and_left_alone(session: Session, tables: str, view: ViewName) -> None:
    mine = registry(session, tables)
    mine.change(mine.raise_fence(view), generations=building(view, 1))
    key = f"keyspace_name = 'shop' AND view_name = '{view.view}'"
    session.execute(f"UPDATE {tables}.views SET state = 'resting' WHERE {key} AND number = 1 IF EXISTS")
    with pytest.raises(RegistryError, match=rf"{view}: .*'resting'"):
        mine.read(view)
    session.execute(f"DELETE FROM {tables}.views WHERE {key} AND number = 1 IF EXISTS")
