"""What the doctor makes of registry and schema before it judges: the load of a base table, and its age."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from cassandra_views.model.definition import Project
from cassandra_views.model.generation import Generation, State, ViewRecord
from cassandra_views.model.names import ViewName
from cassandra_views.model.schema import NETWORK, Catalog, Keyspace, LiveView
from cassandra_views.overview.doctor import find_base_facts
from cassandra_views.plan.doctor_facts import BaseFacts
from tests.unit.plan.world import KEYSPACE, base_shape, definition, live_view

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
NAME = ViewName(keyspace=KEYSPACE, view="by_day")
KEY = (KEYSPACE, "orders")
CENTERS = {"dc1": 3}


def catalog(*views: LiveView) -> Catalog:
    return Catalog(
        keyspaces=frozenset({KEYSPACE}),
        replications={KEYSPACE: Keyspace.of(KEYSPACE, {"class": NETWORK, "dc1": 3})},
        tables={KEY: base_shape()},
        views={(each.keyspace, each.name): each for each in views},
    )


def generation(number: int, state: State, *, days: float = 1) -> Generation:
    return Generation(
        number=number,
        physical=f"by_day__g{number}",
        table_id=uuid.UUID(int=number),
        version="v",
        state=state,
        created_at=NOW - timedelta(days=days),
        retired_at=NOW if state is State.RETIRED else None,
    )


def facts(schema: Catalog, *generations: Generation, project: Project | None = None) -> BaseFacts:
    records = [ViewRecord(name=NAME, generations=generations)] if generations else []
    return find_base_facts(KEY, records, schema, project, CENTERS, repairs=None, now=NOW)


def test_what_was_replaced_does_not_stay() -> None:
    schema = catalog(live_view("by_day__g1"), live_view("by_day__g2"), live_view("own", registry=None))
    found = facts(schema, generation(1, State.RETIRED), generation(2, State.SERVING))
    assert (found.views, found.lasting, found.is_ours, found.replicas) == (3, 2, True, 3)
    found = facts(schema, generation(1, State.SERVING), generation(2, State.BUILDING))
    assert (found.views, found.lasting) == (3, 2), "the one that serves goes once the next one does"


def test_a_table_of_others_views_is_not_ours_unless_a_file_is_on_it() -> None:
    schema = catalog(live_view("own", registry=None))
    assert not facts(schema).is_ours
    assert facts(schema, project=Project(name="", views=(definition(),))).is_ours


def test_the_age_of_a_table_is_that_of_its_id_or_at_least_that_of_its_first_view() -> None:
    made = uuid.UUID("50554d6e-29bb-11e5-b345-feff819cdc9f")
    known = replace(live_view("by_day__g1"), base_id=made)
    found = facts(catalog(known), generation(1, State.SERVING, days=3))
    assert found.made_at is not None
    assert found.made_at.year == 2015
    named = replace(known, base_id=uuid.uuid5(made, "orders"))
    found = facts(catalog(named), generation(1, State.SERVING, days=3))
    assert (found.made_at, found.first_view_at) == (None, NOW - timedelta(days=3))
    later = replace(named, name="by_day__g2")
    assert facts(catalog(later), generation(2, State.SERVING)).first_view_at is None, "a second one proves no age"
