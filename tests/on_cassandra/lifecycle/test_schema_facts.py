"""What the server fills in, inherits or spells in its own way is no difference: such views serve at the first run."""

from __future__ import annotations

from cassandra_views.read import ViewReader
from tests.on_cassandra.lifecycle.workshop import Workshop


def test_a_view_that_inherits_a_descending_order_serves(workshop: Workshop) -> None:
    workshop.session.execute(
        f"CREATE TABLE {workshop.keyspace}.orders (customer int, day int, id int, PRIMARY KEY (customer, day, id)) "
        "WITH CLUSTERING ORDER BY (day DESC, id DESC)"
    )
    for number in range(3):
        workshop.session.execute(f"INSERT INTO {workshop.keyspace}.orders (customer, day, id) VALUES (1, 7, {number})")
    workshop.write_view(
        "by_day",
        "CREATE MATERIALIZED VIEW {{ view }} AS SELECT customer, day, id FROM {{ base('orders') }}\n"
        "WHERE customer IS NOT NULL AND day IS NOT NULL AND id IS NOT NULL PRIMARY KEY ((day), id, customer)",
    )

    workshop.apply()  # and plans again: nothing is to be done

    assert workshop.serving("by_day") == "by_day__g1"
    (status,) = workshop.manager().status(workshop.full("by_day"))
    assert status.condition == "serving"
    reader = ViewReader(workshop.session, registry=workshop.registry)
    described = {column.name: column.is_descending for column in reader.describe(workshop.full("by_day")).columns}
    assert described == {"day": False, "id": True, "customer": False}
    assert [row.id for row in reader.select(workshop.full("by_day"), day=7)] == [2, 1, 0]
