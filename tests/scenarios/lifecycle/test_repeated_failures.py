"""A generation that fails for one reason twice in a row is not built a third time, until something changes."""

from __future__ import annotations

import pytest

from cassandra_client.errors import ClusterError
from cassandra_views.model.errors import RepeatedFailure
from tests.scenarios.lifecycle.shapes import READINGS
from tests.scenarios.lifecycle.test_changes import VIEW, WINDOW, set_up
from tests.scenarios.lifecycle.workshop import Workshop

REFUSED = f"{READINGS.view} WITH compaction = {{'class': 'org.example.NoSuchStrategy'}}"


def test_what_the_server_refuses_twice_is_not_sent_a_third_time(workshop: Workshop) -> None:
    set_up(workshop, READINGS)
    workshop.write_view(VIEW, REFUSED, window=WINDOW)
    for _ in range(2):
        with pytest.raises(ClusterError):
            workshop.manager().apply()
    record = workshop.record(VIEW)
    assert (record.failed_builds, record.next_number) == (2, 3)
    for _ in range(2):  # the first of these drops what failed last
        with pytest.raises(RepeatedFailure, match=r"NoSuchStrategy.*views refresh Seen"):
            workshop.manager().apply()
    assert workshop.record(VIEW).next_number == 3
    (status,) = workshop.manager().status([workshop.full(VIEW)])
    assert status.condition == "failed"
    assert "NoSuchStrategy" in status.waiting
    (work,) = [each for each in workshop.manager().plan_each() if each.name == record.name]
    assert work.waits_for_person
    # A person tries again, and so does another shape of the base table.
    with pytest.raises(ClusterError):
        workshop.manager().refresh(workshop.full(VIEW))
    workshop.session.execute(f"ALTER TABLE {workshop.keyspace}.readings ADD more int")
    with pytest.raises(ClusterError):
        workshop.manager().apply()
    assert workshop.record(VIEW).failed_builds == 1
    # Another version is built, and what failed is forgotten once it serves.
    workshop.write_view(VIEW, READINGS.view, window=WINDOW)
    workshop.apply()
    assert workshop.record(VIEW).failed_builds == 0
