"""What serves is audited again: the verdict is kept, and nobody who reads or works on the view is stopped."""

from __future__ import annotations

from datetime import timedelta

import pytest

from cassandra_client.database import Database
from cassandra_client.errors import ClusterError
from cassandra_views.apply.reports import Progress, Report
from cassandra_views.model.audit_result import AuditMethod, AuditResult
from cassandra_views.model.errors import AuditFailed, ProjectError
from cassandra_views.model.generation import Audit, State
from cassandra_views.model.names import ViewName
from cassandra_views.model.steps import AuditGeneration, Cause, CreateGeneration
from cassandra_views.project.settings import AuditConfig
from cassandra_views.registry.facts import FactWriter
from cassandra_views.registry.store import Registry
from tests.scenarios.lifecycle.dying import Side, UnsureSession
from tests.scenarios.lifecycle.shapes import READINGS
from tests.scenarios.lifecycle.test_changes import VIEW, WINDOW, check_rows, set_up
from tests.scenarios.lifecycle.workshop import Workshop


@pytest.fixture
def served(workshop: Workshop) -> Workshop:
    set_up(workshop, READINGS)
    workshop.apply()
    return workshop


def drop_by_hand(workshop: Workshop, physical: str) -> None:
    workshop.session.execute(f'DROP MATERIALIZED VIEW {workshop.keyspace}."{physical}"')


def test_a_verdict_is_kept_and_nothing_else_changes(served: Workshop) -> None:
    before = served.record(VIEW)
    served.now += timedelta(hours=1)
    served.session.execute(
        f"INSERT INTO {served.keyspace}.readings (sensor, ts, value) VALUES ('new', '2026-03-10T12:00:00Z', 1)"
    )
    outcome = served.manager().audit(served.full(VIEW))
    assert (outcome.done, outcome.failures) == (1, ())
    after = served.record(VIEW)
    (old,), (each,) = before.generations, after.generations
    assert (each.state, each.audit, each.audited_at) == (State.SERVING, Audit.PASSED, served.now)
    assert each.rows_built == (old.rows_built or 0) + 1
    assert (after.fence, after.read_from, after.revision()) == (before.fence, before.read_from, before.revision())
    event = served.manager().history(served.full(VIEW), limit=1)[0]
    assert (event.event, event.number) == ("audit passed", 1)
    assert served.manager().plan().steps == ()


def test_a_large_view_serves_after_totals_and_a_sample_and_is_audited_in_full_later(workshop: Workshop) -> None:
    set_up(workshop, READINGS)
    workshop.manager(audit=AuditConfig(full_rows=0, sample_rows=100)).apply()
    (each,) = workshop.record(VIEW).generations
    assert (each.state, each.audit) == (State.SERVING, Audit.PASSED)
    assert each.verdict is not None
    assert each.verdict.method is AuditMethod.SAMPLE
    workshop.manager().audit(workshop.full(VIEW))
    (again,) = workshop.record(VIEW).generations
    assert again.verdict is not None
    assert (again.verdict.method, again.rows_built) == (AuditMethod.DIGESTS, each.rows_built)


def test_a_failed_pulse_is_kept_with_what_differs(served: Workshop) -> None:
    keyspace, (each,) = served.keyspace, served.record(VIEW).generations
    result = AuditResult(base_rows=2, view_rows=2, method=AuditMethod.PULSE, differing_totals=("write times of a",))
    registry = Registry(Database(served.session), served.registry, run="run", author="tests")
    name = ViewName(keyspace=keyspace, view=VIEW)
    facts = FactWriter(registry)
    assert facts.write_verdict(name, each.number, Audit.FAILED, at=served.now, rows=2, facts=result.facts)
    (again,) = served.record(VIEW).generations
    assert again.verdict == result
    (status,) = (row for row in served.manager().status() if row.name == name)
    assert (status.condition, status.found) == ("differs", "base and view differ, by their totals: write times of a")


def test_an_audit_of_what_serves_stops_nobody(served: Workshop) -> None:
    """Not a refresh that was planned before it, and not one that is under way."""
    plan = served.manager().plan_refresh(served.full(VIEW))
    served.manager().audit(served.full(VIEW))
    creates = plan.part(step for step in plan.steps if isinstance(step, CreateGeneration))
    served.manager().carry_out(creates)
    served.manager().audit(served.full(VIEW))
    served.apply()
    assert served.serving(VIEW) == f"{VIEW}__g2"
    check_rows(served, READINGS)


