"""Each command that changes something, killed or failing at each of its writes: what holds then, and after a retry."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cassandra.cluster import Session

from cassandra_client.errors import ViewsError
from cassandra_healing.decision import Decision, Rule
from cassandra_healing.mode import Mode
from cassandra_healing.model import HealthVerdict, NodeId
from cassandra_healing.operation_model import HealingAction, JournalState, OperationOutcome
from cassandra_healing.operations.service_executor import execute_service_operation
from cassandra_healing.policy import Policy
from cassandra_healing.services.decision import ServiceDecision, ServiceRule
from cassandra_healing.services.model import ServiceAssessment, service_id
from cassandra_healing.services.rule_context import ServiceRuleContext
from cassandra_healing.services.rules import decide_service
from cassandra_healing.services.storage import ServiceJournal
from cassandra_healing.session import ClusterSession
from cassandra_healing.storage.journal import Journal
from tests.integration.healing.failing import FailingSession, Failure, Killed

N3 = NodeId(host_id=uuid.uuid5(uuid.NAMESPACE_DNS, "n3"), address="10.0.0.3")
EACH_FAILURE = pytest.mark.parametrize("failure", list(Failure))


def now() -> datetime:
    return datetime.now(UTC)


def said(record: JournalState) -> tuple[str | None, dict[str, str]]:
    """Return what holds: why healing is stopped, and which nodes are left alone."""
    stopped = record.stopped.why if record.stopped else None
    return stopped, {str(host_id): word.why for host_id, word in record.skips.items()}


class Ground:
    """A journal on a real Cassandra, and sessions on it that fail."""

    def __init__(self, session: Session, keyspace: str) -> None:
        self._session = session
        self._keyspace = keyspace
        self.journal = self.opened(session)
        self.journal.create_tables()

    def opened(self, session: object, author: str = "ann") -> Journal:
        asked = ClusterSession(session, timeout_seconds=10)  # type: ignore[arg-type]
        return Journal(asked, self._keyspace, author=author)

    def services(self, session: object | None = None) -> ServiceJournal:
        asked = ClusterSession(session or self._session, timeout_seconds=10)  # type: ignore[arg-type]
        return ServiceJournal(asked, self._keyspace, Journal(asked, self._keyspace, author="ann"), author="ann")

    def failing(self, failure: Failure, at: int) -> FailingSession:
        return FailingSession(self._session, failure, at)

    def read_state(self) -> JournalState:
        return self.journal.read_state(now())


@pytest.fixture(scope="module")
def ground(session: Session) -> Iterator[Ground]:
    name = f"health_{uuid.uuid4().hex[:8]}"
    yield Ground(session, name)
    session.execute(f"DROP KEYSPACE IF EXISTS {name}", timeout=60)


def stop(journal: Journal) -> None:
    journal.stop("after", now())


def skip(journal: Journal) -> None:
    journal.skip(N3, "after", now())


COMMANDS: dict[str, tuple[Callable[[Journal], None], Callable[[Journal], None], Callable[[Journal], None]]] = {
    # what was before, the command, and what takes it back
    "stop": (lambda journal: journal.go("-"), stop, lambda journal: journal.go("-")),
    "stop again": (lambda journal: journal.stop("before", now()), stop, lambda journal: journal.go("-")),
    "go": (lambda journal: journal.stop("before", now()), lambda journal: journal.go("-"), lambda _: None),
    "skip": (lambda journal: journal.unskip(N3, "-"), skip, lambda journal: journal.unskip(N3, "-")),
    "skip again": (
        lambda journal: journal.skip(N3, "before", now()),
        skip,
        lambda journal: journal.unskip(N3, "-"),
    ),
    "unskip": (
        lambda journal: journal.skip(N3, "before", now()),
        lambda journal: journal.unskip(N3, "-"),
        lambda _: None,
    ),
}


@pytest.mark.parametrize("name", list(COMMANDS))
@EACH_FAILURE
def test_a_word_of_a_person_holds_before_or_after_and_never_neither(
    ground: Ground, name: str, failure: Failure
) -> None:
    prepare, command, undo = COMMANDS[name]
    undo(ground.journal)
    prepare(ground.journal)
    command(ground.journal)
    after = said(ground.read_state())
    for at in range(1, 20):
        undo(ground.journal)
        prepare(ground.journal)
        before = said(ground.read_state())
        session, remains = ground.failing(failure, at), ""
        try:
            command(ground.opened(session))
            found = said(ground.read_state())
            assert found == after, "it said that it was done"
        except Killed:
            found = said(ground.read_state())
        except ViewsError as error:
            found = said(ground.read_state())
            remains = error.remains
        assert found in (before, after)
        if remains == "Nothing was changed":
            assert found == before
        elif remains and "known" not in remains:
            assert found == after, f"it says: {remains}"
        if not session.is_over:
            break
        command(ground.journal)
        assert said(ground.read_state()) == after, "run again, it is done"
    else:
        raise AssertionError("it never ended")
    assert at > 2


def replacement() -> Decision:
    return Decision(
        act=HealingAction.REPLACE,
        rule=Rule.REPLACE,
        what="it is gone",
        next="-",
        on="n3",
        nodes=(N3,),
        mode=Mode.APPROVE,
    )


@pytest.mark.parametrize("is_yes", [True, False])
@EACH_FAILURE
def test_an_answer_to_an_operation_is_in_the_journal_or_not(ground: Ground, is_yes: bool, failure: Failure) -> None:
    operation = ground.journal.begin(replacement(), Policy(replacements_per_day=1000), now())

    def answers() -> list[str]:
        return [
            line.event
            for line in ground.journal.operation_entries(operation, now())
            if line.event in ("approved", "refused")
        ]

    session, remains = ground.failing(failure, 1), ""
    try:
        ground.opened(session).write_answer(operation, is_yes=is_yes, why="because")
    except Killed:
        pass
    except ViewsError as error:
        remains = error.remains
    assert session.is_over
    assert remains != "Nothing was changed" or answers() == []
    ground.journal.write_answer(operation, is_yes=is_yes, why="because")
    assert set(answers()) == {"approved" if is_yes else "refused"}
    ground.journal.end(operation, OperationOutcome.REFUSED, "-")


@EACH_FAILURE
def test_an_operation_that_could_not_begin_holds_nobody_up(ground: Ground, failure: Failure) -> None:
    """After the lock, the first line, the last line and the lock's end the next healer ends it or begins."""
    for at in range(1, 20):
        session = ground.failing(failure, at)
        with suppress(Killed, ViewsError):
            journal = ground.opened(session)
            journal.end(
                journal.begin(replacement(), Policy(replacements_per_day=1000), now()),
                OperationOutcome.DONE,
                "it is up",
            )
        if not session.is_over:
            break
        left = ground.read_state().under_way
        if left is not None:
            ground.journal.end(left, OperationOutcome.WITHDRAWN, "who began it died")
        operation = ground.journal.begin(replacement(), Policy(replacements_per_day=1000), now())
        ground.journal.end(operation, OperationOutcome.DONE, "it is up")
        assert ground.read_state().under_way is None
    assert at > 3


