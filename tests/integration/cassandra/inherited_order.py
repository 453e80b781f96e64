"""What a server makes of views that state no CLUSTERING ORDER BY, on bases of every order: run on each version."""

from __future__ import annotations

from itertools import product

from cassandra.cluster import Session

from cassandra_client.database import Database
from cassandra_views.cql.drift import view_drift
from cassandra_views.cql.parse import parse_view
from cassandra_views.plan.catalog import read_catalog

KEYS = ("((p), c, d)", "((c), d, p)", "((v), d, p, c)")
"""PRIMARY KEYs of views: the base's own, one that hashes a clustering column, one led by a regular column."""


def check_inherited_orders(session: Session, keyspace: str) -> None:
    orders = list(product(("ASC", "DESC"), repeat=2))
    statements = {}
    for number, (c, d) in enumerate(orders):
        session.execute(
            f"CREATE TABLE {keyspace}.t{number} (p int, c int, d int, v int, PRIMARY KEY (p, c, d)) "
            f"WITH CLUSTERING ORDER BY (c {c}, d {d})"
        )
        for place, key in enumerate(KEYS):
            text = (
                f"CREATE MATERIALIZED VIEW {keyspace}.v{number}_{place} AS SELECT p, c, d, v FROM {keyspace}.t{number} "
                f"WHERE p IS NOT NULL AND c IS NOT NULL AND d IS NOT NULL AND v IS NOT NULL PRIMARY KEY {key}"
            )
            session.execute(text)
            statements[f"v{number}_{place}"] = text

    catalog = read_catalog(Database(session), [keyspace])

    for name, text in statements.items():
        live = catalog.views[keyspace, name]
        base = catalog.tables[keyspace, live.base]
        statement = parse_view(text).ordered_like(base)
        assert statement.clustering_order == tuple((one.name, one.is_descending) for one in live.shape.clustering)
        differences = view_drift(
            parse_view(text),
            base,
            live.shape,
            where_clause=live.where_clause,
            include_all_columns=live.include_all_columns,
            base_name=live.base,
        )
        assert differences == ()
