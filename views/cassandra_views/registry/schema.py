"""The registry's own tables: their statements, their number, and what may read them.

Additive changes only: what a later number adds stands in ``_ADDED``, too. ``keyspace_name, view_name,
read_from`` of ``views`` are frozen for good: readers are upgraded on other days than managers.
"""

from __future__ import annotations

from cassandra_client.database import OwnTable
from cassandra_client.names import quoted

SCHEMA_NUMBER = 6

_TABLES = (
    OwnTable(
        name="about",
        columns="""
        name text PRIMARY KEY,
        value text
        """,
        comment="cassandra-views: schema number of this registry",
    ),
    OwnTable(
        name="views",
        columns="""
        keyspace_name text,
        view_name text,
        number int,
        fence bigint static,
        read_from list<frozen<map<text, text>>> static,
        next_number int static,
        strategy text static,
        grace_seconds int static,
        override text static,
        override_by text static,
        override_why text static,
        override_until timestamp static,
        next_due timestamp static,
        last_error text static,
        failures int static,
        failed_at timestamp static,
        rolled_back_from int static,
        dropped_at timestamp static,
        dropped_by text static,
        dropped_why text static,
        failed_builds int static,
        failed_version text static,
        failed_base text static,
        failed_reason text static,
        project text static,
        lag_seconds double static,
        lag_bound text static,
        lag_measured_at timestamp static,
        lag_found text static,
        renamed_to text static,
        kept_names frozen<list<text>> static,
        former_names frozen<map<text,timestamp>> static,
        physical_name text,
        table_id uuid,
        version text,
        window_start timestamp,
        window_end timestamp,
        window_declared text,
        state text,
        audit text,
        audited_at timestamp,
        created_at timestamp,
        built_at timestamp,
        served_at timestamp,
        retired_at timestamp,
        rows_built bigint,
        audit_base_rows bigint,
        audit_view_rows bigint,
        audit_missing_rows bigint,
        audit_extra_rows bigint,
        audit_stale_rows bigint,
        audit_expiring_rows bigint,
        audit_newer_rows bigint,
        audit_ahead_rows bigint,
        audit_differing_totals list<text>,
        audit_is_partial boolean,
        audit_method text,
        audit_first_time text,
        run text,
        cql text,
        reason text,
        base_mark text,
        compared_to int,
        compared_rows bigint,
        suspect_since timestamp,
        suspect_reason text,
        suspect_by text,
        baseline frozen<map<text,text>>,
        PRIMARY KEY ((keyspace_name, view_name), number)
        """,
        comment="cassandra-views: what exists and what serves; read_from names the physical views to query",
    ),
    OwnTable(
        name="history",
        columns="""
        keyspace_name text,
        view_name text,
        month text,
        at timeuuid,
        event text,
        number int,
        author text,
        run text,
        detail text,
        PRIMARY KEY ((keyspace_name, view_name, month), at)
        """,
        options="CLUSTERING ORDER BY (at DESC)",
        comment="cassandra-views: what happened",
    ),
    OwnTable(
        name="lease",
        columns="""
        resource text PRIMARY KEY,
        owner text,
        number bigint,
        released bigint
        """,
        comment="cassandra-views: who may issue DDL or switch readers now",
    ),
)

_ADDED = {
    2: {"views": "failures int static, failed_at timestamp static"},
    3: {
        "views": "rolled_back_from int static, dropped_at timestamp static, dropped_by text static, "
        "dropped_why text static, failed_builds int static, failed_version text static, failed_base text static, "
        "failed_reason text static, window_declared text, base_mark text, compared_to int, compared_rows bigint, "
        "audit_base_rows bigint, audit_missing_rows bigint, audit_extra_rows bigint, "
        "audit_is_partial boolean, audit_method text, audit_first_time text"
    },
    4: {
        "views": "audit_view_rows bigint, audit_stale_rows bigint, audit_expiring_rows bigint, "
        "audit_newer_rows bigint, audit_ahead_rows bigint, audit_differing_totals list<text>"
    },
    5: {
        "views": "suspect_since timestamp, suspect_reason text, suspect_by text, baseline frozen<map<text,text>>, "
        "lag_seconds double static, lag_bound text static, lag_measured_at timestamp static, lag_found text static"
    },
    6: {
        "views": "renamed_to text static, kept_names frozen<list<text>> static, "
        "former_names frozen<map<text,timestamp>> static"
    },
}
"""Columns that came with a schema number, by table."""


def static_columns() -> tuple[str, ...]:
    """Return the columns of ``views`` that a whole view has, and not each of its generations."""
    views = next(each for each in _TABLES if each.name == "views")
    lines = [line.split() for line in views.columns.split(",\n")]
    return tuple(words[0] for words in lines if words[-1] == "static")


def table_statements(keyspace: str) -> list[tuple[str, str]]:
    """Return (table, CREATE TABLE) of every registry table."""
    return [(each.name, each.create_cql(keyspace)) for each in _TABLES]


def upgrade_statements(keyspace: str, number: int) -> list[tuple[str, str]]:
    """Return (table, ALTER TABLE) of what a registry of this schema number lacks; each can be sent twice."""
    return [
        (table, f"ALTER TABLE {quoted(keyspace)}.{table} ADD IF NOT EXISTS ({columns})")
        for later in range(number + 1, SCHEMA_NUMBER + 1)
        for table, columns in _ADDED[later].items()
    ]
