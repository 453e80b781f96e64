"""A keyspace or base table that the server refuses stops only the views that stand on it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cassandra_client.errors import ClusterError
from cassandra_views.model.names import ViewName
from cassandra_views.model.steps import CreateKeyspace, CreateTable, Plan, Step
from tests.scenarios.lifecycle.shapes import READINGS
from tests.scenarios.lifecycle.test_changes import VIEW, set_up
from tests.scenarios.lifecycle.workshop import Workshop

BY_VALUE = """CREATE MATERIALIZED VIEW {{ view }} AS SELECT * FROM {{ base('%s') }}
WHERE value IS NOT NULL AND sensor IS NOT NULL PRIMARY KEY (value, sensor)"""
TABLE = """---
keyspace: %s
managed: true
---
CREATE TABLE {{ table }} (sensor text PRIMARY KEY, value int)
"""
REFUSED_OPTION = " WITH compression = {'class': 'NoSuchCompressor'}"


@pytest.fixture
def project(workshop: Workshop) -> Workshop:
    """A view on a good table, one on a table that the server refuses, and one in a keyspace that it refuses."""
    set_up(workshop, READINGS)
    elsewhere = f"{workshop.keyspace}_elsewhere"
    (workshop.folder / "views.toml").write_text(
        f'project = "{workshop.keyspace}"\n[env.dev.keyspaces.{elsewhere}]\n'
        'replication = { class = "SimpleStrategy", replication_factor = 1 }\n',
        encoding="utf-8",
    )
    tables = workshop.folder / "tables"
    (tables / "refused.cql.j2").write_text(TABLE % workshop.keyspace, encoding="utf-8")
    (tables / "homeless.cql.j2").write_text(TABLE % elsewhere, encoding="utf-8")
    workshop.write_view("on_refused", BY_VALUE % "refused")
    (workshop.folder / "views" / "in_refused.cql.j2").write_text(
        f"---\nkeyspace: {elsewhere}\n---\n{BY_VALUE % 'homeless'}\n", encoding="utf-8"
    )
    return workshop


def with_refused(plan: Plan) -> Plan:
    """Return a plan with a strategy and an option that no server knows: what a plan cannot know, the server refuses."""
    steps: list[Step] = []
    for step in plan.steps:
        match step:
            case CreateKeyspace():
                steps.append(replace(step, cql=step.cql.replace("SimpleStrategy", "NoSuchStrategy")))
            case CreateTable(table="refused"):
                steps.append(replace(step, cql=step.cql + REFUSED_OPTION))
            case _:
                steps.append(step)
    return replace(plan, steps=tuple(steps))


def test_what_does_not_stand_on_it_is_carried_out(project: Workshop) -> None:
    elsewhere = f"{project.keyspace}_elsewhere"
    manager = project.manager()
    plan = with_refused(manager.plan())
    assert sum(isinstance(step, CreateTable | CreateKeyspace) for step in plan.steps) == 3
    outcome = manager.carry_out(plan)

    assert project.serving(VIEW).startswith(f"{VIEW}__g")
    bases, views = dict(outcome.base_failures), dict(outcome.failures)
    refused = f"table {project.keyspace}.refused"
    assert set(bases) == {f"keyspace {elsewhere}", f"table {elsewhere}.homeless", refused}
    assert isinstance(bases[refused], ClusterError)
    assert "NoSuchCompressor" in bases[refused].what
    assert "NoSuchStrategy" in bases[f"keyspace {elsewhere}"].what
    assert set(views) == {
        ViewName(keyspace=project.keyspace, view="on_refused"),
        ViewName(keyspace=elsewhere, view="in_refused"),
    }
    error = views[ViewName(keyspace=project.keyspace, view="on_refused")]
    assert error.what == f"{refused} could not be made: {bases[refused].what}"
    assert error.on == project.full("on_refused")
    assert (error.remains, error.next) == ("Nothing of it was begun", f"Correct {refused}, then apply again")
    assert outcome.errors[: len(bases)] == tuple(bases.values())
    assert not project.record("on_refused").generations
    event = manager.history(project.full("on_refused"), limit=1)[0]
    assert (event.event, "NoSuchCompressor" in event.detail) == ("error", True)

    # Once the server takes them they follow; what was done is done.
    try:
        project.apply()
        assert project.serving("on_refused") == "on_refused__g1"
    finally:
        project.session.execute(f"DROP KEYSPACE IF EXISTS {elsewhere}")


def test_a_program_gets_the_error_of_the_table_itself(project: Workshop) -> None:
    (project.folder / "views" / "in_refused.cql.j2").unlink()
    (project.folder / "tables" / "homeless.cql.j2").unlink()
    with pytest.raises(ClusterError, match="NoSuchCompressor") as caught:
        project.manager().apply(with_refused(project.manager().plan()))
    assert caught.value.on == f"table {project.keyspace}.refused"
    assert project.serving(VIEW).startswith(f"{VIEW}__g")
