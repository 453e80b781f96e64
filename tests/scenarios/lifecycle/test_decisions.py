"""A person decides over several views at once, by names or by tags of their files."""

from __future__ import annotations

from datetime import timedelta

import pytest

from cassandra_client.errors import ConfigurationError, ViewsError
from cassandra_views.model.errors import ProjectError
from cassandra_views.model.generation import OverrideKind
from cassandra_views.model.names import ViewName
from cassandra_views.model.steps import Cause, CreateGeneration
from tests.scenarios.lifecycle.shapes import READINGS
from tests.scenarios.lifecycle.test_changes import VIEW, WINDOW, set_up
from tests.scenarios.lifecycle.workshop import NOON, Workshop


@pytest.fixture
def three(workshop: Workshop) -> Workshop:
    """Three views that serve, two of them with the tag ``web``."""
    set_up(workshop, READINGS)
    for name in ("second", "third"):
        workshop.write_view(name, READINGS.view, window=WINDOW, grace="1 hour", tags=f"[web, {name}]")
    workshop.apply()
    return workshop


def overrides(workshop: Workshop) -> dict[str, str]:
    """Return the decision over each view that has one."""
    found = workshop.manager().status()
    return {
        each.name.view: each.override for each in found if each.override and each.name.keyspace == workshop.keyspace
    }


def names(workshop: Workshop, *views: str) -> tuple[ViewName, ...]:
    return tuple(ViewName(keyspace=workshop.keyspace, view=view) for view in views)


def test_views_are_frozen_and_let_go_by_tag(three: Workshop) -> None:
    until = NOON + timedelta(days=2)
    records = three.manager().override([], "frozen", tags=["web"], reason="release night", until=until)
    assert [each.name for each in records] == list(names(three, "second", "third"))
    assert set(overrides(three).values()) == {"frozen until 2026-03-12T12:00:00Z by tests: release night"}
    three.now += timedelta(days=1)
    creates = [each.view.view for each in three.manager().plan().steps if isinstance(each, CreateGeneration)]
    assert creates == [VIEW]
    (one,) = three.manager().override(three.full("second"), None, reason="it is out")
    assert (one.name.view, one.override) == ("second", None)
    assert set(overrides(three)) == {"third"}
    events = three.manager().history(three.full("second"), limit=2)
    assert [(each.event, each.detail) for each in events] == [
        ("override none", "it is out"),
        ("override frozen", "release night"),
    ]


def test_where_one_is_unknown_nothing_is_changed_at_all(three: Workshop) -> None:
    fences = [three.record(each).fence for each in (VIEW, "second", "third")]
    manager = three.manager()
    for chosen, tags in (([three.full("second"), "thrid"], []), ([three.full("second")], ["wbe"]), ([], [])):
        with pytest.raises(ProjectError):
            manager.override(chosen, OverrideKind.OFF, tags=tags, reason="x")
    for reason, until in ((" ", None), ("x", NOON)):
        with pytest.raises(ConfigurationError):
            manager.override([], OverrideKind.OFF, tags=["web"], reason=reason, until=until)
    assert overrides(three) == {}
    assert [three.record(each).fence for each in (VIEW, "second", "third")] == fences


def test_a_chosen_subset_is_planned_refreshed_and_shown(three: Workshop) -> None:
    manager = three.manager()
    assert manager.choose([three.full(VIEW)], tags=["third"]) == names(three, VIEW, "third")
    assert [each.name.view for each in manager.status(tags=["web"])] == ["second", "third"]
    assert not manager.plan(tags=["web"]).has_changes
    plan = manager.plan_refresh(tags=["web"])
    assert {(each.view.view, each.cause) for each in plan.steps if isinstance(each, CreateGeneration)} == {
        ("second", Cause.REFRESH),
        ("third", Cause.REFRESH),
    }
    manager.refresh([three.full("second")], tags=["third"])
    assert [three.serving(each) for each in (VIEW, "second", "third")] == [f"{VIEW}__g1", "second__g2", "third__g2"]


def test_a_frozen_one_among_several_refuses_the_refresh_of_all(three: Workshop) -> None:
    three.manager().override(three.full("third"), "frozen", reason="sale")
    with pytest.raises(ViewsError, match=r"third.*it is frozen by tests: sale|it is frozen by tests: sale"):
        three.manager().plan_refresh(tags=["web"])


def test_what_is_off_is_retired_and_comes_back(three: Workshop) -> None:
    three.manager().override([], "off", tags=["web"], reason="nobody reads them")
    three.apply()
    assert three.record("second").read_from == ()
    assert three.record(VIEW).read_from
    three.manager().override([], None, tags=["web"], reason="somebody does")
    three.apply()
    assert three.serving("second") == "second__g1"
