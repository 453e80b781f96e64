"""A registry that was dropped: what served is taken over as it stands, after an audit, and nothing is built."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from cassandra_client.errors import ClusterError
from cassandra_views.model.generation import Audit
from cassandra_views.read import ViewReader
from tests.scenarios.lifecycle.workshop import Workshop

BY_DAY = (
    "CREATE MATERIALIZED VIEW {{ view }} AS SELECT day, who, n FROM {{ base('marks') }} "
    "WHERE {{ in_window() }} AND who IS NOT NULL PRIMARY KEY (day, who) WITH CLUSTERING ORDER BY (who DESC)"
)
BY_COUNT = (
    "CREATE MATERIALIZED VIEW {{ view }} AS SELECT * FROM {{ base('marks') }} "
    "WHERE n IS NOT NULL AND day IS NOT NULL AND who IS NOT NULL PRIMARY KEY ((n), day, who)"
)


@pytest.fixture
def shop(workshop: Workshop) -> Iterator[Workshop]:
    """Two views, one at its second generation, in a registry that can be lost."""
    session, keyspace = workshop.session, workshop.keyspace
    workshop.registry = f"{keyspace}_r"
    session.execute(f"CREATE TABLE {keyspace}.marks (who text, day date, n int, PRIMARY KEY (who, day))")
    for day in range(1, 11):
        session.execute(f"INSERT INTO {keyspace}.marks (who, day, n) VALUES ('a', '2026-03-{day:02}', {day})")
    workshop.write_table("marks", "{column: day, type: date}")
    workshop.write_view("by_day", BY_DAY, window="{last: 3 days, step: 1 day}", grace="1 hour")
    workshop.write_view("by_count", BY_COUNT)
    workshop.apply()
    workshop.now += timedelta(days=1)
    workshop.apply()
    yield workshop
    session.execute(f"DROP KEYSPACE IF EXISTS {workshop.registry}")


@pytest.mark.slow
def test_what_served_is_taken_over_and_slides_on(shop: Workshop) -> None:
    session = shop.session
    before = {view: shop.serving(view) for view in ("by_day", "by_count")}
    assert before == {"by_day": "by_day__g2", "by_count": "by_count__g1"}
    assert "by_day__g1" in shop.physical_views(), "the former one, within its grace"
    start = shop.record("by_day").generations[-1].window_start
    query = "SELECT id FROM system_schema.views WHERE keyspace_name = %s AND view_name = %s"
    ids = {name: session.execute(query, (shop.keyspace, name)).one()[0] for name in before.values()}
    session.execute(f"DROP KEYSPACE {shop.registry}")

    plan = shop.apply()
    assert shop.kinds(plan) == [
        "create_registry",
        *["adopt_generation"] * 2,
        *["await_build", "audit_generation", "serve_generation"] * 2,
        "sweep_orphan",
    ]
    assert {view: shop.serving(view) for view in before} == before
    assert shop.physical_views() == set(before.values())
    assert ids == {name: session.execute(query, (shop.keyspace, name)).one()[0] for name in before.values()}
    (taken,) = shop.record("by_day").generations
    assert (taken.audit, taken.window_start) == (Audit.PASSED, start)
    rows = ViewReader(session, registry=shop.registry).select(shop.full("by_day"), day="2026-03-10").rows
    assert [row.n for row in rows] == [10]

    shop.now += timedelta(days=1)
    shop.apply()
    assert shop.serving("by_day") == "by_day__g3", "a number is never used again"


@pytest.mark.slow
def test_one_that_is_something_else_than_its_comment_says_is_replaced(shop: Workshop) -> None:
    session, keyspace = shop.session, shop.keyspace
    query = "SELECT comment FROM system_schema.views WHERE keyspace_name = %s AND view_name = 'by_day__g2'"
    comment = session.execute(query, (keyspace,)).one()[0].replace("start=2026-03-08", "start=2026-03-01")
    session.execute(f"ALTER MATERIALIZED VIEW {keyspace}.by_day__g2 WITH comment = '{comment}'")
    session.execute(f"DROP KEYSPACE {shop.registry}")
    with pytest.raises(ClusterError, match=r"the server made something else of it.*builds the next"):
        shop.manager().apply()
    shop.apply()
    assert shop.serving("by_day") == "by_day__g3"
    assert {each for each in shop.physical_views() if each.startswith("by_day")} == {"by_day__g3"}
