"""One holder at a time; a dead one's lease ends by itself, and its last statement is waited out."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from cassandra.cluster import Session

from cassandra_client.database import Database
from cassandra_views.model.errors import LeaseHeld
from cassandra_views.registry.lease import HeldLease, Lease, LeaseTimes
from tests.scenarios.lifecycle.dying import Died, DyingSession, Side, UnsureSession


@pytest.fixture
def tables(session: Session, registry_tables: str) -> str:
    session.execute(f"DELETE FROM {registry_tables}.lease WHERE resource = 'cluster' IF EXISTS")
    return registry_tables


def lease(session: object, keyspace: str, told: list[str] | None = None, owner: str = "me") -> Lease:
    return Lease(
        Database(session),
        keyspace,
        owner=owner,
        ddl_timeout_seconds=1.0,
        times=LeaseTimes(margin_seconds=2.0),
        on_wait=(told if told is not None else []).append,
    )


def test_rivals_hold_it_one_after_the_other_under_numbers_of_their_own(session: Session, tables: str) -> None:
    inside = threading.Semaphore(1)
    numbers: list[int] = []

    def hold(name: int) -> None:
        mine = lease(session, tables, owner=f"rival {name}")
        for _ in range(6):
            with mine.held() as held:
                assert inside.acquire(blocking=False), "two hold it"
                numbers.append(held.number)
                time.sleep(0.005)
                inside.release()

    with ThreadPoolExecutor(4) as pool:
        for future in [pool.submit(hold, number) for number in range(4)]:
            future.result()
    assert numbers == sorted(set(numbers))
    assert len(numbers) == 24


def test_who_waits_for_it_can_be_ended(session: Session, tables: str) -> None:
    ended = threading.Event()

    def end() -> None:
        if ended.is_set():
            raise Died

    waiter = Lease(
        Database(session),
        tables,
        owner="waiter",
        ddl_timeout_seconds=1.0,
        times=LeaseTimes(margin_seconds=2.0),
        on_wait=lambda _told: ended.set(),
        on_pause=end,
    )
    with lease(session, tables, owner="holder").held(), pytest.raises(Died), waiter.held():
        pytest.fail("it waits for the holder")


def test_a_dead_holders_lease_ends_by_itself_and_the_next_waits(session: Session, tables: str) -> None:
    held: list[HeldLease] = []

    def die() -> None:
        with lease(DyingSession(session, 2), tables, owner="dead").held() as mine:
            held.append(mine)

    with pytest.raises(Died):
        die()
    told: list[str] = []
    with lease(session, tables, told).held() as mine:
        assert time.monotonic() > held[0].expires
        assert mine.number == 2
        assert mine.outlives(1.0)
    assert "held by dead" in told[0]
    assert "without giving the lease back" in told[1]
    told.clear()
    with lease(session, tables, told).held():
        assert told == []


def test_a_statement_whose_outcome_is_unknown_makes_the_next_holder_wait(session: Session, tables: str) -> None:
    def interrupt() -> None:
        with lease(session, tables).held() as mine:
            mine.is_in_doubt = True
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupt()
    told: list[str] = []
    with lease(session, tables, told).held():
        assert len(told) == 1
        assert "waiting 1 s" in told[0]


def test_it_is_renewed_by_its_holder_alone(session: Session, tables: str) -> None:
    mine = lease(session, tables)
    with mine.held() as held:
        assert not held.outlives(60)
        time.sleep(0.01)
        assert mine.renewed(held).expires > held.expires
        session.execute(f"UPDATE {tables}.lease SET owner = 'other', number = 7 WHERE resource = 'cluster' IF EXISTS")
        with pytest.raises(LeaseHeld, match="lost to another run"):
            mine.renewed(held)
    owner = session.execute(f"SELECT owner FROM {tables}.lease WHERE resource = 'cluster'").one()[0]
    assert owner == "other", "giving back what is not held changes nothing"


@pytest.mark.parametrize("side", list(Side))
def test_an_unknown_outcome_of_taking_it_is_settled(session: Session, tables: str, side: Side) -> None:
    unsure = UnsureSession(session, {1}, side)
    with lease(unsure, tables).held() as held:
        row = session.execute(f"SELECT owner, number FROM {tables}.lease WHERE resource = 'cluster'").one()
        assert (row.owner, row.number) == (held.owner, held.number)
        assert held.number == 1
    assert session.execute(f"SELECT owner FROM {tables}.lease WHERE resource = 'cluster'").one()[0] is None


@pytest.mark.parametrize("side", list(Side))
def test_an_unknown_outcome_of_renewing_it_is_settled(session: Session, tables: str, side: Side) -> None:
    mine = lease(UnsureSession(session, {2}, side), tables)
    with mine.held() as held:
        assert mine.renewed(held).number == held.number


def test_who_waits_too_long_is_told_who_holds_it(session: Session, tables: str) -> None:
    with lease(session, tables, owner="first").held():
        second = lease(session, tables)
        second.wait_seconds = 0.2
        with pytest.raises(LeaseHeld, match="held by first"), second.held():
            pytest.fail("two hold it")
