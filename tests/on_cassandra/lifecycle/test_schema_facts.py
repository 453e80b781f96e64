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


def test_options_that_a_server_spells_in_its_own_way_let_a_view_serve(workshop: Workshop) -> None:
    workshop.session.execute(f"CREATE TABLE {workshop.keyspace}.t (p int PRIMARY KEY, v int)")
    workshop.write_view(
        "by_v",
        "CREATE MATERIALIZED VIEW {{ view }} AS SELECT p, v FROM {{ base('t') }}\n"
        "WHERE p IS NOT NULL AND v IS NOT NULL PRIMARY KEY ((v), p)\n"
        "WITH speculative_retry = 'NONE' AND additional_write_policy = 'max(50.7ms, 99PERCENTILE)' AND cdc = true\n"
        "AND allow_auto_snapshot = true AND incremental_backups = true AND read_repair = 'none'\n"
        "AND compression = {'class': 'LZ4Compressor', 'min_compress_ratio': 0, 'chunk_length_in_kb': '016'}\n"
        "AND caching = {'rows_per_partition': '010'} AND gc_grace_seconds = '0100' AND memtable = 'default'",
    )

    workshop.apply()

    assert workshop.serving("by_v") == "by_v__g1"
    (built,) = [event for event in workshop.manager().history(workshop.full("by_v")) if event.event == "built"]
    assert "cdc_enabled" in built.detail
    assert "option" in built.detail
    assert built.detail.count("option") == 1


def test_a_serving_view_whose_options_somebody_altered_passes_its_audit(workshop: Workshop) -> None:
    workshop.session.execute(f"CREATE TABLE {workshop.keyspace}.t (p int PRIMARY KEY, v int)")
    workshop.write_view(
        "by_v",
        "CREATE MATERIALIZED VIEW {{ view }} AS SELECT p, v FROM {{ base('t') }}\n"
        "WHERE p IS NOT NULL AND v IS NOT NULL PRIMARY KEY ((v), p) WITH gc_grace_seconds = 100",
    )
    workshop.apply()
    workshop.session.execute(f"ALTER MATERIALIZED VIEW {workshop.keyspace}.by_v__g1 WITH gc_grace_seconds = 200")

    manager = workshop.manager()
    manager.apply(manager.plan_audit(workshop.full("by_v")))

    assert workshop.manager().plan().steps == ()
