"""Renames on paper: both names are served at every moment, nothing is built for it, what is begun is finished."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cassandra_views.apply.grants import base_grants
from cassandra_views.model.definition import BrokenView, Project, ViewDefinition
from cassandra_views.model.errors import ProjectError
from cassandra_views.model.generation import Serving, State, ViewRecord
from cassandra_views.model.names import HAND_MADE_NUMBER, ViewName
from cassandra_views.model.steps import CreateGeneration, DropGeneration, GiveUpName, Plan, RenameView
from cassandra_views.model.suspicion import Suspicion
from cassandra_views.plan.explain import explain, explain_all, plan_json, read_plan_json
from cassandra_views.plan.inputs import PlanRequest, PlanTarget
from cassandra_views.plan.project_plan import make_audits
from tests.unit.plan.world import KEYSPACE, REGISTRY, World, as_made, definition, short, table_file

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)


def named(view: str) -> ViewName:
    return ViewName(keyspace=KEYSPACE, view=view)


def project(*views: ViewDefinition) -> Project:
    return Project(name="shop", views=views, tables=(table_file(),))


def converged(world: World, *views: ViewDefinition, now: datetime = NOW) -> Plan:
    """Plan and apply; planning again finds nothing to do."""
    plan = world.plan(project(*views), now)
    assert not plan.refused
    world.apply(plan, now)
    assert world.plan(project(*views), now).steps == ()
    return plan


def served(world: World, name: str) -> list[str]:
    record = world.records.get(named(name))
    return [entry.name for entry in record.read_from] if record is not None else []


@pytest.fixture
def world() -> World:
    """A cluster on which the view ``a`` is served."""
    found = World()
    converged(found, definition("a"))
    return found


def steps(plan: Plan) -> list[str]:
    return [short(step) for step in plan.steps]


def test_two_renames_in_a_row_keep_all_three_names_served(world: World) -> None:
    assert steps(converged(world, definition("b", renamed_from=["a"]))) == ["rename a b"]
    assert steps(converged(world, definition("c", renamed_from=["a", "b"]))) == ["rename b c"]
    assert served(world, "a") == served(world, "b") == served(world, "c") == ["a__g1"]

    changed = definition("c", renamed_from=["a", "b"], columns="customer, day, total")
    plan = converged(world, changed)
    assert [step.number for step in plan.steps if isinstance(step, CreateGeneration)] == [2], "numbers continue"
    assert served(world, "a") == served(world, "b") == served(world, "c") == ["c__g2"]


def test_to_and_fro(world: World) -> None:
    for name, former in (("b", "a"), ("a", "b"), ("b", "a")):
        assert steps(converged(world, definition(name, renamed_from=[former]))) == [f"rename {former} {name}"]
        assert served(world, "a") == served(world, "b") == ["a__g1"]
        assert world.records[named(name)].kept_names == (former,)
    assert world.records[named("b")].renamed_to == ""


def test_a_name_that_was_given_up_can_be_taken_by_another_view(world: World) -> None:
    converged(world, definition("b", renamed_from=["a"]))
    plan = converged(world, definition("b"))
    assert steps(plan) == ["give up a b"]
    assert served(world, "a") == []
    assert world.records[named("a")].renamed_to == "b", "readers of it can be told"
    other = definition("a", columns="customer, day, total")
    assert steps(converged(world, definition("b"), other)) == ["create a 2", "await a 2", "audit a 2", "serve a 2"]
    assert served(world, "b") == ["a__g1"], "the generation that still has that name is left alone"
    assert served(world, "a") == ["a__g2"]
    assert world.records[named("a")].renamed_to == ""


def test_a_name_that_was_given_up_is_served_again_where_the_file_names_it_again(world: World) -> None:
    converged(world, definition("b", renamed_from=["a"]))
    converged(world, definition("b"))
    assert steps(converged(world, definition("b", renamed_from=["a"]))) == ["rename a b"]
    assert served(world, "a") == ["a__g1"]


def test_a_former_name_that_is_still_served_is_not_free(world: World) -> None:
    converged(world, definition("b", renamed_from=["a"]))
    (refused,) = world.plan(project(definition("b", renamed_from=["a"]), definition("a")), NOW).refused
    assert refused.what == "it is a former name of b, and still served"
    assert refused.next == (
        "'views rename a b --finish' gives the name up; 'renamed_from: b' in its file renames the view back"
    )


def test_a_view_is_not_renamed_to_a_former_name_of_another(world: World) -> None:
    converged(world, definition("b", renamed_from=["a"]), definition("x"))
    plan = world.plan(project(definition("b", renamed_from=["a"]), definition("a", renamed_from=["x"])), NOW)
    assert plan.steps == (), "the view x is not taken for one without a file"
    assert [each.what for each in plan.refused] == ["it is a former name of b, and still served"]


def test_what_is_suspect_is_audited_under_the_new_name(world: World) -> None:
    record = world.records[named("a")]
    suspicion = Suspicion(since=NOW, reason="restored", by="ann")
    suspect = replace(record.generations[0], suspicion=suspicion)
    world.records[named("a")] = replace(record, generations=(suspect,))
    plan = world.plan(project(definition("b", renamed_from=["a"])), NOW)
    assert steps(plan) == ["rename a b", "audit b 1 again"]
    assert explain(plan.steps[1])[1] == "shop.b generation 1 (a__g1)"


def test_a_hand_made_view_keeps_its_name_in_the_schema() -> None:
    world = World()
    world.views["a"] = as_made(definition("a"))
    converged(world, definition("a"))
    assert steps(converged(world, definition("b", renamed_from=["a"]))) == ["rename a b"]
    assert served(world, "a") == served(world, "b") == ["a"]
    assert steps(converged(world, definition("a", renamed_from=["b"]))) == ["rename b a"], "and back"
    converged(world, definition("b", renamed_from=["a"]))

    converged(world, definition("b", renamed_from=["a"], columns="customer, day, total"))
    plan = world.plan(project(definition("b", renamed_from=["a"], columns="customer, day, total")), LATER)
    (drop,) = plan.withheld
    assert drop.number == HAND_MADE_NUMBER
    assert explain(drop)[2].startswith("drop the hand-made view a, which applications may read by its name")
    allowed = world.plan(
        project(definition("b", renamed_from=["a"], columns="customer, day, total")),
        LATER,
        PlanRequest(is_drop_allowed=True),
    )
    world.apply(allowed, LATER)
    assert "a" not in world.views


def test_a_hand_made_view_is_no_second_one_of_its_own_name() -> None:
    world = World()
    world.views["a"] = as_made(definition("a"))
    converged(world, definition("a"))
    converged(world, definition("b", renamed_from=["a"]))
    converged(world, definition("b"))
    plan = world.plan(project(definition("b"), definition("a", columns="customer, day, total")), NOW)
    assert steps(plan)[0] == "create a 1"
    assert plan.notes == ()


def test_a_lost_registry_takes_the_generations_over_by_the_former_name_that_the_file_gives(world: World) -> None:
    mark = str(world.views["a__g1"].comment).replace("f1:x", definition("a").version)
    world.views["a__g1"] = replace(world.views["a__g1"], comment=mark)
    converged(world, definition("b", renamed_from=["a"]))
    world.records.clear()
    world.numbers.clear()

    plan = converged(world, definition("b", renamed_from=["a"]))
    assert steps(plan) == ["rename a b", "adopt b 1", "await b 1", "audit b 1", "serve b 1"]
    assert served(world, "a") == served(world, "b") == ["a__g1"]


def test_a_rollback_goes_back_to_a_generation_of_the_former_name(world: World) -> None:
    converged(world, definition("b", renamed_from=["a"], columns="customer, day, total"))
    record = world.records[named("b")]
    assert [each.physical for each in record.generations] == ["a__g1", "b__g2"]
    plan = world.plan(project(definition("b", renamed_from=["a"])), NOW)
    assert steps(plan) == ["serve b 1 retire 2"], "the file asks for the former one again"
    world.apply(plan, NOW)
    assert served(world, "a") == served(world, "b") == ["a__g1"]


def test_an_audit_of_a_generation_of_the_former_name_is_granted_what_it_needs(world: World) -> None:
    converged(world, definition("b", renamed_from=["a"]))
    target = PlanTarget(cluster="c", registry=REGISTRY, environment="dev", project="shop", line="c")
    plan = make_audits(project(), world.records.values(), target, frozenset([named("b")]), NOW)
    (step,) = plan.steps
    assert explain(step)[1] == "shop.b generation 1 (a__g1)"
    assert [str(each.permission) for each in base_grants(step, world.observed().catalog)] == ["SELECT"]


def test_a_drop_of_a_former_name_is_refused(world: World) -> None:
    converged(world, definition("b", renamed_from=["a"]))
    drop = PlanRequest(only=frozenset([named("a")]), drop=frozenset([named("a")]))
    (refused,) = world.plan(project(definition("b", renamed_from=["a"])), NOW, drop).refused
    assert refused.what == "it is a former name of b, and has nothing of its own"


def test_a_view_whose_new_file_is_wrong_is_not_gone(world: World) -> None:
    broken = BrokenView(view="b", error=ProjectError("wrong", next="x"), keyspace=KEYSPACE, renamed_from=("a",))
    plan = world.plan(replace(project(), broken=(broken,)), NOW)
    assert plan.steps == ()


def test_a_rename_that_was_begun_is_finished_whatever_the_files_say(world: World) -> None:
    record = world.records[named("a")]
    world.records[named("a")] = replace(record, renamed_to="b")
    assert steps(world.plan(project(definition("b", renamed_from=["a"])), NOW)) == ["rename a b"]
    copied = replace(record.renamed(named("b"), None, NOW), fence=1)
    world.records[named("b")] = copied
    assert steps(world.plan(project(definition("b", renamed_from=["a"])), NOW)) == ["rename a b"]
    without_file = world.plan(project(definition("b")), NOW)
    assert steps(without_file) == ["rename a b", "give up a b"]


def test_a_former_name_that_missed_a_switch_follows_before_anything_is_dropped(world: World) -> None:
    wanted = definition("b", renamed_from=["a"], columns="customer, day, total")
    converged(world, wanted)
    record = world.records[named("a")]
    world.records[named("a")] = replace(record, read_from=(Serving(name="a__g1"),))
    plan = world.plan(project(wanted), LATER)
    assert steps(plan) == ["rename a b", "drop b 1"]
    world.apply(plan, LATER)
    assert served(world, "a") == ["b__g2"]


def test_a_renamed_view_without_a_file_is_retired_under_both_names(world: World) -> None:
    converged(world, definition("b", renamed_from=["a"]))
    other = definition("other")
    plan = world.plan(project(other), NOW)
    world.apply(plan, NOW)
    assert served(world, "a") == served(world, "b") == []
    drops = world.plan(project(other), LATER, PlanRequest(is_drop_allowed=True))
    (drop,) = [step for step in drops.steps if isinstance(step, DropGeneration)]
    assert explain(drop)[1] == "shop.b generation 1 (a__g1)"


def test_a_part_of_a_plan_keeps_what_must_hold_of_the_former_name(world: World) -> None:
    plan = world.plan(project(definition("b", renamed_from=["a"])), NOW)
    part = plan.part([step for step in plan.steps if isinstance(step, RenameView)])
    assert {str(each.view) for each in part.preconditions} == {"shop.a", "shop.b"}
    assert {each.subject for each in part.files} >= {"view shop.a", "view shop.b"}
    assert read_plan_json(plan_json(plan)) == plan


def test_the_plan_says_it_in_words(world: World) -> None:
    plan = world.plan(project(definition("b", renamed_from=["a"])), NOW)
    (line,) = explain_all(plan.steps)
    assert (line.sign, line.subject, line.text) == (">", "shop.b", "rename it from a, which is served as well")
    world.apply(plan, NOW)
    (given,) = world.plan(project(definition("b")), NOW).steps
    assert isinstance(given, GiveUpName)
    assert explain(given) == ("-", "shop.b", "serve its former name a no longer: its file does not name it")


def test_a_revision_is_what_it_was_where_nothing_was_renamed() -> None:
    assert ViewRecord(name=named("a")).revision() == ViewRecord(name=named("b")).revision()
    assert ViewRecord(name=named("a"), renamed_to="b").revision() != ViewRecord(name=named("a")).revision()


NAMES = st.sampled_from(["a", "b", "c"])
CHANGES = st.sampled_from(["customer, day, total, note", "customer, day, total"])


@settings(max_examples=60, deadline=None)
@given(walk=st.lists(st.tuples(NAMES, CHANGES, st.booleans(), st.integers(min_value=0, max_value=9)), max_size=6))
def test_every_kept_name_is_served_at_every_moment_of_any_walk(walk: list[tuple[str, str, bool, int]]) -> None:
    """Rename, change and give names up, stop each run after some steps: no reader of a kept name ever finds nothing."""
    world, now = World(), NOW
    converged(world, definition("a"))
    name = "a"
    kept: list[str] = []
    for to, columns, gives_up, stop in walk:
        if to != name:
            kept = [each for each in (*kept, name) if each != to]
            name = to
        elif gives_up:
            kept = []
        wanted = definition(name, renamed_from=kept, columns=columns)
        now += timedelta(hours=1)
        plan = world.plan(project(wanted), now)
        assert not plan.refused
        for step in plan.steps[:stop]:
            world.apply(replace(plan, steps=(step,)), now)
            main = next(record for record in world.records.values() if record.in_state(State.SERVING))
            for each in (main.name.view, *main.kept_names):
                assert set(served(world, each)) <= world.views.keys()
                assert served(world, each) == served(world, main.name.view) != []
        converged(world, wanted, now=now)
        for each in (name, *kept):
            assert served(world, each) == served(world, name) != []
