"""One whole life of a view on each version of Cassandra that is supported beside the default one."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from cassandra.cluster import Session

from cassandra_client.connect import connected
from cassandra_client.database import Database
from cassandra_client.members import read_members
from cassandra_embedded import EmbeddedCassandra
from cassandra_views.model.steps import Cause, CreateGeneration
from tests.integration.cassandra.inherited_order import check_inherited_orders
from tests.scenarios.lifecycle.old_registry import columns, make_first_registry
from tests.scenarios.lifecycle.shapes import POSTS
from tests.scenarios.lifecycle.test_changes import VIEW, check_rows, set_up
from tests.scenarios.lifecycle.workshop import Workshop

pytestmark = [pytest.mark.slow, pytest.mark.cassandra]

VERSIONS = {"4.1.10": "127.0.5.1", "6.0-alpha2": "127.0.6.1"}


@pytest.fixture(scope="module", params=VERSIONS)
def versioned(request: pytest.FixtureRequest) -> Iterator[tuple[EmbeddedCassandra, Session]]:
    with (
        EmbeddedCassandra(address=VERSIONS[request.param], version=request.param, port=0) as server,
        connected(tuple(server.contact_points), port=server.port) as session,
    ):
        yield server, session


def causes(workshop: Workshop) -> list[Cause]:
    return [step.cause for step in workshop.apply().steps if isinstance(step, CreateGeneration)]


def test_a_view_that_states_no_order_has_that_of_its_base(versioned: tuple[EmbeddedCassandra, Session]) -> None:
    _server, session = versioned
    session.execute("CREATE KEYSPACE orders WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}")
    check_inherited_orders(session, "orders")


def test_a_whole_life(versioned: tuple[EmbeddedCassandra, Session], tmp_path: Path) -> None:
    server, session = versioned
    shape, keyspace = POSTS, "life"
    replication = "{'class': 'SimpleStrategy', 'replication_factor': 1}"
    session.execute(f"CREATE KEYSPACE {keyspace} WITH replication = {replication}")
    workshop = Workshop(session=session, keyspace=keyspace, folder=tmp_path, registry="life_registry")
    make_first_registry(session, workshop.registry)
    set_up(workshop, shape)
    manager = workshop.manager()
    facts = manager.facts()
    assert facts.version_text == server.version.partition("-")[0]
    is_old = server.version.startswith("4.")
    assert facts.has_snapshot_option is not is_old
    plan = manager.plan()
    assert [cost.keeps_snapshot for cost in plan.costs] == [is_old]
    (member,) = read_members(Database(session))
    assert member.owns_tokens
    assert not member.is_moving

    assert causes(workshop) == [Cause.CREATE]
    assert "failures" in columns(session, workshop.registry)
    check_rows(workshop, shape)
    first = workshop.serving(VIEW)
    workshop.now += timedelta(days=1)
    assert causes(workshop) == [Cause.SLIDE]
    check_rows(workshop, shape)
    second = workshop.serving(VIEW)
    workshop.manager().rollback(workshop.full(VIEW))
    assert workshop.serving(VIEW) == first
    workshop.manager().override(workshop.full(VIEW), None, reason="forward again")
    assert causes(workshop) == []
    assert workshop.serving(VIEW) == second
    check_rows(workshop, shape)
    workshop.manager().drop(workshop.full(VIEW))
    assert workshop.physical_views() == set()
    assert workshop.manager().plan().steps == ()
