from __future__ import annotations

from cassandra_client.database import OwnTable
from cassandra_client.names import table_id


def test_all_who_make_a_table_send_the_same_statement() -> None:
    table = OwnTable(
        name="notes", columns="name text,\n    at int,\n    PRIMARY KEY (name, at)", comment="what is noted"
    )
    assert table.create_cql("Shop") == (
        'CREATE TABLE IF NOT EXISTS "Shop".notes (name text, at int, PRIMARY KEY (name, at)) '
        f"WITH id = {table_id('Shop', 'notes')} AND comment = 'what is noted'"
    )
    ordered = OwnTable(name="log", columns="at int PRIMARY KEY", options="CLUSTERING ORDER BY (at DESC)")
    assert ordered.create_cql("shop").endswith(f"WITH id = {table_id('shop', 'log')} AND {ordered.options}")
