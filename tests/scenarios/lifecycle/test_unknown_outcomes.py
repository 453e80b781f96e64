"""Statements whose answer is lost: the run settles what came of them, and goes on or says so."""

from __future__ import annotations

from datetime import timedelta

import pytest

from cassandra_client.errors import ClusterError
from cassandra_views.model.generation import State
from tests.scenarios.lifecycle.dying import Side, UnsureSession
from tests.scenarios.lifecycle.shapes import READINGS
from tests.scenarios.lifecycle.test_changes import VIEW, check_rows, set_up
from tests.scenarios.lifecycle.workshop import Workshop

DDL_SECONDS = 4.0


@pytest.mark.usefixtures("_short_lease")
@pytest.mark.parametrize("side", list(Side))
def test_every_second_conditional_write_of_a_whole_life_is_settled(workshop: Workshop, side: Side) -> None:
    set_up(workshop, READINGS)
    workshop.apply()
    unsure = UnsureSession(workshop.session, range(1, 1000, 2), side, kinds=("conditional",))
    workshop.now += timedelta(days=1)
    workshop.manager(unsure).apply()
    assert workshop.manager().plan().steps == ()
    assert workshop.serving(VIEW) == f"{VIEW}__g2"
    check_rows(workshop, READINGS)
    workshop.manager(unsure).drop(workshop.full(VIEW))
    assert workshop.physical_views() == set()
    assert workshop.record(VIEW).generations == ()
    assert unsure.doubts >= 10


def test_a_create_and_a_drop_that_came_through_unheard_are_seen(workshop: Workshop) -> None:
    set_up(workshop, READINGS)
    unsure = UnsureSession(workshop.session, range(1, 9), Side.AFTER, kinds=("ddl",))
    workshop.manager().apply()
    workshop.manager(unsure, ddl_timeout_seconds=DDL_SECONDS).refresh(workshop.full(VIEW))
    assert workshop.serving(VIEW) == f"{VIEW}__g2"
    workshop.manager(unsure, ddl_timeout_seconds=DDL_SECONDS).drop(workshop.full(VIEW))
    assert workshop.physical_views() == set()
    assert unsure.effects == ["ddl"] * 3


def test_a_create_that_was_lost_is_given_up_and_its_number_with_it(workshop: Workshop) -> None:
    set_up(workshop, READINGS)
    workshop.manager().apply()
    unsure = UnsureSession(workshop.session, {1}, Side.BEFORE, kinds=("ddl",))
    manager = workshop.manager(unsure, ddl_timeout_seconds=0.5)
    with pytest.raises(ClusterError, match=r"no answer in time\. No node has it; the next apply uses a new number"):
        manager.refresh(workshop.full(VIEW))
    assert unsure.effects == ["ddl"], "it is sent once"
    assert [each.state for each in workshop.record(VIEW).generations] == [State.SERVING, State.FAILED]
    assert workshop.serving(VIEW) == f"{VIEW}__g1"
    workshop.apply()
    workshop.manager().refresh(workshop.full(VIEW))
    assert workshop.serving(VIEW) == f"{VIEW}__g3"
