"""The healer ends between any two of its writes; the next one goes on, and the node is replaced once."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cassandra.cluster import Session

from cassandra_healing.assessment import assess
from cassandra_healing.errors import (
    ExecutorBusy,
    HealingError,
    MissingSetting,
    OperationNotStarted,
    OperatorRequired,
    StepOutOfOrder,
)
from cassandra_healing.model import CLUSTER, HealingAction, OperationOutcome
from cassandra_healing.monitor import HealthReport, report_targets
from cassandra_healing.operation_progress import OperationProgress, OperationStep
from cassandra_healing.operations.executor import OperationExecutor
from cassandra_healing.operations.node_actions import NodeActions
from cassandra_healing.policy import MachineSettings, Mode, Policy
from cassandra_healing.session import ClusterSession
from cassandra_healing.storage.control import ExecutorLease
from cassandra_healing.storage.journal import Journal
from local_cluster.tofu import get_binary
from tests.integration.healing.terraform.conftest import FORM, Form
from tests.unit.healing.cases import Case

N3 = "10.0.0.3"
_NONE = ({"minute": 0, "act": "wait", "rule": "well"},)
GONE = Case.model_validate({"name": "gone", "fates": {"n3": "up 5, gone 40"}, "decisions": _NONE})
WELL = Case.model_validate({"name": "well", "decisions": _NONE})
DEAD = Case.model_validate({"name": "dead", "fates": {"n3": "up 5, dead 40"}, "decisions": _NONE})
TWO = Case.model_validate({"name": "two", "fates": {"n3": "up 5, gone 40", "n2": "up 5, dead 40"}, "decisions": _NONE})


class Killed(BaseException):
    """What ends a healer here; nothing catches it."""


class Mortal(Journal):
    """A journal whose writer is killed at one of its writes: before it is on disk, or right after."""

    def __init__(self, *args: Any, at: float, **names: Any) -> None:
        super().__init__(*args, **names)
        self._left = at

    def _write(self, *args: Any, **names: Any) -> None:
        if self._left == 0.5:
            raise Killed
        super()._write(*args, **names)
        self._left -= 1
        if self._left == 0:
            raise Killed


@dataclass
class Seen:
    """A watcher's eyes and journal: what is seen is a case of the table."""

    journal: Journal
    policy: Policy
    case: Case

    def check(self) -> HealthReport:
        checks = [check for _minute, check in self.case.checks()]
        ago = datetime.now(UTC) - checks[-1].at
        checks = [replace(check, at=check.at + ago) for check in checks]
        assessment = assess(checks, self.policy)
        record = self.journal.read_state(checks[-1].at)
        return HealthReport(
            check=checks[-1], assessment=assessment, targets=report_targets(assessment, record, self.policy)
        )