@pytest.fixture
def feed() -> str:
    """A service that no other test has seen."""
    return f"feed_{uuid.uuid4().hex[:8]}"


def restart(feed: str) -> ServiceDecision:
    return ServiceDecision(
        service=feed,
        at=now(),
        act=HealingAction.RESTART,
        rule=ServiceRule.RESTART,
        what="it is down",
        next="-",
        mode=Mode.APPROVE,
    )


@EACH_FAILURE
def test_a_refused_service_is_refused_whole_or_not_at_all(ground: Ground, feed: str, failure: Failure) -> None:
    for at in range(1, 20):
        session = ground.failing(failure, at)
        with suppress(Killed, ViewsError):
            ground.services(session).refuse(restart(feed), "ann said no")
        operations = ground.services().read_state(feed, now()).operations
        assert all(operation.outcome is OperationOutcome.REFUSED for operation in operations), (
            "a refused restart is never carried out later"
        )
        if not session.is_over:
            break
    assert at > 1


@EACH_FAILURE
def test_a_service_is_restarted_though_its_healer_was_killed_anywhere(
    ground: Ground, feed: str, tmp_path: Path, failure: Failure
) -> None:
    mark = tmp_path / "restarts"
    policy = Policy.model_validate(
        {
            "services": {
                feed: {
                    "kind": "probe",
                    "probe_command": ["true"],
                    "restart_command": ["sh", "-c", f"echo once >> {mark}"],
                    "restarts_per_day": 99,
                    "command_seconds": 1,
                    "grace_checks": 1,
                    "grace_minutes": 0.01,
                    "back_minutes": 0.01,
                    "page_minutes": 10_000,
                }
            }
        }
    )

    def heal(journal: ServiceJournal, ahead: timedelta) -> None:
        """Do what is decided, as often as something is; by a clock that is ahead."""
        at = now() + ahead
        since = at - timedelta(minutes=2)
        health = ServiceAssessment(
            service=feed, at=at, verdict=HealthVerdict.DOWN, since=since, checks=9, trouble_since=since
        )
        case = ServiceRuleContext(
            health=health,
            others={feed: health},
            is_cluster_well=True,
            journal_state=journal.read_state(feed, at),
            policies=policy.services,
            mode=Mode.AUTOMATIC,
        )
        decision = decide_service(case)
        if decision.act is HealingAction.RESTART:
            execute_service_operation(decision, journal, policy, clock=lambda: at)

    ahead = timedelta()
    for at in range(1, 20):
        done = len(mark.read_text().splitlines()) if mark.exists() else 0
        session = ground.failing(failure, at)
        with suppress(Killed, ViewsError):
            heal(ground.services(session), ahead)
        if not session.is_over:
            break
        ahead += timedelta(minutes=3)  # its command's time is over
        heal(ground.services(), ahead)
        record = ground.services().read_state(feed, now() + ahead)
        assert record.under_way is None
        assert record.last(HealingAction.RESTART, service_id(feed), now() - timedelta(minutes=1)) is not None
        assert len(mark.read_text().splitlines()) > done
        ahead += timedelta(minutes=3)
    assert at > 4
