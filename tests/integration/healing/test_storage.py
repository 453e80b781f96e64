"""The journal and the history, on a real Cassandra."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier

import pytest
from cassandra.cluster import Session

from cassandra_client.errors import ClusterError
from cassandra_healing.decision import Decision, Rule
from cassandra_healing.errors import OperationNotStarted
from cassandra_healing.model import (
    HealingAction,
    HealthCheck,
    MemberId,
    Observation,
    ObserverKind,
    Operation,
    OperationOutcome,
    ProbeResult,
)
from cassandra_healing.policy import Mode, Policy
from cassandra_healing.session import ClusterSession
from cassandra_healing.storage import tables
from cassandra_healing.storage.check_history import CheckHistory
from cassandra_healing.storage.journal import Journal

N1, N2, N3 = (MemberId(host_id=uuid.uuid5(uuid.NAMESPACE_DNS, f"n{n}"), address=f"10.0.0.{n}") for n in (1, 2, 3))
POLICY = Policy()


def now() -> datetime:
    return datetime.now(UTC)


def decision(node: MemberId = N3, act: HealingAction = HealingAction.REPLACE) -> Decision:
    return Decision(
        at=now(),
        act=act,
        rule=Rule.REPLACE,
        what="it is gone",
        next="It is replaced",
        on=node.address,
        nodes=(node,),
        evidence=("cql: bad", "tcp: bad"),
        mode=Mode.AUTOMATIC,
    )


@pytest.fixture
def asked(session: Session) -> ClusterSession:
    return ClusterSession(session, timeout_seconds=10)


@pytest.fixture
def keyspace_name(session: Session) -> Iterator[str]:
    name = f"health_{uuid.uuid4().hex[:8]}"
    yield name
    session.execute(f"DROP KEYSPACE IF EXISTS {name}", timeout=60)


@pytest.fixture
def journal(asked: ClusterSession, keyspace_name: str) -> Journal:
    return Journal(asked, keyspace_name, author="ann")


def test_before_anything_is_written_there_is_no_journal_and_nothing_forbids(
    asked: ClusterSession, journal: Journal, keyspace_name: str
) -> None:
    assert not journal.exists()
    record = journal.read_state(now())
    assert (record.stopped, record.skips, record.operations, record.is_readable) == (None, {}, (), True)
    assert not tables.tables_exist(asked, keyspace_name)


def test_of_many_that_make_the_tables_at_once_all_find_the_same(session: Session, keyspace_name: str) -> None:
    barrier = Barrier(4)

    def make(_number: int) -> None:
        own = ClusterSession(session, timeout_seconds=30)
        barrier.wait()
        tables.create_tables(own, keyspace_name)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(make, range(4)))
    journal = Journal(ClusterSession(session, timeout_seconds=10), keyspace_name, author="ann")
    journal.stop("a test", now())
    assert journal.read_state(now()).stopped is not None


def test_an_operation_is_under_way_until_it_ends(journal: Journal) -> None:
    operation = journal.begin(decision(), POLICY, now())
    journal.step(operation, "fence", "fence 10.0.0.3")
    (found,) = journal.read_state(now()).operations
    assert (found.id, found.act, found.node, found.outcome) == (operation.id, HealingAction.REPLACE, N3, None)
    with pytest.raises(OperationNotStarted, match=r"a replace of 10\.0\.0\.3 is under way"):
        journal.begin(decision(N2, HealingAction.RESTART), POLICY, now())
    journal.end(operation, OperationOutcome.DONE, "it is up")
    record = journal.read_state(now())
    assert record.under_way is None
    assert [each.outcome for each in record.operations] == [OperationOutcome.DONE]
    assert journal.begin(decision(N2, HealingAction.RESTART), POLICY, now()).node == N2
    events = [(line.event, line.outcome, line.author) for line in journal.entries(limit=10, now=now())]
    assert events == [("begun", "", "ann"), ("ended", "done", "ann"), ("step", "", "ann"), ("begun", "", "ann")]


def test_of_rivals_one_begins(session: Session, keyspace_name: str) -> None:
    journals = [
        Journal(ClusterSession(session, timeout_seconds=10), keyspace_name, author=f"healer {n}") for n in range(4)
    ]
    journals[0].create_tables()
    barrier = Barrier(4)

    def begin(journal: Journal) -> Operation | None:
        barrier.wait()
        try:
            return journal.begin(decision(), POLICY, now())
        except OperationNotStarted:
            return None

    with ThreadPoolExecutor(4) as pool:
        begun = [operation for operation in pool.map(begin, journals) if operation is not None]
    assert len(begun) == 1
    assert [operation.id for operation in journals[0].read_state(now()).operations] == [begun[0].id]


def test_the_limit_of_the_day_is_counted_from_the_journal(asked: ClusterSession, keyspace_name: str) -> None:
    first = Journal(asked, keyspace_name, author="healer")
    first.end(first.begin(decision(N2), POLICY, now()), OperationOutcome.FAILED, "it did not come up")
    later = Journal(asked, keyspace_name, author="healer, after its own restart")
    with pytest.raises(OperationNotStarted, match="1 replacement"):
        later.begin(decision(N3), POLICY, now())
    assert later.begin(decision(N3), POLICY.model_copy(update={"replacements_per_day": 2}), now())


def test_a_refused_replacement_is_no_replacement(journal: Journal) -> None:
    journal.end(journal.begin(decision(), POLICY, now()), OperationOutcome.REFUSED, "not tonight")
    assert journal.begin(decision(), POLICY, now())


def test_a_day_later_the_limit_is_free_again(journal: Journal) -> None:
    journal.end(journal.begin(decision(N2), POLICY, now()), OperationOutcome.DONE, "")
    assert journal.read_state(now() + timedelta(hours=23, minutes=59)).replacements(now() + timedelta(hours=23)) == 1
    assert journal.begin(decision(N3), POLICY, now() + timedelta(hours=24, minutes=1))


def test_people_outrank_what_was_decided(journal: Journal) -> None:
    journal.skip(N3, "its mainboard is changed", now())
    with pytest.raises(OperationNotStarted, match="ann skipped it: its mainboard is changed"):
        journal.begin(decision(), POLICY, now())
    journal.unskip(N3, "it is back")
    journal.stop("an upgrade", now())
    with pytest.raises(OperationNotStarted, match="switched off by ann: an upgrade"):
        journal.begin(decision(), POLICY, now())
    journal.stop("an upgrade, still", now())
    stopped = journal.read_state(now()).stopped
    assert stopped is not None
    assert stopped.why == "an upgrade, still"
    journal.go("it is done")
    journal.go("twice is no harm")
    assert journal.begin(decision(), POLICY, now())


def test_a_healer_that_dies_before_its_first_line_leaves_its_operation(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def die(*_args: object, **_options: object) -> None:
        raise Killed

    journal.create_tables()
    with monkeypatch.context() as patched:
        patched.setattr(journal, "_write", die)
        with pytest.raises(Killed):
            journal.begin(decision(), POLICY, now())
    under_way = journal.read_state(now()).under_way
    assert under_way is not None
    assert (under_way.act, under_way.node) == (HealingAction.REPLACE, N3)
    with pytest.raises(OperationNotStarted, match="under way"):
        journal.begin(decision(N2), POLICY, now())
    journal.end(under_way, OperationOutcome.FAILED, "its healer died")
    assert journal.read_state(now()).under_way is None


def test_a_healer_that_dies_after_its_last_line_holds_nobody_up(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    operation = journal.begin(decision(act=HealingAction.RESTART), POLICY, now())
    with monkeypatch.context() as patched:
        patched.setattr(journal._control, "release", lambda _operation: None)
        journal.end(operation, OperationOutcome.DONE, "it is up")
    assert journal.read_state(now()).under_way is None
    assert journal.begin(decision(), POLICY, now()).node == N3


def test_a_decision_is_kept_with_its_evidence(journal: Journal) -> None:
    journal.write_decision(decision())
    (line,) = journal.entries(limit=5, now=now())
    assert (line.event, line.act, line.node, line.host_id) == ("decided", "replace", "10.0.0.3", N3.host_id)
    assert (line.rule, line.mode, line.evidence) == ("replace", "automatic", ("cql: bad", "tcp: bad"))
    assert line.detail == "it is gone. Nothing was done. It is replaced"


def test_looks_come_back_as_they_were(asked: ClusterSession, journal: Journal, keyspace_name: str) -> None:
    journal.create_tables()
    history = CheckHistory(asked, keyspace_name, keep_hours=1)
    moment = now().replace(microsecond=0)
    checks = []
    for minute in (-61, -1, 0):
        at = moment + timedelta(minutes=minute)
        observations = (
            Observation(
                node=N3,
                observer=ObserverKind.GOSSIP,
                result=ProbeResult.BAD,
                by=N1,
                detail="still: 9 s",
                generation=7,
                heartbeat=50 + minute,
            ),
            Observation(node=N3, observer=ObserverKind.CQL, result=ProbeResult.GOOD, detail="4 ms"),
            Observation(node=N1, observer=ObserverKind.TCP, result=ProbeResult.NEUTRAL),
        )
        checks.append(HealthCheck(at=at, observations=observations))
        history.write(checks[-1])
    found = history.read(moment - timedelta(minutes=90), moment)
    assert [check.at for check in found] == [check.at for check in checks]
    for one, two in zip(found, checks, strict=True):
        assert sorted(one.observations, key=str) == sorted(two.observations, key=str)
    assert [check.at for check in history.read(moment - timedelta(minutes=30), moment)] == [checks[1].at, checks[2].at]


def test_what_cannot_be_read_is_an_error_in_four_parts(asked: ClusterSession) -> None:
    with pytest.raises(ClusterError) as caught:
        asked.rows("SELECT nothing FROM nowhere.at_all")
    assert caught.value.what.startswith("a read failed")
    assert caught.value.remains == "Nothing was changed"
    assert caught.value.next