class Place:
    """Three light nodes that OpenTofu made, a journal on a real Cassandra, and healers that share both."""

    def __init__(self, form: Form, session: Session, keyspace: str) -> None:
        self.form = form
        for path in (form.run / "fence-n3", form.run / "commands"):
            path.unlink(missing_ok=True)
        form.forget_calls()
        self._session = session
        self._keyspace = keyspace
        self.before = form.pids()
        self.policy = Policy(
            mode=Mode.AUTOMATIC,
            keyspace=keyspace,
            still_seconds=2,
            timeout_seconds=0.1,
            check_seconds=1,
            hold_seconds=3,
            step_failures=2,
        )

    def machines(self, **over: Any) -> MachineSettings:
        done = ["sh", "-c", 'echo "$0 $1" >> "$2"']
        log = str(self.form.run / "commands")
        fence = 'touch "$3/fence-$1"; ' + done[2]
        return MachineSettings.model_validate(
            {
                "terraform": FORM,
                "run_folder": self.form.run / "run",
                "backend": {"path": str(self.form.state)},
                "variables": {"run_folder": str(self.form.run), "names": self.form.names},
                "resource": 'module.cassandra.terraform_data.node["{name}"]',
                "names": {N3: "n3"},
                "fence": ["sh", "-c", fence, "fence", "{name}", log, str(self.form.run)],
                **{step: [*done, step, "{name}", log] for step in ("restart", "repair", "terminate", "audit")},
                "normal_minutes": 0.1,
                **over,
            }
        )

    def commands(self) -> list[str]:
        path = self.form.run / "commands"
        return path.read_text().splitlines() if path.exists() else []

    def executor(
        self,
        *,
        at: float = -1,
        case: Case = GONE,
        policy: Policy | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        **machines: Any,
    ) -> tuple[OperationExecutor, Seen]:
        policy = policy or self.policy
        asked = ClusterSession(self._session, timeout_seconds=10)
        seen = Seen(Mortal(asked, self._keyspace, author="healer", at=at), policy, case)
        with_machines = policy.model_copy(update={"machines": self.machines(**machines)})
        node_actions = NodeActions(with_machines, connect=self._connect)
        monitor: Any = seen
        journal = seen.journal
        executor = OperationExecutor(
            asked, policy, monitor, node_actions, journal=journal, author="healer", clock=clock
        )
        return executor, seen

    @contextmanager
    def _connect(self, _address: str) -> Iterator[Any]:
        """Answer for a light node: it is up when its process is, and was not fenced before."""
        if self.form.pids().get("n3") in (None, self.before["n3"]):
            raise ConnectionRefusedError(111, "Connection refused")

        class Answers:
            def execute(self, query: str, _values: object = None) -> list[dict[str, Any]]:
                own = {"bootstrapped": "COMPLETED", "gossip_generation": 1, "schema_version": "a"}
                return [own] if "system.local" in query else [{"address": N3, "status_with_port": "NORMAL,1"}]

        yield Answers()

    def told(self) -> str:
        asked = ClusterSession(self._session, timeout_seconds=10)
        lines = Journal(asked, self._keyspace, author="t").entries(limit=200, now=datetime.now(UTC))
        return "\n".join(f"{line.event} {line.rule} {line.outcome} {line.detail[:80]}" for line in lines[::-1])

    def outcomes(self) -> list[OperationOutcome | None]:
        asked = ClusterSession(self._session, timeout_seconds=10)
        return [
            each.outcome for each in Journal(asked, self._keyspace, author="t").read_state(datetime.now(UTC)).operations
        ]

    def heal(self, **options: Any) -> OperationProgress | None:
        executor, seen = self.executor(**options)
        progress = executor.begin_or_resume(seen.check())
        return executor.run(progress) if progress is not None else None


@pytest.fixture(scope="module")
def form(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Form]:
    made = Form(get_binary(print), tmp_path_factory.mktemp("form"))
    made.create()
    yield made
    made.kill_nodes()


@pytest.fixture
def place(form: Form, session: Session) -> Iterator[Place]:
    name = f"health_{uuid.uuid4().hex[:8]}"
    yield Place(form, session, name)
    session.execute(f"DROP KEYSPACE IF EXISTS {name}", timeout=60)


def test_killed_at_any_write_the_next_one_goes_on(place: Place) -> None:
    """Each healer gets a little further than the one before it: it dies before its first write, after it, and so on."""
    lives = 0
    while OperationOutcome.DONE not in place.outcomes():
        assert lives < 60, place.told()
        # The first write of a life goes on with what was cut off, so each life is killed at its second, too.
        with suppress(Killed):
            place.heal(at=(0.5, 1, 1.5, 2)[lives % 4])
        lives += 1
    executor, _seen = place.executor(case=WELL)
    assert executor.under_way() is None
    assert place.outcomes() == [OperationOutcome.DONE]
    assert lives > 12
    # The node was ended and started once, and the others not at all.
    assert place.form.calls() == ["stop n3", "stop n3 done", "start n3", "start n3 done"]
    after = place.form.pids()
    assert after["n3"] != place.before["n3"]
    assert {name: after[name] for name in ("n1", "n2")} == {name: place.before[name] for name in ("n1", "n2")}
    assert list(dict.fromkeys(place.commands())) == ["fence n3", "repair n3", "terminate n3", "audit n3"]


