"""Checks of a view file gate serving as the audit does: on a real server, with rows that must not be there."""

from __future__ import annotations

import pytest

from cassandra_client.errors import ClusterError
from cassandra_views.model.errors import AuditFailed
from cassandra_views.model.generation import Audit, State
from tests.scenarios.lifecycle.shapes import READINGS
from tests.scenarios.lifecycle.test_changes import VIEW, WINDOW, set_up
from tests.scenarios.lifecycle.workshop import Workshop

CHECK = '[{name: no value below zero, query: "SELECT sensor, value FROM {{ view }} WHERE value < 0 ALLOW FILTERING"}]'


def test_a_generation_in_which_a_check_finds_rows_does_not_serve(workshop: Workshop) -> None:
    set_up(workshop, READINGS)
    workshop.write_view(VIEW, READINGS.view, window=WINDOW, checks=CHECK)
    workshop.apply()
    (event,) = [each for each in workshop.manager().history(workshop.full(VIEW)) if each.event == "audit passed"]
    assert event.detail.endswith("; 1 check passed")
    first = workshop.serving(VIEW)

    bad = f"{workshop.keyspace}.readings (sensor, ts, value) VALUES ('bad', '2026-03-10T12:00:00Z', -1)"
    workshop.session.execute(f"INSERT INTO {bad}")
    with pytest.raises(AuditFailed, match="the check 'no value below zero' found 1 row, such as sensor=bad, value=-1"):
        workshop.manager().refresh(workshop.full(VIEW))
    assert workshop.serving(VIEW) == first
    failed = workshop.record(VIEW).generations[-1]
    assert (failed.state, failed.audit) == (State.FAILED, Audit.FAILED)
    assert "no value below zero" in failed.reason

    # A check that the server does not take tells nothing: the generation waits as it is, and is not built again.
    workshop.session.execute(f"DELETE FROM {workshop.keyspace}.readings WHERE sensor = 'bad'")
    workshop.write_view(VIEW, READINGS.view, window=WINDOW, checks=CHECK.replace("value < 0", "walue < 0"))
    with pytest.raises(ClusterError, match=r"the check 'no value below zero' was not answered: .*walue"):
        workshop.manager().refresh(workshop.full(VIEW))
    waiting = workshop.record(VIEW).generations[-1]
    assert (waiting.state, waiting.audit, workshop.serving(VIEW)) == (State.BUILT, None, first)
    workshop.write_view(VIEW, READINGS.view, window=WINDOW, checks=CHECK)
    workshop.apply()
    assert workshop.serving(VIEW) == waiting.physical