def test_one_that_was_replaced_meanwhile_is_left_alone(served: Workshop) -> None:
    plan = served.manager().plan_audit(served.full(VIEW))
    served.manager().refresh(served.full(VIEW))
    record = served.record(VIEW)
    assert served.manager().carry_out(plan).failures == ()
    assert served.record(VIEW) == record


def test_one_that_was_replaced_while_it_was_audited_is_left_alone(served: Workshop) -> None:
    plan = served.manager().plan_audit(served.full(VIEW))
    refreshes = iter([served.manager()])

    def refresh_once(report: Report) -> None:
        if isinstance(report, Progress) and (manager := next(refreshes, None)):
            manager.refresh(served.full(VIEW))

    assert served.manager(listener=refresh_once).carry_out(plan).failures == ()
    assert next(refreshes, None) is None
    former = served.record(VIEW).find(1)
    assert former is not None
    assert former.state is State.RETIRED
    events = [each.event for each in served.manager().history(served.full(VIEW), limit=3)]
    assert events[0] == "serve", "no verdict about what serves no longer"


def test_one_that_was_made_again_by_hand_differs_and_is_replaced(served: Workshop) -> None:
    (cql,) = (each.cql for each in served.record(VIEW).generations)
    drop_by_hand(served, f"{VIEW}__g1")
    served.session.execute(cql[: cql.index("WITH")])
    ((_view, error),) = served.manager().audit(served.full(VIEW)).failures
    assert isinstance(error, AuditFailed)
    assert "dropped and created again by somebody else" in error.what
    (each,) = served.record(VIEW).generations
    assert (each.state, each.audit) == (State.SERVING, Audit.FAILED)
    (create,) = (step for step in served.apply().steps if isinstance(step, CreateGeneration))
    assert create.cause is Cause.CREATE
    check_rows(served, READINGS)


def test_a_verdict_that_failed_is_taken_back_by_one_that_passed(served: Workshop) -> None:
    registry = Registry(Database(served.session), served.registry, run="run", author="tests")
    (each,) = served.record(VIEW).generations
    name = ViewName(keyspace=served.keyspace, view=VIEW)
    assert FactWriter(registry).write_verdict(name, 1, Audit.FAILED, at=served.now, rows=each.rows_built)
    (create,) = (step for step in served.manager().plan().steps if isinstance(step, CreateGeneration))
    assert create.cause is Cause.REPAIR
    assert served.manager().audit(served.full(VIEW)).failures == ()
    assert served.manager().plan().steps == ()


@pytest.mark.parametrize("side", list(Side))
def test_a_verdict_of_unknown_outcome_is_written_once_more(served: Workshop, side: Side) -> None:
    served.now += timedelta(hours=1)
    unsure = UnsureSession(served.session, {1, 2}, side, kinds=("conditional",))
    assert served.manager(unsure).audit(served.full(VIEW)).failures == ()
    assert unsure.doubts == 2
    (each,) = served.record(VIEW).generations
    assert (each.audit, each.audited_at) == (Audit.PASSED, served.now)


def test_a_verdict_that_cannot_be_written_is_told(served: Workshop) -> None:
    unsure = UnsureSession(served.session, range(1, 100), Side.BEFORE, kinds=("conditional",))
    ((_view, error),) = served.manager(unsure).audit(served.full(VIEW)).failures
    assert isinstance(error, ClusterError)
    assert "could not be written down" in error.what


def test_one_failure_does_not_hold_up_the_others(served: Workshop) -> None:
    served.write_view("another", READINGS.view, window=WINDOW, grace="1 hour", tags="[web]")
    served.apply()
    drop_by_hand(served, f"{VIEW}__g1")
    outcome = served.manager().audit([served.full(VIEW)], tags=["web"])
    assert outcome.done == 1
    assert [view.view for view, _error in outcome.failures] == [VIEW]
    another = served.record("another").find(1)
    assert another is not None
    assert another.audit is Audit.PASSED


def test_a_view_that_serves_nothing_is_told(served: Workshop) -> None:
    served.write_view("another", READINGS.view, window=WINDOW, grace="1 hour")
    with pytest.raises(ProjectError, match="nothing of it serves"):
        served.manager().plan_audit(served.full("another"))
    assert all(isinstance(step, AuditGeneration) for step in served.manager().plan_audit().steps)