def test_nothing_is_done_before_a_person_says_yes(place: Place) -> None:
    policy = place.policy.model_copy(update={"mode": Mode.APPROVE})
    progress = place.heal(policy=policy)
    assert progress is not None
    assert (progress.next, progress.is_waiting, progress.done) == (OperationStep.APPROVE, True, {OperationStep.PLAN})
    assert (place.form.pids(), place.commands()) == (place.before, [])
    executor, seen = place.executor(policy=policy)
    again = executor.begin_or_resume(seen.check())
    assert again is not None
    assert again.id == progress.id, "the same operation waits"
    assert executor.execute_step(again, OperationStep.APPROVE).is_waiting
    executor.approve(again, "its disk is dead", by="ann")
    with pytest.raises(StepOutOfOrder, match="its next step is approve"):
        executor.execute_step(again, OperationStep.FENCE)
    done = executor.run(again)
    assert done.outcome is None, "what was waiting when it was read waits"
    done = executor.run(executor.under_way() or again)
    assert done.outcome is OperationOutcome.DONE
    lines = {
        line.event: line for line in seen.journal.operation_entries(executor._operation_of(done), datetime.now(UTC))
    }
    assert (lines["approved"].author, lines["approved"].detail) == ("ann", "its disk is dead")
    assert lines["begun"].evidence, "what was seen is kept"


def test_a_no_and_no_answer_are_a_no(place: Place) -> None:
    policy = place.policy.model_copy(update={"mode": Mode.APPROVE})
    executor, seen = place.executor(policy=policy)
    progress = executor.begin_or_resume(seen.check())
    assert progress is not None
    executor.refuse(progress, "we move it", by="ann")
    refused = executor.run(executor.under_way() or progress)
    assert refused.outcome is OperationOutcome.REFUSED
    report = seen.check()
    assert report.decision.rule == "refused", "it is not asked again"
    assert executor.begin_or_resume(report) is None
    assert place.form.pids() == place.before


def test_nobody_answers(place: Place) -> None:
    policy = place.policy.model_copy(update={"mode": Mode.APPROVE})
    place.heal(policy=policy)
    executor, seen = place.executor(policy=policy, clock=lambda: datetime.now(UTC) + timedelta(minutes=61))
    assert executor.begin_or_resume(seen.check()) is None
    (operation,) = seen.journal.read_state(datetime.now(UTC)).operations
    assert operation.outcome is OperationOutcome.REFUSED


@pytest.mark.parametrize(("case", "words"), [(WELL, "all 3 nodes are up"), (TWO, "the reason no longer holds")])
def test_what_no_longer_holds_is_withdrawn(place: Place, case: Case, words: str) -> None:
    policy = place.policy.model_copy(update={"mode": Mode.APPROVE})
    progress = place.heal(policy=policy)
    assert progress is not None
    executor, seen = place.executor(policy=policy, case=case)
    executor.approve(progress, "go")
    found = executor.begin_or_resume(seen.check())
    if found is not None:
        found = executor.run(found)
    (operation,) = seen.journal.read_state(datetime.now(UTC)).operations
    assert operation.outcome is OperationOutcome.WITHDRAWN
    assert words in seen.journal.entries(limit=1, now=datetime.now(UTC))[0].detail
    assert (place.form.pids(), place.commands()) == (place.before, [])


def test_a_kill_switch_thrown_meanwhile_stops_before_the_next_step(place: Place) -> None:
    executor, seen = place.executor()
    progress = executor.begin_or_resume(seen.check())
    assert progress is not None
    progress = executor.execute_step(executor.execute_step(progress, OperationStep.PLAN), OperationStep.FENCE)
    seen.journal.stop("an upgrade", datetime.now(UTC))
    with pytest.raises(OperatorRequired, match="healer said to stop: an upgrade"):
        executor.execute_step(progress, OperationStep.APPLY)
    assert place.form.pids() == place.before
    seen.journal.go("it is over")
    assert executor.run(progress).outcome is OperationOutcome.DONE


