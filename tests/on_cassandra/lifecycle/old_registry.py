"""A registry as the first version of this program made it."""

from __future__ import annotations

from cassandra.cluster import Session

from cassandra_views.cluster.registry_schema import table_statements

_LATER = (
    "failures int static, failed_at timestamp static, ",
    "audit_base_rows bigint, audit_missing_rows bigint, audit_extra_rows bigint, audit_is_partial boolean, "
    "audit_method text, audit_first_time text, ",
)


def make_first_registry(session: Session, keyspace: str) -> None:
    """Create a registry of schema 1, which lacks what came later."""
    replication = "{'class': 'SimpleStrategy', 'replication_factor': 1}"
    session.execute(f"CREATE KEYSPACE {keyspace} WITH replication = {replication}")
    for table, cql in table_statements(keyspace):
        for columns_of_one in _LATER:
            assert (columns_of_one in cql) is (table == "views")
            cql = cql.replace(columns_of_one, "")
        session.execute(cql)
    session.execute(f"INSERT INTO {keyspace}.about (name, value) VALUES ('schema', '1') IF NOT EXISTS")


def columns(session: Session, keyspace: str) -> set[str]:
    """Return the columns of the registry's table of views."""
    query = "SELECT column_name FROM system_schema.columns WHERE keyspace_name = %s AND table_name = 'views'"
    return {row[0] for row in session.execute(query, (keyspace,))}


def schema_number(session: Session, keyspace: str) -> str:
    """Return the registry's schema number as its table has it."""
    return str(session.execute(f"SELECT value FROM {keyspace}.about WHERE name = 'schema'").one()[0])
