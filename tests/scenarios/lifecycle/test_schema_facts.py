"""What the server fills in, inherits or spells in its own way is no difference: such views serve at the first run."""

from __future__ import annotations

from cassandra_views.read import ViewReader
from tests.scenarios.lifecycle.workshop import Workshop


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


NUMBERS = "a int, b int, c int, PRIMARY KEY (a, b, c)"
ACCEPTED = {
    "slices": (NUMBERS, "a IS NOT NULL AND (b, c) >= (0, 1) AND (b, c) < (5, 5)", "(a, b, c)", ""),
    "holds": (
        NUMBERS.replace("a int", "a frozen<set<int>>"),
        "a CONTAINS 1 AND b IS NOT NULL AND c IS NOT NULL",
        "(b, a, c)",
        "",
    ),
    "texts": (
        NUMBERS.replace("b int", "b text"),
        "a IS NOT NULL AND b >= '' AND c IS NOT NULL",
        "(c, b, a)",
        "WITH comment = 'by text, it''s'",
    ),
    "words": (
        "a int PRIMARY KEY, default int, mbean int",
        "a IS NOT NULL AND default IS NOT NULL AND mbean IS NOT NULL",
        "(default, a)",
        "WITH default_time_to_live = 0",
    ),
}
"""The columns of a base, and the WHERE, key and options of a view on it."""


def test_statements_that_servers_accept_come_to_serve(workshop: Workshop) -> None:
    rows = {
        "slices": "(a, b, c) VALUES (1, 2, 3)",
        "holds": "(a, b, c) VALUES ({1, 2}, 2, 3)",
        "texts": "(a, b, c) VALUES (1, '', 3)",
        "words": "(a, default) VALUES (1, 2)",  # mbean is null: the server does not heed IS NOT NULL outside the key
    }
    for name, (columns, where, key, rest) in ACCEPTED.items():
        selected = "a, default, mbean" if name == "words" else "a, b, c"
        workshop.session.execute(f"CREATE TABLE {workshop.keyspace}.of_{name} ({columns})")
        workshop.session.execute(f"INSERT INTO {workshop.keyspace}.of_{name} {rows[name]}")
        workshop.write_view(
            name,
            f"CREATE MATERIALIZED VIEW {{{{ view }}}} AS SELECT {selected} FROM {{{{ base('of_{name}') }}}}\n"
            f"WHERE {where} PRIMARY KEY {key} {rest}",
        )

    workshop.apply()  # and plans again: nothing is to be done

    for name in ACCEPTED:
        assert workshop.serving(name) == f"{name}__g1"
        assert len(workshop.rows(f"{name}__g1")) == 1
        assert [each.rows_built for each in workshop.record(name).generations] == [1]
    query = "SELECT comment FROM system_schema.views WHERE keyspace_name = %s AND view_name = 'texts__g1'"
    comment = workshop.session.execute(query, (workshop.keyspace,)).one()[0]
    assert comment.startswith("by text, it's cassandra-views registry=")
