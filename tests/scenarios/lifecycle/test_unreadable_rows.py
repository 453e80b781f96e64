"""Registry rows that hold what this program does not know hold up their own view alone."""

from __future__ import annotations

from datetime import timedelta

import pytest

from cassandra_views.model.errors import RegistryError
from cassandra_views.model.generation import State
from tests.scenarios.lifecycle.shapes import READINGS
from tests.scenarios.lifecycle.test_changes import VIEW, WINDOW, set_up
from tests.scenarios.lifecycle.workshop import Workshop


@pytest.mark.parametrize("column", ["override", "strategy", "state"])
def test_one_view_is_unreadable_and_the_others_go_on(workshop: Workshop, column: str) -> None:
    set_up(workshop, READINGS)
    workshop.write_view("other", READINGS.view, window=WINDOW)
    workshop.apply()
    key = f"keyspace_name = '{workshop.keyspace}' AND view_name = 'other'"
    row = f"{key} AND number = 1" if column == "state" else key
    views, session = f"{workshop.registry}.views", workshop.session
    before = getattr(session.execute(f"SELECT {column} FROM {views} WHERE {row}").one(), column)
    session.execute(f"UPDATE {views} SET {column} = 'melted' WHERE {row} IF fence > 0")
    workshop.now += timedelta(days=1)

    plan = workshop.manager().plan()

    (refusal,) = plan.refused
    assert refusal.view == workshop.full("other")
    assert "its registry row holds what this program does not know: 'melted'" in str(refusal.as_error())
    assert [view.view for view in plan.views] == [VIEW]
    with pytest.raises(RegistryError, match="does not know"):
        workshop.manager().apply(plan)
    assert workshop.serving(VIEW).endswith("__g2")
    statuses = workshop.manager().status([workshop.full(VIEW), workshop.full("other")])
    assert {each.name.view: each.condition for each in statuses} == {VIEW: "serving", "other": "unreadable"}

    with pytest.raises(RegistryError, match="does not know"):
        workshop.manager().audit([workshop.full(VIEW), workshop.full("other")])
    audited = workshop.record(VIEW).in_state(State.SERVING)[0].audited_at
    assert audited == workshop.now, "the other view is audited all the same"

    session.execute(f"UPDATE {views} SET {column} = %s WHERE {row} IF fence > 0", (before,))
    workshop.apply()
    assert workshop.serving("other").endswith("__g2")
