"""Each command that changes something, killed or failing at each of its writes: what holds then, and after a retry."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from cassandra.cluster import Session

from cassandra_client.connect import connect_alone
from cassandra_client.errors import ViewsError
from cassandra_healing.assessment import assess
from cassandra_healing.decision import Decision, Rule
from cassandra_healing.errors import ExecutorBusy
from cassandra_healing.model import (
    HealingAction,
    HealthCheck,
    JournalState,
    MemberId,
    Observation,
    ObserverKind,
    OperationOutcome,
    ProbeResult,
)
from cassandra_healing.monitor import HealthReport, report_targets
from cassandra_healing.operations.executor import OperationExecutor
from cassandra_healing.operations.node_actions import NodeActions
from cassandra_healing.policy import Mode, Policy
from cassandra_healing.session import ClusterSession
from cassandra_healing.storage.journal import Journal
from tests.integration.healing.failing import FailingSession, Failure, Killed

N3 = MemberId(host_id=uuid.uuid5(uuid.NAMESPACE_DNS, "n3"), address="10.0.0.3")
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
        self.session = session
        self.keyspace = keyspace
        self.journal = self.opened(session)
        self.journal.create_tables()

    def opened(self, session: object, author: str = "ann") -> Journal:
        asked = ClusterSession(session, timeout_seconds=10)  # type: ignore[arg-type]
        return Journal(asked, self.keyspace, author=author)

    def failing(self, failure: Failure, at: int) -> FailingSession:
        return FailingSession(self.session, failure, at)

    def read_state(self) -> JournalState:
        return self.journal.read_state(now())

    def end_lease(self, service: MemberId) -> None:
        self.session.execute(
            f"DELETE FROM {self.keyspace}.control WHERE scope = 'cluster' AND kind = 'healer' AND name = %s IF EXISTS",
            (service.target,),
        )


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
        at=now(),
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


class ServiceWatch:
    """A monitor of one service that has been down for two minutes, beside a node that is well."""

    def __init__(self, journal: Journal, policy: Policy, service: MemberId) -> None:
        self._journal = journal
        self._policy = policy
        self._service = service

    def check(self) -> HealthReport:
        at = now()
        seen = [Observation(node=N3, observer=ObserverKind.CQL, result=ProbeResult.GOOD)]
        if self._service.address in self._policy.services:
            seen.append(Observation(node=self._service, observer=ObserverKind.PROBE, result=ProbeResult.BAD))
        checks = [HealthCheck(at=at - timedelta(minutes=minutes), observations=tuple(seen)) for minutes in (2, 1, 0)]
        assessment = assess(checks, self._policy)
        targets = report_targets(assessment, self._journal.read_state(at), self._policy)
        return HealthReport(check=checks[-1], assessment=assessment, targets=targets)


def executor_of(
    ground: Ground, service: MemberId, mark: Path, session: object | None = None, **changes: object
) -> tuple[OperationExecutor, HealthReport]:
    """Return an executor, and what a check says of a service that is down."""
    given = {
        "kind": "probe",
        "probe_command": ["true"],
        "restart_command": ["sh", "-c", f"echo once >> {mark}"],
        "grace_checks": 1,
        "grace_minutes": 0,
        "page_minutes": 10_000,
    }
    policy = Policy.model_validate(
        {
            "mode": "automatic",
            "keyspace": ground.keyspace,
            "hold_seconds": 3,
            "services": {service.address: given},
            **changes,
        }
    )
    journal = ground.opened(session or ground.session)
    watch = ServiceWatch(journal, policy, service)
    monitor: Any = watch
    asked = ClusterSession(session or ground.session, timeout_seconds=10)  # type: ignore[arg-type]
    node_actions = NodeActions(policy, connect=partial(connect_alone, port=1))
    executor = OperationExecutor(asked, policy, monitor, node_actions, journal=journal, author="ann")
    return executor, watch.check()


def heal(ground: Ground, service: MemberId, mark: Path, session: object | None = None) -> None:
    """Do what is decided about a service."""
    executor, report = executor_of(ground, service, mark, session)
    progress = executor.begin_or_resume(report, service.target)
    if progress is not None:
        executor.run(progress)


def heal_when_free(ground: Ground, service: MemberId, mark: Path) -> None:
    """Do what is decided; where a dead healer has the lease, end that first, as time would (test_killed.py waits)."""
    try:
        heal(ground, service, mark)
    except ExecutorBusy:
        ground.end_lease(service)
        heal(ground, service, mark)


@EACH_FAILURE
def test_a_service_is_restarted_though_its_healer_was_killed_anywhere(
    ground: Ground, tmp_path: Path, failure: Failure
) -> None:
    for at in range(1, 40):
        service = MemberId.of_service(f"feed_{uuid.uuid4().hex[:8]}")
        mark = tmp_path / service.address
        session = ground.failing(failure, at)
        with suppress(Killed, ViewsError):
            heal(ground, service, mark, session)
        state = ground.read_state().of(service.target)
        # What was begun and never recorded is only cleared away by the first of the next healers.
        for _healer in range(2):
            if state.under_way is not None or not mark.exists():
                heal_when_free(ground, service, mark)
                state = ground.read_state().of(service.target)
        assert state.under_way is None
        assert OperationOutcome.DONE in [operation.outcome for operation in state.operations]
        assert mark.exists()
        if not session.is_over:
            break
    assert at > 8


@pytest.mark.parametrize("is_refused", [False, True])
def test_an_operation_on_a_service_that_is_no_longer_watched_is_ended(
    ground: Ground, tmp_path: Path, is_refused: bool
) -> None:
    service = MemberId.of_service(f"feed_{uuid.uuid4().hex[:8]}")
    executor, report = executor_of(ground, service, tmp_path / "mark", mode="approve")
    progress = executor.begin_or_resume(report, service.target)
    assert progress is not None
    assert executor.run(progress).is_waiting
    executor.withdraw_unwatched(report)
    assert ground.read_state().of(service.target).under_way is not None, "it is watched"
    if is_refused:
        executor.refuse(progress, "not today")

    executor, report = executor_of(ground, service, tmp_path / "mark", services={})
    executor.withdraw_unwatched(report)

    (operation,) = ground.read_state().of(service.target).operations
    assert operation.outcome is OperationOutcome.WITHDRAWN
    assert executor.under_way(service.target) is None
    assert not (tmp_path / "mark").exists()
