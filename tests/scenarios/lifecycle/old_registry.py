"""A registry as the first version of this program made it."""

from __future__ import annotations

from cassandra.cluster import Session

from cassandra_views.registry.schema import SCHEMA_NUMBER, table_statements, upgrade_statements


def make_first_registry(session: Session, keyspace: str) -> None:
    """Create a registry of schema 1, which lacks what came later."""
    make_registry(session, keyspace, number=1)


def make_registry(session: Session, keyspace: str, *, number: int) -> None:
    """Create a registry of an earlier schema number."""
    replication = "{'class': 'SimpleStrategy', 'replication_factor': 1}"
    session.execute(f"CREATE KEYSPACE {keyspace} WITH replication = {replication}")
    later = added(keyspace, number)
    for table, cql in table_statements(keyspace):
        for column in later.get(table, ()):
            assert f"{column}, " in cql
            cql = cql.replace(f"{column}, ", "")
        session.execute(cql)
    session.execute(f"INSERT INTO {keyspace}.about (name, value) VALUES ('schema', '{number}') IF NOT EXISTS")


def added(keyspace: str, number: int) -> dict[str, list[str]]:
    """Return the declarations of the columns that came after a schema number, by table."""
    assert number < SCHEMA_NUMBER
    found: dict[str, list[str]] = {}
    for table, cql in upgrade_statements(keyspace, number):
        found.setdefault(table, []).extend(cql.partition("(")[2].removesuffix(")").split(", "))
    return found


def columns(session: Session, keyspace: str) -> set[str]:
    """Return the columns of the registry's table of views."""
    query = "SELECT column_name FROM system_schema.columns WHERE keyspace_name = %s AND table_name = 'views'"
    return {row[0] for row in session.execute(query, (keyspace,))}


def schema_number(session: Session, keyspace: str) -> str:
    """Return the registry's schema number as its table has it."""
    return str(session.execute(f"SELECT value FROM {keyspace}.about WHERE name = 'schema'").one()[0])