def test_a_step_that_fails_is_tried_again_and_then_left_to_a_person(place: Place) -> None:
    wrong = {"repair": ["sh", "-c", "echo no route; exit 3"]}
    for _ in range(2):
        with pytest.raises(HealingError, match="the command for repair ended with code 3: no route"):
            place.heal(**wrong)
    with pytest.raises(OperatorRequired, match="repair failed 2 times"):
        place.heal()
    executor, _seen = place.executor()
    progress = executor.under_way()
    assert progress is not None
    executor.approve(progress, "the route is back")
    ended = place.heal()
    assert ended is not None
    assert ended.outcome is OperationOutcome.DONE
    assert place.form.calls().count("start n3") == 1


def test_one_that_has_begun_can_be_given_up(place: Place) -> None:
    with pytest.raises(HealingError):
        place.heal(repair=["false"])
    executor, seen = place.executor()
    progress = executor.under_way()
    assert progress is not None
    given_up = executor.run(executor.refuse(progress, "by hand"))
    assert given_up.outcome is OperationOutcome.FAILED
    assert seen.check().decision.rule == "limit", "it counts"


def test_an_audit_that_finds_something_is_told_and_the_operation_has_ended(place: Place) -> None:
    with pytest.raises(HealingError, match="the command for audit ended with code 1"):
        place.heal(audit=["false"])
    executor, seen = place.executor()
    assert executor.under_way() is None
    assert [each.outcome for each in seen.journal.read_state(datetime.now(UTC)).operations] == [OperationOutcome.DONE]


def test_a_restart_that_fails_has_ended_and_a_replacement_is_next(place: Place) -> None:
    with pytest.raises(HealingError, match="the command for restart ended with code 1"):
        place.heal(case=DEAD, restart=["false"])
    _healer, seen = place.executor(case=DEAD)
    assert seen.check().decision.act is HealingAction.REPLACE


def test_a_dry_run_does_nothing(place: Place) -> None:
    policy = place.policy.model_copy(update={"mode": Mode.DRY_RUN})
    executor, seen = place.executor(policy=policy)
    report = seen.check()
    assert report.decision.act is HealingAction.REPLACE
    assert executor.begin_or_resume(report) is None
    assert seen.journal.read_state(datetime.now(UTC)).operations == ()


def test_two_healers_do_not_meet(place: Place, session: Session) -> None:
    executor, seen = place.executor()
    progress = executor.begin_or_resume(seen.check())
    assert progress is not None
    asked = ClusterSession(session, timeout_seconds=10)
    other = ExecutorLease(asked, place.policy.keyspace, author="another", seconds=3, target=CLUSTER)
    with other.acquired():
        with pytest.raises(ExecutorBusy, match="another is working on it"):
            executor.execute_step(progress, OperationStep.PLAN)
        with pytest.raises(ExecutorBusy):
            executor.begin_or_resume(seen.check())
    # One that dies leaves it to itself.
    ExecutorLease(asked, place.policy.keyspace, author="dead", seconds=3, target=CLUSTER)._take()
    with pytest.raises(ExecutorBusy, match="dead is working on it"):
        executor.execute_step(progress, OperationStep.PLAN)


def test_what_is_not_set_is_told_before_anything_is_begun(place: Place) -> None:
    with pytest.raises(MissingSetting, match="the settings for replacing a node are incomplete") as told:
        place.heal(fence=(), repair=())
    assert told.value.on == "fence, repair"
    with pytest.raises(MissingSetting, match="no restart command is set"):
        place.heal(case=DEAD, restart=())
    _healer, seen = place.executor()
    assert seen.journal.read_state(datetime.now(UTC)).operations == ()
    seen.journal.stop("no", datetime.now(UTC))
    assert place.heal() is None


def test_what_is_begun_by_another_meanwhile_is_not_begun_again(place: Place) -> None:
    executor, seen = place.executor()
    report = seen.check()
    place.heal()
    with pytest.raises(OperationNotStarted, match="after this check"):
        executor.begin_or_resume(report)
