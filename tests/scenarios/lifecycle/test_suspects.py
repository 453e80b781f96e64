"""What can make a view differ marks it suspect: it serves on, and is audited before all others."""

from __future__ import annotations

from datetime import timedelta
from itertools import count

import pytest

from cassandra_client.errors import ClusterError
from cassandra_views.model.audit_request import AuditKind, AuditRequest
from cassandra_views.model.errors import ProjectError
from cassandra_views.model.generation import State
from cassandra_views.model.steps import AuditGeneration, ServeGeneration
from cassandra_views.registry.facts import FactWriter
from tests.scenarios.lifecycle.dying import DyingSession, Side, UnsureSession
from tests.scenarios.lifecycle.shapes import READINGS
from tests.scenarios.lifecycle.test_changes import VIEW, set_up
from tests.scenarios.lifecycle.workshop import Workshop


@pytest.fixture
def served(workshop: Workshop) -> Workshop:
    set_up(workshop, READINGS)
    workshop.apply()
    return workshop


def condition(workshop: Workshop) -> tuple[str, str]:
    (status,) = workshop.manager().status(workshop.full(VIEW))
    return status.condition, status.suspect_reason


def test_a_truncated_base_makes_its_view_suspect_until_a_full_audit(served: Workshop) -> None:
    (each,) = served.record(VIEW).generations
    assert each.baseline is not None, "it is kept when the generation is made"
    assert each.suspicion is None
    assert served.manager().find_suspects() == (), "nothing has changed"
    before = served.record(VIEW)
    assert before.generations[0].baseline == each.baseline, "what is kept at first is what is compared later"

    served.session.execute(f"TRUNCATE {served.keyspace}.readings")
    served.now += timedelta(minutes=1)
    assert [str(view) for view in served.manager().find_suspects()] == [served.full(VIEW)]
    word, reason = condition(served)
    assert (word, reason[:32]) == ("suspect", "the base table was truncated at ")
    after = served.record(VIEW)
    assert (after.read_from, after.fence) == (before.read_from, before.fence), "readers and runs are not disturbed"
    assert served.manager().find_suspects() == (), "it is told once"

    served.manager().audit(served.full(VIEW), request=AuditRequest(kind=AuditKind.PULSE))
    assert condition(served)[0] == "suspect", "equal totals do not clear a view"
    plan = served.manager().plan()
    (step,) = plan.steps
    assert isinstance(step, AuditGeneration)
    assert (step.is_again, step.request.kind) == (True, AuditKind.FULL)
    served.manager().apply(plan)
    assert condition(served) == ("serving", "")
    ended, passed = served.manager().history(served.full(VIEW), limit=2)
    assert (ended.event, passed.event) == ("suspicion ended", "audit passed")
    assert "LOCAL_QUORUM" in ended.detail, "it says what was compared"
    assert served.manager().plan().steps == ()


def test_altered_columns_and_replication_make_it_suspect(served: Workshop) -> None:
    served.session.execute(f"ALTER TABLE {served.keyspace}.readings ADD added int")
    served.manager().find_suspects()
    assert condition(served) == ("suspect", "the columns of the base table were altered")
    row = served.session.execute(
        "SELECT replication FROM system_schema.keyspaces WHERE keyspace_name = %s", (served.keyspace,)
    ).one()
    before = dict(row[0])
    class_name = "SimpleStrategy" if "Network" in before["class"] else "NetworkTopologyStrategy"
    served.session.execute(
        f"ALTER KEYSPACE {served.keyspace} WITH replication = {{'class': '{class_name}', 'replication_factor': 1}}"
    )
    served.manager().find_suspects()
    assert "; the keyspace's replication changed from" in condition(served)[1]
    assert served.manager().audit(served.full(VIEW)).failures == ()
    assert condition(served) == ("serving", "")


def test_the_word_of_a_person_marks_every_generation(served: Workshop) -> None:
    served.manager().refresh(served.full(VIEW))
    (record,) = served.manager().suspect(served.full(VIEW), reason="restored from a snapshot")
    assert {each.state for each in record.generations if each.suspicion} == {State.RETIRED, State.SERVING}
    assert condition(served) == ("suspect", "restored from a snapshot")
    served.manager().rollback(served.full(VIEW))
    assert condition(served) == ("serving", ""), "what a rollback sends readers to is audited right after"
    with pytest.raises(ProjectError):
        served.manager().suspect("nobody_knows_it", reason="restored")


def test_a_mark_that_comes_while_an_audit_runs_is_not_ended_by_it(served: Workshop) -> None:
    served.manager().suspect(served.full(VIEW), reason="first")
    auditing = served.manager(listener=lambda _report: None)
    plan = auditing.plan_audit(served.full(VIEW))
    (each,) = served.record(VIEW).generations
    served.now += timedelta(minutes=1)
    served.manager().suspect(served.full(VIEW), reason="second")
    (now,) = served.record(VIEW).generations
    name = served.record(VIEW).name
    facts = FactWriter(served.manager().planner.registry)
    assert not facts.write_suspicion(name, each, None), "its mark is another one now"
    assert now.suspicion is not None
    auditing.carry_out(plan)
    assert condition(served) == ("serving", ""), "an audit that begins after both ends them"


@pytest.mark.parametrize("side", list(Side))
def test_a_mark_of_unknown_outcome_is_told_as_it_is(served: Workshop, side: Side) -> None:
    unsure = UnsureSession(served.session, {1}, side, kinds=("conditional",))
    served.manager(unsure).suspect(served.full(VIEW), reason="restored")
    served.session.execute(f"TRUNCATE {served.keyspace}.readings")
    served.now += timedelta(minutes=1)
    unsure = UnsureSession(served.session, {1}, side, kinds=("conditional",))
    assert [str(view) for view in served.manager(unsure).find_suspects()] == [served.full(VIEW)]
    unsure = UnsureSession(served.session, {2}, side, kinds=("conditional",))  # after the verdict
    served.manager(unsure).audit(served.full(VIEW))
    assert unsure.doubts == 1
    assert condition(served) == ("serving", "")
    events = [event.event for event in served.manager().history(served.full(VIEW), limit=4)]
    assert events == ["suspicion ended", "audit passed", "suspect", "suspect"]


def test_a_mark_that_others_keep_from_being_written_is_an_error(served: Workshop) -> None:
    rival = served.manager()
    reasons = count()

    def mark() -> None:
        rival.suspect(served.full(VIEW), reason=f"reason {next(reasons)}")

    with pytest.raises(ClusterError, match="could not be marked suspect"):
        served.manager(DyingSession(served.session, on_effect=mark)).suspect(served.full(VIEW), reason="restored")
    assert "restored" not in condition(served)[1]


def test_one_that_is_suspect_and_returns_serves_after_a_full_audit(served: Workshop) -> None:
    served.manager().refresh(served.full(VIEW))
    served.session.execute(f'DROP MATERIALIZED VIEW {served.keyspace}."{VIEW}__g2"')
    served.manager().suspect(served.full(VIEW), reason="restored")
    plan = served.manager().plan()
    assert [type(step) for step in plan.steps] == [AuditGeneration, ServeGeneration]
    served.manager().apply(plan)
    (each,) = served.record(VIEW).in_state(State.SERVING)
    assert (each.number, each.suspicion) == (1, None)
