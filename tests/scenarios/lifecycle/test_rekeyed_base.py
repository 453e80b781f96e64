"""A base table gets another key: readers go over to a table of another name, and back again, without a gap."""

from __future__ import annotations

from datetime import timedelta

import pytest
from cassandra import InvalidRequest

from cassandra_views.apply.reports import Report
from cassandra_views.model.steps import CreateGeneration
from cassandra_views.read import ViewReader
from tests.scenarios.lifecycle.workshop import Workshop

CQL = (
    "CREATE MATERIALIZED VIEW {{{{ view }}}} AS SELECT day, id, who FROM {{{{ base('{table}') }}}} "
    "WHERE day IS NOT NULL AND id IS NOT NULL{more} PRIMARY KEY (day, id{key})"
)
OLD_KEY, NEW_KEY = "PRIMARY KEY (id)", "PRIMARY KEY (id, who)"


def make_base(workshop: Workshop, table: str, key: str) -> None:
    """Create a base table and write what an application writes to all of its tables."""
    workshop.session.execute(f"CREATE TABLE {workshop.keyspace}.{table} (id int, who text, day date, {key})")
    for number in range(5):
        query = f"INSERT INTO {workshop.keyspace}.{table} (id, who, day) VALUES (%s, 'a', '2026-03-10')"
        workshop.session.execute(query, (number,))


def serve_from(workshop: Workshop, table: str, *, is_new: bool) -> str:
    """Name the base in the view's file, apply, and read at each report; return why the generation was made."""
    more, key = (" AND who IS NOT NULL", ", who") if is_new else ("", "")
    workshop.write_view("by_day", CQL.format(table=table, more=more, key=key), grace="1 hour")
    reader = ViewReader(workshop.session, registry=workshop.registry, cache_seconds=0)

    class Looks(list[Report]):
        def append(self, report: Report) -> None:
            super().append(report)
            if workshop.record("by_day").read_from:
                assert len(reader.select(workshop.full("by_day"), day="2026-03-10").rows) == 5

    workshop.reports = Looks()
    manager = workshop.manager()
    plan = manager.plan()
    manager.apply(plan)
    assert len(workshop.reports) >= 2 * len(plan.steps)
    (create,) = (step for step in plan.steps if isinstance(step, CreateGeneration))
    return create.reason


def drop_base(workshop: Workshop, table: str) -> None:
    """Drop a table whose views are gone, which they are after their grace."""
    with pytest.raises(InvalidRequest, match="materialized view"):
        workshop.session.execute(f"DROP TABLE {workshop.keyspace}.{table}")
    workshop.now += timedelta(hours=2)
    workshop.apply()
    workshop.session.execute(f"DROP TABLE {workshop.keyspace}.{table}")


@pytest.mark.slow
def test_a_base_is_rekeyed_under_another_name_and_comes_back_under_its_own(workshop: Workshop) -> None:
    make_base(workshop, "orders", OLD_KEY)
    serve_from(workshop, "orders", is_new=False)

    # Another name: the table beside the old one, then the file.
    make_base(workshop, "orders_by_who", NEW_KEY)
    reason = serve_from(workshop, "orders_by_who", is_new=True)
    assert f"the base table is {workshop.keyspace}.orders_by_who, not {workshop.keyspace}.orders" in reason
    drop_base(workshop, "orders")

    # The same name: back again, from the table of the other name.
    make_base(workshop, "orders", NEW_KEY)
    serve_from(workshop, "orders", is_new=True)
    drop_base(workshop, "orders_by_who")
    assert workshop.serving("by_day") == "by_day__g3"
    assert len(workshop.rows("by_day__g3")) == 5
