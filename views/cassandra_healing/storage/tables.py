"""The tables of cluster health, and their creation. Readable in cqlsh; additive changes only.

Rows of ``control`` are written by lightweight transactions alone.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Mapping

from cassandra_healing.session import ClusterSession

_SERVICES = {
    "services": (
        """
        hour text,
        at timestamp,
        service text,
        work text,
        machine text,
        seen list<text>,
        PRIMARY KEY (hour, at, service)
        """,
        "CLUSTERING ORDER BY (at DESC, service ASC) AND compaction = {'class': 'TimeWindowCompactionStrategy', "
        "'compaction_window_unit': 'HOURS', 'compaction_window_size': '6'}",
        "cluster health: what was seen of each service",
    ),
}
"""Made where services are watched."""
_NAMESPACE = uuid.UUID("0c1b5c3e-7f0e-5d2a-9a53-6c1f5d1f7e21")

_TABLES = {
    "checks": (
        """
        hour text,
        at timestamp,
        host_id uuid,
        node text,
        status text,
        results map<text, text>,
        heartbeats map<text, text>,
        PRIMARY KEY (hour, at, host_id)
        """,
        "CLUSTERING ORDER BY (at DESC, host_id ASC) AND compaction = {'class': 'TimeWindowCompactionStrategy', "
        "'compaction_window_unit': 'HOURS', 'compaction_window_size': '6'}",
        "cluster health: what was seen of each node",
    ),
    "journal": (
        """
        month text,
        at timeuuid,
        event text,
        operation uuid,
        act text,
        node text,
        host_id uuid,
        rule text,
        mode text,
        author text,
        outcome text,
        detail text,
        evidence list<text>,
        PRIMARY KEY (month, at)
        """,
        "CLUSTERING ORDER BY (at DESC)",
        "cluster health: what was decided and done, by whom; kept for good",
    ),
    "control": (
        """
        scope text,
        kind text,
        name text,
        operation uuid,
        act text,
        node text,
        host_id uuid,
        author text,
        why text,
        at timestamp,
        PRIMARY KEY (scope, kind, name)
        """,
        "CLUSTERING ORDER BY (kind ASC, name ASC)",
        "cluster health: kill switch, skipped nodes, the operation that is under way",
    ),
}


def tables_exist(session: ClusterSession, keyspace: str) -> bool:
    """Tell whether the tables are there; errors as ``ClusterSession.rows``."""
    rows = session.rows("SELECT table_name FROM system_schema.tables WHERE keyspace_name = %s", (keyspace,))
    return {row["table_name"] for row in rows} >= set(_TABLES)


def service_tables_exist(session: ClusterSession, keyspace: str) -> bool:
    """Tell whether the tables of services are there; errors as ``ClusterSession.rows``."""
    rows = session.rows("SELECT table_name FROM system_schema.tables WHERE keyspace_name = %s", (keyspace,))
    return {row["table_name"] for row in rows} >= set(_SERVICES)


def create_service_tables(session: ClusterSession, keyspace: str) -> None:
    """Make the tables of services where they are missing, the others first; errors as ``ClusterSession.ddl``."""
    create_tables(session, keyspace)
    if not service_tables_exist(session, keyspace):
        for statement in service_statements(keyspace):
            session.ddl(statement)


def statements(keyspace: str, data_centers: Counter[str]) -> list[str]:
    """Return what makes keyspace and tables; each can be sent twice, and by two at once.

    Args:
        data_centers: how many nodes each has; three replicas there, or as many as it has nodes.
    """
    factors = ", ".join(f"'{_escaped(name)}': '{min(3, count)}'" for name, count in sorted(data_centers.items()))
    create = (
        f"CREATE KEYSPACE IF NOT EXISTS {keyspace} WITH replication = {{'class': 'NetworkTopologyStrategy', {factors}}}"
    )
    return [create, *_creates(keyspace, _TABLES)]


def _escaped(text: str) -> str:
    return text.replace("'", "''")


def service_statements(keyspace: str) -> list[str]:
    """Return what makes the tables of services; as ``statements``."""
    return _creates(keyspace, _SERVICES)


def _creates(keyspace: str, tables: Mapping[str, tuple[str, str, str]]) -> list[str]:
    found = []
    for table, (columns, options, comment) in tables.items():
        # One id for all who make it: two CREATEs at once otherwise leave two tables of one name.
        table_id = uuid.uuid5(_NAMESPACE, f"{keyspace}.{table}")
        found.append(
            f"CREATE TABLE IF NOT EXISTS {keyspace}.{table} ({' '.join(columns.split())}) "
            f"WITH id = {table_id} AND {options} AND comment = '{comment}'"
        )
    return found


def create_tables(session: ClusterSession, keyspace: str) -> None:
    """Make what is missing; errors as ``ClusterSession.ddl``."""
    if tables_exist(session, keyspace):
        return
    for statement in statements(keyspace, Counter(str(host.datacenter) for host in session.hosts())):
        session.ddl(statement)
